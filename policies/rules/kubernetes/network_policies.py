"""A rule on the destinations in network policies."""

from ipaddress import ip_address, ip_network

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import Value

METADATA = tuple(map(ip_address, ("169.254.169.254", "fd00:ec2::254")))
"""Addresses of EC2's instance metadata service, on TCP port 80 (EC2 user guide, instance metadata)."""
PORT = 80


@WORKLOADS.rule(
    "workload-egress-to-instance-metadata",
    types=kubernetes("networking.k8s.io/v1", "NetworkPolicy"),
    severity=Severity.HIGH,
    controls=("EKS best practices: instance metadata",),
    remediation="Add 169.254.0.0/16 (for IPv6 fd00:ec2::254/128) to `except` of the ipBlock, or name ports.",
    url="https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
)
def instance_metadata(resource: Resource, _: Options) -> Verdicts:
    """Refuse egress to the instance metadata service, which issues the credentials of the node."""
    for item in objects(resource):
        yield from check_each(item.value.at("spec.egress").items(), _rule)


def _rule(rule: Value) -> Verdicts:
    """Check one egress rule; without `to` it allows every destination, without `ports` every port."""
    ports, peers = rule["ports"].items(), rule["to"].items()
    if ports and not any(_covers(port) for port in ports):
        return
    if not peers:
        yield disallowed(rule["to"], "name the destinations")
    yield from check_each((peer["ipBlock"] for peer in peers), _block)


def _covers(port: Value) -> bool:
    """Return True if a port entry includes the port of the metadata service; a named port may be any port."""
    if port["protocol"].text() not in (None, "TCP"):
        return False
    first, last = port["port"].get(), port["endPort"].number()
    if not isinstance(first, int | float):
        return True
    return first <= PORT <= (first if last is None else last)


def _block(block: Value) -> Verdicts:
    """Check the addresses of one peer; a peer that selects pods never includes them."""
    cidr = block["cidr"].text()
    excepted = [network.text() for network in block["except"].items()]
    for address in METADATA:
        if _holds(cidr, address) and not any(_holds(network, address) for network in excepted):
            yield disallowed(block["cidr"], f"add {address} to its except")


def _holds(cidr: str | None, address: object) -> bool:
    try:
        return cidr is not None and address in ip_network(cidr, strict=False)
    except ValueError:
        return False

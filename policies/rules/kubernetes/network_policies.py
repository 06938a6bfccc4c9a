"""A rule on the destinations in network policies."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Verdicts, check_each, disallowed, expected
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.checks import check_each_object
from policies.model.kubernetes.label_selectors import labels_of
from policies.model.kubernetes.pods import Object, kubernetes, objects, patches
from policies.model.property_values import UnknownValueError, Value

METADATA = tuple(map(ip_address, ("169.254.169.254", "fd00:ec2::254")))
"""Addresses of EC2's instance metadata service, on TCP port 80 (EC2 user guide, instance metadata)."""
PORT = 80

_POLICIES = tuple(sorted(kubernetes("networking.k8s.io/v1", "NetworkPolicy")))


@WORKLOADS.stack_rule(
    "workload-egress-to-instance-metadata",
    about=_POLICIES,
    severity=Severity.HIGH,
    controls=("EKS best practices: instance metadata",),
    remediation=(
        "Add 169.254.0.0/16 (for IPv6 fd00:ec2::254/128) to `except` of the ipBlock, or name ports. Add "
        "Egress to policyTypes, or a policy with this type for all pods of the namespace."
    ),
    url="https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
)
def instance_metadata(stack: Stack, _: Options) -> Verdicts:
    """Refuse egress to the instance metadata service, which issues the credentials of the node.

    A policy that does not limit egress needs another one that limits it for the same pods.
    """
    limiting = _Limiting(stack)

    def check(resource: Resource, item: Object) -> Verdicts:
        for verdict in check_each(item.value.at("spec.egress").items(), _rule):
            yield (
                resource.attach(verdict)
                if isinstance(verdict, Finding)
                else replace(verdict, urn=resource.urn)
            )
        if not patches(resource) and not limiting.covers(item.value):
            yield resource.attach(expected(item.value.at("spec.policyTypes"), "a list with 'Egress'"))

    yield from check_each_object(stack, _POLICIES, check)


class _Limiting:
    """The labels that policies with the type Egress require of their pods, by namespace."""

    def __init__(self, stack: Stack) -> None:
        self._required: dict[str | None, list[dict[str, str | None]]] = {}
        for resource in stack.of(_POLICIES):
            if not patches(resource):
                for item in objects(resource):
                    self._add(item.value)

    def _add(self, policy: Value) -> None:
        """Add a policy, unless a value of it is unknown or it selects its pods by expressions."""
        try:
            if _limits_egress(policy) and not policy.at("spec.podSelector.matchExpressions").items():
                labels = labels_of(policy.at("spec.podSelector.matchLabels"))
                self._required.setdefault(policy.at("metadata.namespace").text(), []).append(labels)
        except UnknownValueError:
            return

    def covers(self, policy: Value) -> bool:
        """Return True if policies limit the egress of all pods of a policy."""
        if _limits_egress(policy):
            return True
        candidates = self._required.get(policy.at("metadata.namespace").text(), ())
        labels = labels_of(policy.at("spec.podSelector.matchLabels")) if candidates else {}
        return any(required.items() <= labels.items() for required in candidates)


def _limits_egress(policy: Value) -> bool:
    """Return True if a policy denies outgoing traffic that no policy allows.

    Without policyTypes, it does so if it has egress rules (Kubernetes API reference, NetworkPolicySpec).
    """
    types = policy.at("spec.policyTypes")
    return "Egress" in types.texts() if types.items() else bool(policy.at("spec.egress").items())


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

"""Settings of the EKS cluster."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from components.settings.config_commands import KeyPath, remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import (
    Arn,
    Cidr,
    CpuQuantity,
    Distinct,
    LogRetentionDays,
    MemoryQuantity,
    Model,
    entries,
    one_of,
)
from eks_versions import STANDARD_SUPPORT

EXAMPLE_SERVICE_CIDR = "172.20.0.0/16"

DOCUMENTATION_NETWORKS = [IPv4Network(cidr) for cidr in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
"""Networks that are reserved for examples in documentation (RFC 5737)."""

PRIVATE_NETWORKS = [IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
"""Private networks, in which EKS accepts a service network (RFC 1918)."""

SPECIAL_NETWORKS = [
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
]
"""Special-purpose and multicast networks (IANA, IPv4 special-purpose addresses)."""

REFUSED_CLIENT_NETWORKS = [*PRIVATE_NETWORKS, *DOCUMENTATION_NETWORKS, *SPECIAL_NETWORKS]
"""Networks to which no client on the internet belongs. EKS refuses a list of clients that contains such a
network (EKS user guide, cluster API server endpoint)."""


class ClusterEndpoint(Model):
    """The public endpoint of the cluster's API; the private endpoint is always on."""

    public: bool
    """True if the cluster's API can be reached from the internet."""
    allowed_cidrs: Annotated[
        list[Annotated[Cidr, Field(examples=["203.0.113.7/32"])]], entries(0, 40), Distinct
    ]
    """Networks that may reach the public endpoint, such as the egress address of an office. To see your own
    address, run `curl -4 https://checkip.amazonaws.com`. EKS allows at most 40 networks, and
    refuses private and reserved ones. 0.0.0.0/0 is refused, too."""


class Nodes(Model):
    """The pool of nodes on which the pods run."""

    cpu_limit: Annotated[CpuQuantity, Field(examples=["16"])]
    """CPU of all nodes of the pool together; at the limit, further pods stay pending."""
    memory_limit: Annotated[MemoryQuantity, Field(examples=["64Gi"])]
    """Memory of all nodes of the pool together; at the limit, further pods stay pending."""


class Cluster(Model):
    """The EKS cluster (Auto Mode)."""

    version: Annotated[str, one_of(STANDARD_SUPPORT, "1.35")]
    """A Kubernetes version in EKS standard support."""
    endpoint: ClusterEndpoint
    service_cidr: Annotated[Cidr, Field(examples=[EXAMPLE_SERVICE_CIDR])]
    """Network of the Services' cluster addresses: private, /12 to /24, outside the VPC (EKS)."""
    log_retention_days: LogRetentionDays
    """Days for which CloudWatch keeps the control plane's logs."""
    nodes: Nodes
    operators: Annotated[list[Arn], entries(0), Distinct]
    """ARNs of the IAM principals that may administer the cluster. They must include the principal that runs
    the first `pulumi up`: the creator of a cluster has no access by default."""


def is_service_network(network: IPv4Network) -> bool:
    """Return True if EKS accepts a network for Services: private, /12 to /24."""
    return 12 <= network.prefixlen <= 24 and any(network.subnet_of(private) for private in PRIVATE_NETWORKS)


def check_service_network(cluster: Cluster) -> Iterator[SettingFault]:
    """Refuse a service network that EKS does not accept."""
    if not is_service_network(IPv4Network(cluster.service_cidr)):
        path = ("pipe:cluster", "serviceCidr")
        allowed = "a network from /12 to /24 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (EKS)"
        yield invalid_value(path, cluster.service_cidr, allowed, set_command(path, EXAMPLE_SERVICE_CIDR))


def check_endpoint_clients(cluster: Cluster) -> Iterator[SettingFault]:
    """Refuse a public endpoint with no clients, with 0.0.0.0/0, or with clients that EKS refuses."""
    path: KeyPath = ("pipe:cluster", "endpoint", "allowedCidrs")
    if cluster.endpoint.public and not cluster.endpoint.allowed_cidrs:
        allowed = "at least one network while pipe:cluster.endpoint.public is true"
        yield invalid_value(path, [], allowed, set_command(("pipe:cluster", "endpoint", "public"), False))
    # The last entry comes first, since its removal does not shift the indexes in the other faults.
    for index, cidr in reversed([*enumerate(cluster.endpoint.allowed_cidrs)]):
        if allowed := _allowed_clients(IPv4Network(cidr)):
            entry = (*path, index)
            yield invalid_value(entry, cidr, allowed, remove_command(entry))


def _allowed_clients(network: IPv4Network) -> str | None:
    """Return a description of the allowed clients, or None if the network is allowed."""
    if network.prefixlen == 0:
        return "the networks of operators, never all addresses"
    if any(network.subnet_of(documentation) for documentation in DOCUMENTATION_NETWORKS):
        return (
            "your own address, which `curl -4 https://checkip.amazonaws.com` prints, with /32; "
            "this network is only for examples in documents (RFC 5737), and EKS refuses it"
        )
    if any(network.overlaps(refused) for refused in REFUSED_CLIENT_NETWORKS):
        return "a public network of the operators, since EKS refuses private and reserved networks"
    return None


CHECKS = (check_service_network, check_endpoint_clients)

"""Settings of the VPC and its subnets."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from components.settings.config_commands import KeyPath, format_path, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import Cidr, Distinct, LogRetentionDays, Model, entries

ZONES = 3
"""Number of availability zones of every stack."""

NO_CONTROL_PLANE = ("use1-az3", "usw1-az2", "cac1-az3")
"""IDs of zones in which EKS does not accept cluster subnets (EKS, VPC and subnet requirements)."""

RESERVED_ADDRESSES = 5
"""Number of addresses that AWS reserves in every subnet (Amazon VPC, subnet sizing)."""

LONGEST_PREFIX = 28
"""The prefix length of the smallest subnet that AWS accepts (Amazon VPC, subnet sizing)."""

LONGEST_PRIVATE_PREFIX = 27
"""The prefix length of the smallest private subnet: EKS recommends 16 free addresses, and a /28 has 11.

Source: EKS user guide, subnet requirements for clusters (at least six, sixteen recommended).
"""

Subnet: TypeAlias = tuple[KeyPath, IPv4Network]
"""A subnet with its path in the stack file."""


class Subnets(Model):
    """One subnet per zone in each tier, in three zones.

    EKS accepts only subnets in the zones with which the cluster was created (EKS user guide, VPC and subnet
    requirements), so a stack cannot get its third zone later.
    """

    public: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.0.0/24", "10.10.1.0/24", "10.10.2.0/24"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """Subnets of load balancers and NAT gateways."""
    private: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.16.0/20", "10.10.32.0/20", "10.10.48.0/20"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """Subnets of nodes, pods and the CI runner."""
    database: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.8.0/24", "10.10.9.0/24", "10.10.10.0/24"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """Subnets of the database, without a route to the internet."""


class Network(Model):
    """The VPC."""

    cidr: Cidr
    """The VPC's network; /16 to /28 (AWS VPC quotas)."""
    subnets: Subnets
    nat_gateways: Literal["one", "each-zone"]
    """one: a single NAT gateway for all zones (cheap); each-zone: one per zone (survives the loss of a
    zone)."""
    flow_log_retention_days: LogRetentionDays
    """Days for which the bucket keeps the VPC's flow logs."""

    @property
    def nat_zones(self) -> int:
        """Number of zones with a NAT gateway and an address of Secrets Manager's endpoint; AWS bills each
        zone."""
        return len(self.subnets.public) if self.nat_gateways == "each-zone" else 1


class SubnetAllocator:
    """Allocator of free networks in the VPC, which the fixes for faults propose."""

    def __init__(self, network: Network) -> None:
        self._allocated = [subnet for _, subnet in _subnets(network)]
        # An invalid VPC network is missing here; a network around the first subnet replaces it.
        first = self._allocated[0]
        substitute = first.supernet(new_prefix=min(16, first.prefixlen))
        self._vpc = IPv4Network(getattr(network, "cidr", substitute))

    def allocate(self, prefix: int) -> str:
        """Return a network that overlaps no subnet or earlier proposal; in a full VPC, the VPC's network."""
        for candidate in self._vpc.subnets(new_prefix=max(prefix, self._vpc.prefixlen)):
            if not any(candidate.overlaps(subnet) for subnet in self._allocated):
                self._allocated.append(candidate)
                return str(candidate)
        return str(self._vpc)


def free_addresses(network: Network) -> int:
    """Return the number of addresses that the private subnets have for nodes and pods."""
    subnets = (IPv4Network(cidr) for cidr in network.subnets.private)
    return sum(subnet.num_addresses - RESERVED_ADDRESSES for subnet in subnets)


def check_vpc_size(network: Network) -> Iterator[SettingFault]:
    """Refuse a VPC outside /16 to /28 (Amazon VPC quotas)."""
    if not 16 <= IPv4Network(network.cidr).prefixlen <= 28:
        path = ("pipe:network", "cidr")
        yield invalid_value(
            path, network.cidr, "a network from /16 to /28 (AWS)", set_command(path, "10.10.0.0/16")
        )


def check_subnets_in_vpc(network: Network) -> Iterator[SettingFault]:
    """Refuse a subnet outside the VPC."""
    vpc, allocator = IPv4Network(network.cidr), SubnetAllocator(network)
    for path, subnet in _subnets(network):
        if not subnet.subnet_of(vpc):
            allowed = f"a network inside pipe:network.cidr ({vpc})"
            fix = set_command(path, allocator.allocate(subnet.prefixlen))
            yield invalid_value(path, str(subnet), allowed, fix)


def check_subnets_disjoint(network: Network) -> Iterator[SettingFault]:
    """Refuse subnets that overlap."""
    allocator = SubnetAllocator(network)
    for (first_path, first), (second_path, second) in combinations(_subnets(network), 2):
        if first.overlaps(second):
            allowed = f"a network that does not overlap {format_path(first_path)} ({first})"
            fix = set_command(second_path, allocator.allocate(second.prefixlen))
            yield invalid_value(second_path, str(second), allowed, fix)


def check_subnet_sizes(network: Network) -> Iterator[SettingFault]:
    """Refuse a subnet that is smaller than AWS accepts, or a private one below what EKS recommends."""
    allocator = SubnetAllocator(network)
    for path, subnet in _subnets(network):
        private = path[2] == "private"
        longest = LONGEST_PRIVATE_PREFIX if private else LONGEST_PREFIX
        reason = "EKS recommends 16 free addresses" if private else "AWS"
        if subnet.prefixlen > longest:
            fix = set_command(path, allocator.allocate(longest))
            yield invalid_value(path, str(subnet), f"/{longest} or larger ({reason})", fix)


def _subnets(network: Network) -> list[Subnet]:
    tiers = {
        "public": network.subnets.public,
        "private": network.subnets.private,
        "database": network.subnets.database,
    }
    return [
        (("pipe:network", "subnets", tier, index), IPv4Network(cidr))
        for tier, cidrs in tiers.items()
        for index, cidr in enumerate(cidrs)
    ]


CHECKS = (check_vpc_size, check_subnets_in_vpc, check_subnets_disjoint, check_subnet_sizes)

"""Networks that overlap, lie outside, or are too small."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from components.settings.errors import Fault, dotted, remove, set_to, wrong
from components.settings.json_schema import KeyPath
from components.settings.stack import Settings

Subnet = tuple[KeyPath, IPv4Network]

RESERVED = 5
"""Addresses of a subnet that AWS keeps (Amazon VPC, subnet sizing)."""

DOCUMENTATION = [IPv4Network(cidr) for cidr in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
"""Networks that stand for an address in examples, and belong to nobody (RFC 5737)."""

PRIVATE = [IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
"""Where EKS accepts a service network (RFC 1918)."""

RESERVED_CLIENTS = [
    *PRIVATE,
    *DOCUMENTATION,
    *(
        IPv4Network(cidr)
        for cidr in (
            *("0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24"),
            *("192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3"),
        )
    ),
]
"""Where nobody comes from on the internet (IANA, IPv4 special-purpose addresses, and multicast): EKS refuses
a list of clients with such a network (user guide, cluster API server endpoint)."""


def size_of_vpc(s: Settings) -> Iterator[Fault]:
    """Amazon VPC quotas: /16 to /28."""
    if not 16 <= IPv4Network(s.network.cidr).prefixlen <= 28:
        path = ("pipe:network", "cidr")
        yield wrong(path, s.network.cidr, "a network from /16 to /28 (AWS)", set_to(path, "10.10.0.0/16"))


def inside(s: Settings) -> Iterator[Fault]:
    """Subnets lie in the VPC."""
    vpc, room = IPv4Network(s.network.cidr), Room(s)
    for path, subnet in _subnets(s):
        if not subnet.subnet_of(vpc):
            allowed = f"a network inside pipe:network.cidr ({vpc})"
            yield wrong(path, str(subnet), allowed, set_to(path, room.take(subnet.prefixlen)))


def apart(s: Settings) -> Iterator[Fault]:
    """Subnets do not overlap."""
    room = Room(s)
    for (first, one), (second, other) in combinations(_subnets(s), 2):
        if one.overlaps(other):
            allowed = f"a network that does not overlap {dotted(first)} ({one})"
            yield wrong(second, str(other), allowed, set_to(second, room.take(other.prefixlen)))


def size_of_subnets(s: Settings) -> Iterator[Fault]:
    """At most /28 (AWS). Private ones at most /27: EKS asks for 16 free addresses, and a /28 has 11.

    (EKS user guide, subnet requirements for clusters: at least six, sixteen recommended.)
    """
    room = Room(s)
    for path, subnet in _subnets(s):
        longest = 27 if path[2] == "private" else 28
        if subnet.prefixlen > longest:
            reason = "EKS needs 16 free addresses" if longest == 27 else "AWS"
            yield wrong(
                path, str(subnet), f"/{longest} or larger ({reason})", set_to(path, room.take(longest))
            )


def room_for_pods(s: Settings) -> Iterator[Fault]:
    """Every pod has an address of a private subnet."""
    subnets = [IPv4Network(cidr) for cidr in s.network.subnets.private]
    room = sum(subnet.num_addresses - RESERVED for subnet in subnets)
    if s.kubernetes.quota_pods > room:
        path = ("pipe:kubernetes", "quotaPods")
        allowed = f"at most {room}, the free addresses of pipe:network.subnets.private"
        yield wrong(path, s.kubernetes.quota_pods, allowed, set_to(path, room))


def service_network(s: Settings) -> Iterator[Fault]:
    """EKS: private, /12 to /24; and nothing in the VPC may answer to one of its addresses."""
    services, path = IPv4Network(s.cluster.service_cidr), ("pipe:cluster", "serviceCidr")
    if not (12 <= services.prefixlen <= 24 and any(services.subnet_of(private) for private in PRIVATE)):
        allowed = "a network from /12 to /24 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (EKS)"
        yield wrong(path, str(services), allowed, set_to(path, "172.20.0.0/16"))
    elif services.overlaps(IPv4Network(s.network.cidr)):
        allowed = f"a network outside pipe:network.cidr ({s.network.cidr})"
        yield wrong(path, str(services), allowed, set_to(path, "172.20.0.0/16"))


def endpoint(s: Settings) -> Iterator[Fault]:
    """The cluster's API is never open to the world, and its clients are addresses of the internet."""
    path: KeyPath = ("pipe:cluster", "endpoint", "allowedCidrs")
    if s.cluster.endpoint.public and not s.cluster.endpoint.allowed_cidrs:
        public = ("pipe:cluster", "endpoint", "public")
        yield wrong(
            path, [], "at least one network while pipe:cluster.endpoint.public is true", set_to(public, False)
        )
    # The last one first, so that no removal moves what the next one is about.
    for index, cidr in reversed([*enumerate(s.cluster.endpoint.allowed_cidrs)]):
        entry, network = (*path, index), IPv4Network(cidr)
        if network.prefixlen == 0:
            yield wrong(entry, cidr, "the networks of operators, never all addresses", remove(entry))
        elif any(network.subnet_of(example) for example in DOCUMENTATION):
            allowed = (
                "your own address with /32, as `curl -4 https://checkip.amazonaws.com` prints it; "
                "this network only stands for one in examples (RFC 5737), and EKS refuses it"
            )
            yield wrong(entry, cidr, allowed, remove(entry))
        elif any(network.overlaps(reserved) for reserved in RESERVED_CLIENTS):
            allowed = "a network that operators come from on the internet, not private or reserved (EKS)"
            yield wrong(entry, cidr, allowed, remove(entry))


def _subnets(s: Settings) -> list[Subnet]:
    tiers = s.network.subnets
    return [
        (("pipe:network", "subnets", tier, index), IPv4Network(cidr))
        for tier, cidrs in (
            ("public", tiers.public),
            ("private", tiers.private),
            ("database", tiers.database),
        )
        for index, cidr in enumerate(cidrs)
    ]


class Room:
    """What is left of the VPC: where a fault proposes a network."""

    def __init__(self, s: Settings) -> None:
        self._taken = [subnet for _, subnet in _subnets(s)]
        # While the VPC's own network is faulty, that of its first subnet stands for it.
        around = self._taken[0].supernet(new_prefix=min(16, self._taken[0].prefixlen))
        self._vpc = IPv4Network(getattr(s.network, "cidr", around))

    def take(self, prefix: int) -> str:
        """A network that nothing overlaps, nor what was taken before; the VPC's own if there is none."""
        for each in self._vpc.subnets(new_prefix=max(prefix, self._vpc.prefixlen)):
            if not any(each.overlaps(other) for other in self._taken):
                self._taken.append(each)
                return str(each)
        return str(self._vpc)


CHECKS = (size_of_vpc, inside, apart, size_of_subnets, room_for_pods, service_network, endpoint)

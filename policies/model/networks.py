"""A check for networks that are open to the internet, and facts on firewalls of VPCs."""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from policies.model.property_values import Value

_Network = IPv4Network | IPv6Network

DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

ALL, ICMP, TCP, UDP, ICMPV6 = -1, 1, 6, 17, 58
"""Numbers of protocols, as EC2 and IANA have them; -1 stands for all protocols."""

LAST_PORT = 65535

PROTOCOLS_WITH_PORTS = (TCP, UDP)
"""The protocols of which a rule opens certain ports; EC2 ignores the ports of others (EC2, IpPermission)."""

_NUMBERS = {"all": ALL, "icmp": ICMP, "tcp": TCP, "udp": UDP, "icmpv6": ICMPV6}

_PUBLIC_IPV4 = (IPv4Network("0.0.0.0/0"),)
_PUBLIC_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/16",
            "2003::/18",
            "2400::/12",
            "2410::/12",
            "2600::/12",
            "2630::/12",
            "2800::/12",
            "2a00::/12",
            "2a10::/12",
            "2c00::/12",
        ),
    )
)
"""The IPv6 networks that IANA has given to registries; nobody has an address in the rest of 2000::/3.

Source: https://www.iana.org/assignments/ipv6-unicast-address-assignments. The two networks of less than /18
that it lists beside these change nothing."""


def protocol_number(value: Value) -> int | None:
    """Return the number of a protocol, as the provider reads names and digits; None for other texts.

    The provider takes "06" and "+6" for TCP, too (terraform-provider-aws, internal/service/ec2:
    protocolForValue and networkACLProtocolNumber use Go's Atoi).
    """
    text = str(value.get()).strip().lower()
    if text in _NUMBERS:
        return _NUMBERS[text]
    try:
        return int(text)
    except ValueError:
        return None


def is_world(*texts: str) -> bool:
    """Return True if networks together are at least half of the internet; other strings count as nothing."""
    ipv4, ipv6 = list[IPv4Network](), list[IPv6Network]()
    for text in texts:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            continue
        if isinstance(network, IPv4Network):
            ipv4.append(network)
        else:
            ipv6.append(network)
    return _are_half(collapse_addresses(ipv4), _PUBLIC_IPV4) or _are_half(
        collapse_addresses(ipv6), _PUBLIC_IPV6
    )


def is_private(text: str) -> bool:
    """Return True for a network without any address of the internet; False for other strings."""
    try:
        return ip_network(text, strict=False).is_private
    except ValueError:
        return False


def _are_half(networks: Iterable[_Network], public: Collection[_Network]) -> bool:
    """Return True if separate networks have at least half of the addresses of the public networks."""
    # Of two networks that overlap, one contains the other.
    size = sum(
        min(network.num_addresses, part.num_addresses)
        for network in networks
        for part in public
        if network.overlaps(part)
    )
    return 2 * size >= sum(part.num_addresses for part in public)

"""Networks as text, and types of security groups."""

from ipaddress import IPv6Network, ip_network

DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The IPv6 addresses that IANA assigns for unicast; the rest of IPv6 does not reach the internet."""


def is_world(text: str) -> bool:
    """Return True if a network is the internet or half of it, and False for a text that is no network."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    if isinstance(network, IPv6Network) and network.overlaps(PUBLIC_IPV6):
        return network.prefixlen <= PUBLIC_IPV6.prefixlen + 1
    return network.prefixlen <= 1

"""Networks as text: which of them are the internet."""

from ipaddress import IPv6Network, ip_network

DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All that IANA gives out for unicast; the rest of IPv6 does not reach the internet."""


def is_world(text: str) -> bool:
    """Whether a network is the whole internet, or half of it; text that is no network is not."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    if isinstance(network, IPv6Network) and network.overlaps(PUBLIC_IPV6):
        return network.prefixlen <= PUBLIC_IPV6.prefixlen + 1
    return network.prefixlen <= 1

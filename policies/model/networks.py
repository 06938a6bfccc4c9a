"""A check for networks that are open to the internet, and facts on firewalls of VPCs."""

from ipaddress import IPv6Network, ip_network

DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

PROTOCOLS_WITH_PORTS = ("tcp", "udp", "6", "17")
"""The names and numbers of TCP and UDP, as EC2 accepts them."""

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The IPv6 addresses that IANA assigns for unicast; no other IPv6 addresses reach the internet."""


def is_world(text: str) -> bool:
    """Return True if a network is at least half of the internet; False if the string is not a network."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    if isinstance(network, IPv6Network) and network.overlaps(PUBLIC_IPV6):
        return network.prefixlen <= PUBLIC_IPV6.prefixlen + 1
    return network.prefixlen <= 1

"""A check for networks that are open to the internet, and facts on firewalls of VPCs."""

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

PROTOCOLS_WITH_PORTS = ("tcp", "udp", "6", "17")
"""The names and numbers of TCP and UDP, as EC2 accepts them."""

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The IPv6 addresses that IANA assigns for unicast; no other IPv6 addresses reach the internet."""


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
        elif network.overlaps(PUBLIC_IPV6):
            ipv6.append(network if network.subnet_of(PUBLIC_IPV6) else PUBLIC_IPV6)
    size4 = sum(network.num_addresses for network in collapse_addresses(ipv4))
    size6 = sum(network.num_addresses for network in collapse_addresses(ipv6))
    return 2 * size4 >= 2**32 or 2 * size6 >= PUBLIC_IPV6.num_addresses

"""The CIDR blocks that EKS allows for its endpoints and for Kubernetes services (EKS API)."""

from ipaddress import IPv4Network, ip_network

from sandbox.clouds.aws.lookups import network
from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse

EVERYWHERE = "0.0.0.0/0"

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""The private blocks of RFC 1918."""

RESERVED = (
    *PRIVATE,
    *map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    ),
)
"""Blocks without public addresses: a public endpoint allows them only as a part of 0.0.0.0/0."""


def _public_blocks(request: AwsRequest) -> list[str]:
    return request.params.get("resourcesVpcConfig", {}).get("publicAccessCidrs", [])


@refuses("eks:CreateCluster", "eks:UpdateClusterConfig")
def invalid_public_blocks(request: AwsRequest) -> None:
    """Refuse a block that is invalid, lacks a prefix length or has host bits."""
    invalid = [block for block in _public_blocks(request) if "/" not in block or network(block) is None]
    if invalid:
        message = f"The following CIDRs are invalid in publicAccessCidrs: {listing(invalid)}"
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("eks:CreateCluster", "eks:UpdateClusterConfig")
def reserved_public_blocks(request: AwsRequest) -> None:
    """Refuse a block with private or reserved addresses, except 0.0.0.0/0."""
    blocks = [block for block in _public_blocks(request) if block != EVERYWHERE]
    reserved = [
        block
        for block in blocks
        if isinstance(parsed := ip_network(block), IPv4Network) and any(map(parsed.overlaps, RESERVED))
    ]
    if reserved:
        message = f"The following CIDRs are not allowed in publicAccessCidrs: [{listing(reserved)}]"
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("eks:CreateCluster")
def invalid_service_block(request: AwsRequest) -> None:
    """Refuse a block for Kubernetes services that is not private, smaller than /24 or larger than /12."""
    block = request.params.get("kubernetesNetworkConfig", {}).get("serviceIpv4Cidr")
    if not block:
        return
    parsed = network(block)
    is_allowed = (
        isinstance(parsed, IPv4Network)
        and 12 <= parsed.prefixlen <= 24
        and any(map(parsed.subnet_of, PRIVATE))
    )
    if not is_allowed:
        message = (
            f"serviceIpv4Cidr {block} is invalid: a block of /24 to /12 within 10.0.0.0/8, 172.16.0.0/12 or"
            " 192.168.0.0/16 is required"
        )
        raise ErrorResponse(400, message, "InvalidParameterException")

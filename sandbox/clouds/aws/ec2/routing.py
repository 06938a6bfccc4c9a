"""Gateways, addresses and routes (EC2 API)."""

from sandbox.clouds.aws.lookups import lacking, subnets
from sandbox.clouds.aws.registry import completes, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _nat_gateways(request: AwsRequest) -> list[Json]:
    """Return the NAT gateways in the region that are not deleted."""
    gateways: list[Json] = request.look("DescribeNatGateways")["NatGateways"]
    return [gateway for gateway in gateways if gateway["State"] != "deleted"]


def _internet_gateways(request: AwsRequest, vpc_id: str) -> list[str]:
    """Return the IDs of the internet gateways that are attached to a VPC."""
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    gateways: list[Json] = request.look("DescribeInternetGateways", Filters=attached)["InternetGateways"]
    return [gateway["InternetGatewayId"] for gateway in gateways]


@refuses("ec2:DeleteRouteTable")
def route_table_in_use(request: AwsRequest) -> None:
    """Refuse to delete a route table that has associations, such as those with subnets."""
    table_id = request.params["RouteTableId"]
    table = request.look("DescribeRouteTables", RouteTableIds=[table_id])["RouteTables"][0]
    if users := [association["RouteTableAssociationId"] for association in table["Associations"]]:
        message = f"The routeTable '{table_id}' has dependencies and cannot be deleted: {listing(users)}"
        raise ErrorResponse(400, message, "DependencyViolation")


@refuses("ec2:DescribeNatGateways", "ec2:DeleteNatGateway")
def unknown_nat_gateway(request: AwsRequest) -> None:
    """Refuse the ID of a NAT gateway that never existed."""
    ids = [*request.params.get("NatGatewayIds", []), *filter(None, [request.params.get("NatGatewayId")])]
    existing = request.look("DescribeNatGateways")["NatGateways"]
    if lacking(ids, (gateway["NatGatewayId"] for gateway in existing)):
        raise ErrorResponse(400, f"The Nat Gateway {listing(ids)} was not found", "NatGatewayNotFound")


@refuses("ec2:CreateNatGateway")
def no_way_to_the_internet(request: AwsRequest) -> None:
    """Refuse a public NAT gateway in a VPC without an internet gateway.

    AWS creates such a gateway, which later fails with this code.
    """
    subnet_id = request.params.get("SubnetId")
    if subnet_id is None or request.params.get("ConnectivityType") == "private":
        return
    vpc_id = subnets(request, [subnet_id])[0]["VpcId"]
    if not _internet_gateways(request, vpc_id):
        message = f"Network {vpc_id} has no Internet gateway attached"
        raise ErrorResponse(400, message, "Gateway.NotAttached")


@refuses("ec2:CreateRoute", "ec2:ReplaceRoute")
def route_to_missing_gateway(request: AwsRequest) -> None:
    """Refuse a route to a NAT gateway that does not exist."""
    gateway_id = request.params.get("NatGatewayId")
    if gateway_id and gateway_id not in [gateway["NatGatewayId"] for gateway in _nat_gateways(request)]:
        message = f"The natGateway ID '{gateway_id}' does not exist"
        raise ErrorResponse(400, message, "InvalidNatGatewayID.NotFound")


@refuses("ec2:AssociateRouteTable")
def subnet_with_route_table(request: AwsRequest) -> None:
    """Refuse a second route table for a subnet."""
    subnet_id = request.params.get("SubnetId")
    if not subnet_id:
        return
    others = [
        association["RouteTableAssociationId"]
        for table in request.look("DescribeRouteTables")["RouteTables"]
        for association in table["Associations"]
        if association.get("SubnetId") == subnet_id
    ]
    if others:
        message = (
            f"the specified association for route table {request.params['RouteTableId']} conflicts with an"
            f" existing association: {listing(others)}"
        )
        raise ErrorResponse(400, message, "Resource.AlreadyAssociated")


@refuses("ec2:ReleaseAddress")
def address_in_use(request: AwsRequest) -> None:
    """Refuse to release the address of a NAT gateway."""
    allocation_id = request.params.get("AllocationId")
    users = [
        gateway["NatGatewayId"]
        for gateway in _nat_gateways(request)
        if allocation_id in [address.get("AllocationId", "") for address in gateway["NatGatewayAddresses"]]
    ]
    if users:
        message = (
            f"Address with allocation id [{allocation_id}] cannot be released because it is in use:"
            f" {listing(users)}"
        )
        raise ErrorResponse(400, message, "InvalidIPAddress.InUse")


@refuses("ec2:AttachInternetGateway")
def second_internet_gateway(request: AwsRequest) -> None:
    """Refuse a second internet gateway for a VPC."""
    vpc_id = request.params["VpcId"]
    if others := _internet_gateways(request, vpc_id):
        message = f"Network {vpc_id} already has an internet gateway attached: {listing(others)}"
        raise ErrorResponse(400, message, "InvalidParameterValue")


@refuses("ec2:DetachInternetGateway")
def internet_gateway_in_use(request: AwsRequest) -> None:
    """Refuse to detach an internet gateway while the VPC has NAT gateways, which have public addresses."""
    vpc_id = request.params["VpcId"]
    in_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    gateways = request.look("DescribeNatGateways", Filter=in_vpc)["NatGateways"]
    if users := [gateway["NatGatewayId"] for gateway in gateways if gateway["State"] != "deleted"]:
        message = (
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es)"
            f" before detaching the gateway: {listing(users)}"
        )
        raise ErrorResponse(400, message, "DependencyViolation")


@completes("ec2:DeleteNatGateway")
def free_address(request: AwsRequest, response: Json) -> None:
    """Disassociate the address of a deleted NAT gateway."""
    gateways = request.send("DescribeNatGateways", NatGatewayIds=[request.params["NatGatewayId"]])
    associations = [
        address["AssociationId"]
        for gateway in gateways["NatGateways"]
        for address in gateway["NatGatewayAddresses"]
        if "AssociationId" in address
    ]
    if associations:
        request.send("DisassociateAddress", AssociationId=associations[0])


@completes("ec2:DescribeAddresses")
def describe_addresses(request: AwsRequest, response: Json) -> None:
    """Add the pool and the network border group of each address; moto omits them."""
    for address in response["Addresses"]:
        address.setdefault("PublicIpv4Pool", "amazon")
        address.setdefault("NetworkBorderGroup", request.region)

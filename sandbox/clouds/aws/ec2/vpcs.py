"""VPCs, subnets and availability zones (EC2 API)."""

from sandbox.clouds.aws.eks.families import CLUSTER
from sandbox.clouds.aws.lookups import databases, network
from sandbox.clouds.aws.registry import completes, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


@refuses("ec2:CreateVpc", "ec2:CreateSubnet")
def block_of_a_wrong_size(request: AwsRequest) -> None:
    """Refuse a CIDR block that is invalid, has host bits, is larger than /16 or is smaller than /28.

    Sources: hashicorp/terraform#19452 has EC2's answer to a VPC of /8; EC2 API reference, error codes, has
    the code for subnets. EC2 clears host bits, but the provider refuses them before it sends a request.
    """
    block = request.params.get("CidrBlock")
    if not block:
        return
    parsed = network(block)
    if parsed is None:
        message = (
            f"Value ({block}) for parameter cidrBlock is invalid: a block without host bits is required."
        )
        raise ErrorResponse(400, message, "InvalidParameterValue")
    if not 16 <= parsed.prefixlen <= 28:
        code = "InvalidVpc.Range" if request.action == "CreateVpc" else "InvalidSubnet.Range"
        raise ErrorResponse(400, f"The CIDR '{block}' is invalid.", code)


@refuses("ec2:DeleteVpc")
def vpc_in_use(request: AwsRequest) -> None:
    """Refuse to delete a VPC with internet gateways, endpoints or security groups.

    The default security group and deleted endpoints do not count.
    """
    vpc_id = request.params["VpcId"]
    in_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    groups = request.look("DescribeSecurityGroups", Filters=in_vpc)["SecurityGroups"]
    gateways = request.look("DescribeInternetGateways", Filters=attached)["InternetGateways"]
    endpoints = request.look("DescribeVpcEndpoints", Filters=in_vpc)["VpcEndpoints"]
    users = [
        *(group["GroupId"] for group in groups if group["GroupName"] != "default"),
        *(gateway["InternetGatewayId"] for gateway in gateways),
        *(endpoint["VpcEndpointId"] for endpoint in endpoints if endpoint["State"] != "deleted"),
    ]
    if users:
        message = f"The vpc '{vpc_id}' has dependencies and cannot be deleted: {listing(users)}"
        raise ErrorResponse(400, message, "DependencyViolation")


@refuses("ec2:DeleteSubnet")
def subnet_in_use(request: AwsRequest) -> None:
    """Refuse to delete a subnet that NAT gateways, databases or clusters use."""
    subnet_id = request.params["SubnetId"]
    in_subnet = [{"Name": "subnet-id", "Values": [subnet_id]}]
    gateways = request.look("DescribeNatGateways", Filter=in_subnet)["NatGateways"]
    users = [
        *(gateway["NatGatewayId"] for gateway in gateways if gateway["State"] != "deleted"),
        *(
            database["DBInstanceIdentifier"]
            for database in databases(request)
            for subnet in database.get("DBSubnetGroup", {}).get("Subnets", [])
            if subnet["SubnetIdentifier"] == subnet_id
        ),
        *(
            cluster["name"]
            for cluster in request.existing(CLUSTER)
            if subnet_id in cluster["resourcesVpcConfig"]["subnetIds"]
        ),
    ]
    if users:
        message = f"The subnet '{subnet_id}' has dependencies and cannot be deleted: {listing(users)}"
        raise ErrorResponse(400, message, "DependencyViolation")


@refuses("ec2:CreateSubnet")
def zone_of_another_region(request: AwsRequest) -> None:
    """Refuse an availability zone that the region lacks."""
    name = request.params.get("AvailabilityZone")
    if not name:
        return
    zones = [zone["ZoneName"] for zone in request.look("DescribeAvailabilityZones")["AvailabilityZones"]]
    if name not in zones:
        message = (
            f"Value ({name}) for parameter availabilityZone is invalid. Subnets can currently only be created"
            f" in the following availability zones: {listing(zones)}."
        )
        raise ErrorResponse(400, message, "InvalidParameterValue")


@completes("ec2:CreateVpc")
def allow_traffic_in_default_group(request: AwsRequest, response: Json) -> None:
    """Let the members of a new VPC's default security group reach each other."""
    in_vpc = [{"Name": "vpc-id", "Values": [response["Vpc"]["VpcId"]]}]
    group_id = request.send("DescribeSecurityGroups", Filters=in_vpc)["SecurityGroups"][0]["GroupId"]
    members = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}]
    request.send("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=members)


@completes("ec2:DescribeAvailabilityZones")
def describe_zones(request: AwsRequest, response: Json) -> None:
    """Add the opt-in status, the group and the network border group of each zone; moto omits them."""
    for zone in response["AvailabilityZones"]:
        region = zone["RegionName"]
        zone.setdefault("OptInStatus", "opt-in-not-required")
        zone.setdefault("GroupName", f"{region}-zg-1")
        zone.setdefault("NetworkBorderGroup", region)


@completes("ec2:DescribeSubnets")
def describe_subnets(request: AwsRequest, response: Json) -> None:
    """Add the flags of each subnet for DNS64 and customer-owned addresses; moto omits them."""
    for subnet in response["Subnets"]:
        subnet.setdefault("EnableDns64", False)
        subnet.setdefault("MapCustomerOwnedIpOnLaunch", False)

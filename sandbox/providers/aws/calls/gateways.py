"""The calls for gateways, addresses, endpoints and flow logs (EC2 API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Read,
    ResourceCalls,
    extended,
    first,
    first_object,
    members,
)
from sandbox.wire.values import Json


def _internet_gateway(response: Json, context: Context) -> Json | None:
    gateway: Json | None = first(response["InternetGateways"])
    return gateway and {
        "arn": context.arn("ec2", f"internet-gateway/{context.id}"),
        "ownerId": gateway.get("OwnerId"),
        "tags": gateway.get("Tags"),
        "vpcId": first_object(gateway.get("Attachments")).get("VpcId"),
    }


def _endpoint(response: Json, context: Context) -> Json | None:
    existing = [endpoint for endpoint in response["VpcEndpoints"] if endpoint.get("State") != "deleted"]
    endpoint: Json | None = first(existing)
    return endpoint and {
        **endpoint,
        "arn": context.arn("ec2", f"vpc-endpoint/{context.id}"),
        "securityGroupIds": [group["GroupId"] for group in endpoint.get("Groups", [])],
    }


def _endpoint_change(name: str, suffix: str) -> Change:
    return Change(
        action="ModifyVpcEndpoint",
        when=(name,),
        arguments=lambda context: {
            "VpcEndpointId": context.id,
            f"Add{suffix}": context.added.get(name),
            f"Remove{suffix}": context.removed.get(name),
        },
    )


def _address(response: Json, context: Context) -> Json | None:
    """Return an address without its association, which the resource that uses the address sets later."""
    address = members(
        first(response["Addresses"]),
        allocationId="AllocationId",
        domain="Domain",
        publicIp="PublicIp",
        tags="Tags",
        publicIpv4Pool="PublicIpv4Pool",
    )
    return extended(address, arn=context.arn("ec2", f"elastic-ip/{context.id}"))


def _nat_gateway(response: Json, context: Context) -> Json | None:
    existing = [gateway for gateway in response["NatGateways"] if gateway.get("State") != "deleted"]
    gateway: Json | None = first(existing)
    if gateway is None:
        return None
    address: Json = first(gateway.get("NatGatewayAddresses")) or {}
    return {
        "state": gateway.get("State"),
        "subnetId": gateway.get("SubnetId"),
        "connectivityType": gateway.get("ConnectivityType"),
        "tags": gateway.get("Tags"),
        "allocationId": address.get("AllocationId"),
        "publicIp": address.get("PublicIp"),
        "privateIp": address.get("PrivateIp"),
        "networkInterfaceId": address.get("NetworkInterfaceId"),
        "associationId": address.get("AssociationId"),
    }


def _flow_log_resource(context: Context) -> Json:
    kind = "VPC" if context["vpcId"] else "Subnet" if context["subnetId"] else "NetworkInterface"
    resource_id = context["vpcId"] or context["subnetId"] or context["eniId"]
    return {"ResourceIds": [resource_id], "ResourceType": kind}


def _flow_log(response: Json, context: Context) -> Json | None:
    log: Json | None = first(response["FlowLogs"])
    arn = context.arn("ec2", f"vpc-flow-log/{context.id}")
    return log and {**log, "arn": arn, "vpcId": log.get("ResourceId")}


def _detach_gateway(*when: str) -> Change:
    return Change(
        action="DetachInternetGateway",
        when=when,
        condition=lambda context: context.live.get("vpcId"),
        arguments=lambda context: {"InternetGatewayId": context.id, "VpcId": context.live["vpcId"]},
    )


CALLS: Mapping[str, ResourceCalls] = {
    "aws:ec2/internetGateway:InternetGateway": ResourceCalls(
        service="ec2",
        tagged="internet-gateway",
        create=Change(action="CreateInternetGateway"),
        created_id=lambda response: response["InternetGateway"]["InternetGatewayId"],
        read=(
            Read(
                action="DescribeInternetGateways",
                arguments=lambda context: {"InternetGatewayIds": [context.id]},
                take=_internet_gateway,
            ),
        ),
        update=(
            _detach_gateway("vpcId"),
            Change(
                action="AttachInternetGateway",
                when=("vpcId",),
                arguments=lambda context: {"InternetGatewayId": context.id, "VpcId": context["vpcId"]},
            ),
        ),
        delete=(
            _detach_gateway(),
            Change(
                action="DeleteInternetGateway", arguments=lambda context: {"InternetGatewayId": context.id}
            ),
        ),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ResourceCalls(
        service="ec2",
        tagged="vpc-endpoint",
        create=Change(action="CreateVpcEndpoint"),
        created_id=lambda response: response["VpcEndpoint"]["VpcEndpointId"],
        names={"policy": "PolicyDocument"},
        read=(
            Read(
                action="DescribeVpcEndpoints",
                arguments=lambda context: {"VpcEndpointIds": [context.id]},
                take=_endpoint,
            ),
        ),
        update=(
            _endpoint_change("routeTableIds", "RouteTableIds"),
            _endpoint_change("subnetIds", "SubnetIds"),
            _endpoint_change("securityGroupIds", "SecurityGroupIds"),
            Change(
                action="ModifyVpcEndpoint",
                when=("policy", "privateDnsEnabled"),
                arguments=lambda context: {"VpcEndpointId": context.id},
            ),
        ),
        delete=(
            Change(action="DeleteVpcEndpoints", arguments=lambda context: {"VpcEndpointIds": [context.id]}),
        ),
    ),
    "aws:ec2/eip:Eip": ResourceCalls(
        service="ec2",
        tagged="elastic-ip",
        create=Change(action="AllocateAddress"),
        created_id=lambda response: response["AllocationId"],
        read=(
            Read(
                action="DescribeAddresses",
                arguments=lambda context: {"AllocationIds": [context.id]},
                take=_address,
            ),
        ),
        delete=(Change(action="ReleaseAddress", arguments=lambda context: {"AllocationId": context.id}),),
    ),
    "aws:ec2/natGateway:NatGateway": ResourceCalls(
        service="ec2",
        tagged="natgateway",
        create=Change(action="CreateNatGateway"),
        created_id=lambda response: response["NatGateway"]["NatGatewayId"],
        read=(
            Read(
                action="DescribeNatGateways",
                arguments=lambda context: {"NatGatewayIds": [context.id]},
                take=_nat_gateway,
            ),
        ),
        delete=(Change(action="DeleteNatGateway", arguments=lambda context: {"NatGatewayId": context.id}),),
    ),
    "aws:ec2/flowLog:FlowLog": ResourceCalls(
        service="ec2",
        tagged="vpc-flow-log",
        unchecked="whether the policy of a bucket lets AWS deliver the logs; none are delivered",
        create=Change(action="CreateFlowLogs", arguments=_flow_log_resource),
        created_id=lambda response: response["FlowLogIds"][0],
        names={"iamRoleArn": "DeliverLogsPermissionArn"},
        read=(
            Read(
                action="DescribeFlowLogs",
                arguments=lambda context: {"FlowLogIds": [context.id]},
                take=_flow_log,
            ),
        ),
        delete=(Change(action="DeleteFlowLogs", arguments=lambda context: {"FlowLogIds": [context.id]}),),
    ),
}

"""The calls for VPCs, subnets and routes, and for the encryption of volumes (EC2 API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Find,
    Read,
    ResourceCalls,
    extended,
    first,
    first_object,
    items_of,
    members,
)
from sandbox.wire.values import Json

ROUTE_TARGETS = (
    "gatewayId",
    "natGatewayId",
    "vpcPeeringConnectionId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "egressOnlyGatewayId",
)


def _vpc_attribute(name: str, api_name: str) -> Read:
    return Read(
        action="DescribeVpcAttribute",
        arguments=lambda context: {"VpcId": context.id, "Attribute": name},
        take=lambda response, context: {name: response[api_name]["Value"]},
    )


def _vpc_attribute_change(name: str, api_name: str) -> Change:
    return Change(
        action="ModifyVpcAttribute",
        when=(name,),
        arguments=lambda context: {"VpcId": context.id, api_name: {"Value": context[name]}},
    )


def _subnet_attribute_change(name: str, api_name: str) -> Change:
    return Change(
        action="ModifySubnetAttribute",
        when=(name,),
        arguments=lambda context: {"SubnetId": context.id, api_name: {"Value": context[name]}},
    )


def _default_group(response: Json, context: Context) -> Json:
    return {"defaultSecurityGroupId": first_object(response["SecurityGroups"]).get("GroupId")}


def _main_route_table(response: Json, context: Context) -> Json:
    table_id = first_object(response["RouteTables"]).get("RouteTableId")
    arn = context.arn("ec2", f"vpc/{context.id}")
    return {"mainRouteTableId": table_id, "defaultRouteTableId": table_id, "arn": arn}


def _in_vpc(context: Context, name: str, value: str) -> Json:
    return {
        "Filters": [{"Name": "vpc-id", "Values": [context.id]}, {"Name": name, "Values": [value]}],
    }


def _route_table(response: Json, context: Context) -> Json | None:
    table = members(first(response["RouteTables"]), ownerId="OwnerId", tags="Tags", vpcId="VpcId")
    return extended(table, arn=context.arn("ec2", f"route-table/{context.id}"))


def _route(response: Json, context: Context) -> Json | None:
    table = first_object(response["RouteTables"])
    routes = [
        route
        for route in items_of(table, "Routes")
        if route.get("DestinationCidrBlock") == context.text("destinationCidrBlock")
    ]
    return extended(first(routes), routeTableId=context["routeTableId"])


def _associations(response: Json) -> list[Json]:
    return [association for table in response["RouteTables"] for association in table["Associations"]]


def _association_filter(context: Context) -> Json:
    subnet_id = context["subnetId"]
    name = "association.subnet-id" if subnet_id else "association.route-table-association-id"
    return {"Filters": [{"Name": name, "Values": [subnet_id or context.id]}]}


def _association(response: Json, context: Context) -> Json | None:
    return first(
        association
        for association in _associations(response)
        if (context["subnetId"] and association.get("SubnetId") == context["subnetId"])
        or association["RouteTableAssociationId"] == context.id
    )


def _route_key(context: Context) -> Json:
    return {
        "RouteTableId": context["routeTableId"],
        "DestinationCidrBlock": context["destinationCidrBlock"],
    }


CALLS: Mapping[str, ResourceCalls] = {
    "aws:ec2/vpc:Vpc": ResourceCalls(
        service="ec2",
        tagged="vpc",
        create=Change(action="CreateVpc"),
        created_id=lambda response: response["Vpc"]["VpcId"],
        read=(
            Read(
                action="DescribeVpcs",
                arguments=lambda context: {"VpcIds": [context.id]},
                take=lambda response, context: first(response["Vpcs"]),
            ),
            _vpc_attribute("enableDnsSupport", "EnableDnsSupport"),
            _vpc_attribute("enableDnsHostnames", "EnableDnsHostnames"),
            Read(
                action="DescribeSecurityGroups",
                arguments=lambda context: _in_vpc(context, "group-name", "default"),
                take=_default_group,
            ),
            Read(
                action="DescribeRouteTables",
                arguments=lambda context: _in_vpc(context, "association.main", "true"),
                take=_main_route_table,
            ),
        ),
        update=(
            _vpc_attribute_change("enableDnsSupport", "EnableDnsSupport"),
            _vpc_attribute_change("enableDnsHostnames", "EnableDnsHostnames"),
        ),
        delete=(Change(action="DeleteVpc", arguments=lambda context: {"VpcId": context.id}),),
    ),
    "aws:ec2/subnet:Subnet": ResourceCalls(
        service="ec2",
        tagged="subnet",
        create=Change(action="CreateSubnet"),
        created_id=lambda response: response["Subnet"]["SubnetId"],
        names={"arn": "SubnetArn"},
        read=(
            Read(
                action="DescribeSubnets",
                arguments=lambda context: {"SubnetIds": [context.id]},
                take=lambda response, context: first(response["Subnets"]),
            ),
        ),
        update=(
            _subnet_attribute_change("mapPublicIpOnLaunch", "MapPublicIpOnLaunch"),
            _subnet_attribute_change("assignIpv6AddressOnCreation", "AssignIpv6AddressOnCreation"),
        ),
        delete=(Change(action="DeleteSubnet", arguments=lambda context: {"SubnetId": context.id}),),
    ),
    "aws:ec2/routeTable:RouteTable": ResourceCalls(
        service="ec2",
        tagged="route-table",
        create=Change(action="CreateRouteTable"),
        created_id=lambda response: response["RouteTable"]["RouteTableId"],
        read=(
            Read(
                action="DescribeRouteTables",
                arguments=lambda context: {"RouteTableIds": [context.id]},
                take=_route_table,
            ),
        ),
        delete=(Change(action="DeleteRouteTable", arguments=lambda context: {"RouteTableId": context.id}),),
    ),
    "aws:ec2/route:Route": ResourceCalls(
        service="ec2",
        create=Change(action="CreateRoute"),
        id=lambda context: f"r-{context['routeTableId']}{context['crc']}",
        read=(
            Read(
                action="DescribeRouteTables",
                arguments=lambda context: {"RouteTableIds": [context["routeTableId"]]},
                take=_route,
            ),
        ),
        update=(Change(action="ReplaceRoute", when=ROUTE_TARGETS, arguments=_route_key),),
        delete=(Change(action="DeleteRoute", arguments=_route_key),),
    ),
    # A subnet has at most one association, so the subnet identifies it. A change of the route table also
    # changes the association's ID, but the engine keeps the first ID.
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ResourceCalls(
        service="ec2",
        create=Change(action="AssociateRouteTable"),
        created_id=lambda response: response["AssociationId"],
        find=Find(
            action="DescribeRouteTables",
            arguments=lambda context: {"RouteTableIds": [context["routeTableId"]]},
            take=lambda response, context: [
                association["RouteTableAssociationId"]
                for association in _associations(response)
                if association.get("SubnetId") == context["subnetId"]
            ],
        ),
        read=(Read(action="DescribeRouteTables", arguments=_association_filter, take=_association),),
        update=(
            Change(
                action="ReplaceRouteTableAssociation",
                when=("routeTableId",),
                arguments=lambda context: {
                    "AssociationId": context.live["RouteTableAssociationId"],
                    "RouteTableId": context["routeTableId"],
                },
            ),
        ),
        delete=(
            Change(
                action="DisassociateRouteTable",
                arguments=lambda context: {"AssociationId": context.live["RouteTableAssociationId"]},
            ),
        ),
    ),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": ResourceCalls(
        service="ec2",
        # The provider generates an ID, which an interrupted run could not find again.
        id=lambda context: f"terraform-{context.region}",
        stays=True,
        create=Change(action="GetEbsEncryptionByDefault", bare=True),
        read=(
            Read(
                action="GetEbsEncryptionByDefault",
                take=lambda response, context: {"enabled": response.get("EbsEncryptionByDefault")},
            ),
        ),
        update=(
            Change(
                action="EnableEbsEncryptionByDefault",
                when=("enabled",),
                condition=lambda context: context["enabled"],
            ),
            Change(
                action="DisableEbsEncryptionByDefault",
                when=("enabled",),
                condition=lambda context: context["enabled"] is False,
            ),
        ),
        delete=(Change(action="DisableEbsEncryptionByDefault"),),
    ),
}

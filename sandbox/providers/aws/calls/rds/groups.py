"""The calls for subnet groups and parameter groups (RDS API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls, first, members
from sandbox.wire.values import Json

MOST_PARAMETERS = 20
"""The number of parameters that one request can change (RDS API, ModifyDBParameterGroup)."""


def _tag_list() -> Read:
    return Read(
        action="ListTagsForResource",
        arguments=lambda context: {"ResourceName": context.live.get("arn")},
        take=lambda response, context: {"tags": response.get("TagList")},
    )


def _subnet_group(response: Json, context: Context) -> Json | None:
    group: Json | None = first(response["DBSubnetGroups"])
    return group and {
        "DBSubnetGroupName": group.get("DBSubnetGroupName"),
        "DBSubnetGroupDescription": group.get("DBSubnetGroupDescription"),
        "arn": group.get("DBSubnetGroupArn"),
        "vpcId": group.get("VpcId"),
        "subnetIds": [subnet["SubnetIdentifier"] for subnet in group.get("Subnets", [])],
    }


def _subnet_group_name(context: Context) -> Json:
    return {"DBSubnetGroupName": context.id}


def _parameter_group_name(context: Context) -> Json:
    return {"DBParameterGroupName": context.id}


def _parameters(response: Json, context: Context) -> Json:
    parameters = [
        members(parameter, name="ParameterName", value="ParameterValue", applyMethod="ApplyMethod")
        for parameter in response["Parameters"]
    ]
    return {"parameters": parameters}


def _batches(parameters: list[Json] | None) -> list[list[Json]]:
    """Split parameters into groups, each small enough for one request."""
    items = parameters or []
    return [items[start : start + MOST_PARAMETERS] for start in range(0, len(items), MOST_PARAMETERS)]


def _removed_parameters(context: Context) -> list[list[Json]]:
    """Return the parameters that the program no longer sets, in groups for one request each."""
    names = {parameter["name"] for parameter in context.list("parameters")}
    removed: list[Json] = context.removed.get("parameters") or []
    return _batches([parameter for parameter in removed if parameter["name"] not in names])


def _reset_parameters(context: Context) -> Json:
    parameters = [
        {"ParameterName": parameter["name"], "ApplyMethod": parameter.get("applyMethod") or "immediate"}
        for parameter in context.item
    ]
    return {"DBParameterGroupName": context.id, "Parameters": parameters}


def _changed_parameters(context: Context) -> Json:
    parameters = [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": parameter["value"],
            "ApplyMethod": parameter.get("applyMethod") or "immediate",
        }
        for parameter in context.item
    ]
    return {"DBParameterGroupName": context.id, "Parameters": parameters}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:rds/subnetGroup:SubnetGroup": ResourceCalls(
        service="rds",
        create=Change(action="CreateDBSubnetGroup"),
        names={
            "name": "DBSubnetGroupName",
            "description": "DBSubnetGroupDescription",
            "arn": "DBSubnetGroupArn",
        },
        read=(
            Read(action="DescribeDBSubnetGroups", arguments=_subnet_group_name, take=_subnet_group),
            _tag_list(),
        ),
        update=(
            Change(
                action="ModifyDBSubnetGroup",
                when=("subnetIds", "description"),
                arguments=lambda context: {
                    "DBSubnetGroupName": context.id,
                    "SubnetIds": context["subnetIds"],
                },
            ),
        ),
        delete=(Change(action="DeleteDBSubnetGroup", arguments=_subnet_group_name),),
    ),
    "aws:rds/parameterGroup:ParameterGroup": ResourceCalls(
        service="rds",
        unchecked="nothing else; parameters that the program does not use are refused",
        create=Change(action="CreateDBParameterGroup"),
        names={
            "name": "DBParameterGroupName",
            "family": "DBParameterGroupFamily",
            "arn": "DBParameterGroupArn",
        },
        local=("skipDestroy",),
        read=(
            Read(
                action="DescribeDBParameterGroups",
                arguments=_parameter_group_name,
                take=lambda response, context: members(
                    first(response["DBParameterGroups"]),
                    DBParameterGroupName="DBParameterGroupName",
                    DBParameterGroupFamily="DBParameterGroupFamily",
                    description="Description",
                    arn="DBParameterGroupArn",
                ),
            ),
            Read(
                action="DescribeDBParameters",
                arguments=lambda context: {"DBParameterGroupName": context.id, "Source": "user"},
                take=_parameters,
            ),
            _tag_list(),
        ),
        update=(
            Change(
                action="ResetDBParameterGroup",
                when=("parameters",),
                condition=lambda context: context.removed.get("parameters"),
                items=_removed_parameters,
                arguments=_reset_parameters,
            ),
            Change(
                action="ModifyDBParameterGroup",
                when=("parameters",),
                items=lambda context: _batches(context.added.get("parameters")),
                arguments=_changed_parameters,
            ),
        ),
        delete=(Change(action="DeleteDBParameterGroup", arguments=_parameter_group_name),),
    ),
}

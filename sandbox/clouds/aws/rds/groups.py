"""Subnet groups and parameter groups (RDS API)."""

import re
from collections.abc import Mapping

from sandbox.clouds.aws.databases import mark_pending
from sandbox.clouds.aws.lookups import databases, subnets
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.rds.instances import invalid_combination, invalid_value
from sandbox.clouds.aws.registry import completes, emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

FLAG = re.compile("[01]")

PARAMETERS: Mapping[str, re.Pattern[str]] = {
    "rds.force_ssl": FLAG,
    "log_connections": FLAG,
    "log_disconnections": FLAG,
    "log_lock_waits": FLAG,
    "rds.accepted_password_auth_method": re.compile(r"scram|md5\+scram"),
    "ssl_min_protocol_version": re.compile(r"TLSv1(\.[123])?"),
    "max_connections": re.compile(r"[6-9]|[1-9]\d{1,5}|[1-7]\d{6}|8[0-2]\d{5}"),
    "log_min_duration_statement": re.compile(r"-1|\d{1,9}|1\d{9}"),
}
"""The pattern of the allowed values of each PostgreSQL 17 parameter that the program sets.

RDS allows no wider ranges than PostgreSQL. Add the pattern of any further parameter here.
"""

STATIC = ("max_connections", "rds.force_ssl")
"""The parameters whose changes take effect only after a reboot."""


@refuses("rds:CreateDBSubnetGroup", "rds:ModifyDBSubnetGroup")
def subnets_in_one_zone(request: AwsRequest) -> None:
    """Refuse subnets that are all in one availability zone."""
    zones = [subnet["AvailabilityZone"] for subnet in subnets(request, request.params["SubnetIds"])]
    if len(set(zones)) < 2:
        message = (
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ"
            f" coverage: {listing(zones)}. Add subnets to cover at least 2 AZs."
        )
        raise ErrorResponse(400, message, "DBSubnetGroupDoesNotCoverEnoughAZs")


@refuses("rds:DeleteDBSubnetGroup")
def subnet_group_in_use(request: AwsRequest) -> None:
    """Refuse to delete the subnet group of an instance."""
    name = request.params["DBSubnetGroupName"]
    users = [
        database["DBInstanceIdentifier"]
        for database in databases(request)
        if database.get("DBSubnetGroup", {}).get("DBSubnetGroupName") == name
    ]
    if users:
        message = (
            f"Cannot delete the subnet group '{name}' because at least one database instance:"
            f" {listing(users)} is still using it."
        )
        raise ErrorResponse(400, message, "InvalidDBSubnetGroupStateFault")


def _parameters(request: AwsRequest) -> list[Json]:
    return request.params.get("Parameters", [])


@refuses("rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup")
def unknown_parameter(request: AwsRequest) -> None:
    """Refuse a parameter whose values the sandbox does not know."""
    names = [item["ParameterName"] for item in _parameters(request) if "ParameterName" in item]
    if any(name not in PARAMETERS for name in names):
        raise invalid_value(
            f"Could not find parameter with name: one of {listing(names)}; the sandbox knows only"
            f" {listing(PARAMETERS)}"
        )


@refuses("rds:ModifyDBParameterGroup")
def invalid_parameter(request: AwsRequest) -> None:
    """Refuse a value that PostgreSQL does not allow."""
    pairs = [
        (item["ParameterName"], item["ParameterValue"])
        for item in _parameters(request)
        if {"ParameterName", "ParameterValue"} <= item.keys()
    ]
    if not all(PARAMETERS[name].fullmatch(value) for name, value in pairs):
        raise invalid_value(
            "Invalid parameter value: at least one of"
            f" {listing(f'{name}={value}' for name, value in pairs)} is not allowed"
        )


@refuses("rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup")
def immediate_static_parameter(request: AwsRequest) -> None:
    """Refuse to apply a static parameter without a reboot."""
    for parameter in _parameters(request):
        if parameter.get("ParameterName") in STATIC and parameter.get("ApplyMethod") != "pending-reboot":
            raise invalid_combination("cannot use immediate apply method for static parameter")


@refuses("rds:DescribeDBParameterGroups")
def unknown_parameter_group(request: AwsRequest) -> None:
    """Refuse the name of a parameter group that does not exist, except a name that begins with `default.`."""
    name = request.params.get("DBParameterGroupName")
    if not name or name.startswith("default."):
        return
    groups = request.look("DescribeDBParameterGroups")["DBParameterGroups"]
    if name not in [group["DBParameterGroupName"] for group in groups]:
        raise ErrorResponse(404, f"DBParameterGroup not found: {name}", "DBParameterGroupNotFound")


@refuses("rds:DeleteDBParameterGroup")
def parameter_group_in_use(request: AwsRequest) -> None:
    """Refuse to delete the parameter group of an instance."""
    name = request.params["DBParameterGroupName"]
    users = [
        database["DBInstanceIdentifier"]
        for database in databases(request)
        if name in [group["DBParameterGroupName"] for group in database.get("DBParameterGroups", [])]
    ]
    if users:
        message = (
            f"One or more database instances are still members of this parameter group {name}:"
            f" {listing(users)}"
        )
        raise ErrorResponse(400, message, "InvalidDBParameterGroupState")


@completes("rds:DescribeDBSubnetGroups")
def describe_subnet_groups(request: AwsRequest, response: Json) -> None:
    """Add the network types of each subnet group; moto omits them."""
    for group in response["DBSubnetGroups"]:
        group.setdefault("SupportedNetworkTypes", ["IPV4"])


@completes("rds:DescribeDBParameters")
def describe_parameters(request: AwsRequest, response: Json) -> None:
    """Add the source of each parameter; the plugin ignores parameters without one."""
    for parameter in response["Parameters"]:
        parameter.setdefault("Source", "user")


@emulates("rds:ResetDBParameterGroup")
def reset_parameters(request: AwsRequest) -> Json:
    """Reset parameters to their defaults; moto lacks this operation."""
    rds = backend("rds", request.region)
    group = rds.db_parameter_groups[request.params["DBParameterGroupName"]]
    for parameter in _parameters(request):
        removed = group.parameters.pop(parameter["ParameterName"], None)
        if removed and parameter.get("ApplyMethod") == "pending-reboot":
            mark_pending(rds, group.name)
    return {"DBParameterGroupName": group.name}

"""The changes of an instance that RDS refuses, and the settings that moto ignores (RDS API)."""

import re

from sandbox.clouds.aws.lookups import lacking
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.rds.instances import LOG_TYPES, invalid_combination
from sandbox.clouds.aws.registry import follows, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.wire.values import Json

ATTRIBUTES = {
    "EngineLifecycleSupport": "engine_lifecycle_support",
    "DBPortNumber": "port",
    "EnablePerformanceInsights": "performance_insights_enabled",
    "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
    "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
}
"""The attribute in moto for each parameter that moto ignores."""


def _instance(request: AwsRequest) -> Json:
    """Return the instance before the change; raise ErrorResponse if it does not exist."""
    identifier = request.params["DBInstanceIdentifier"]
    return request.look("DescribeDBInstances", DBInstanceIdentifier=identifier)["DBInstances"][0]


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: the major one and, if it is named, the minor one."""
    return tuple(map(int, re.findall(r"\d+", version)))


@refuses("rds:ModifyDBInstance")
def change_of_managed_password(request: AwsRequest) -> None:
    """Refuse a change of the master password that its management by RDS excludes.

    The key of a secret cannot be changed, an instance has either a secret or a password, and a rotation
    requires a secret.
    """
    params = request.params
    secret: Json | None = _instance(request).get("MasterUserSecret")
    key, password = params.get("MasterUserSecretKmsKeyId"), params.get("MasterUserPassword")
    is_managed = params.get("ManageMasterUserPassword")
    is_refused = bool(params.get("RotateMasterUserPassword")) and not secret
    if secret:
        changes_key = bool(key) and key != secret.get("KmsKeyId")
        has_password_too = bool(password) and is_managed is not False
        lacks_password = is_managed is False and not password
        is_refused = changes_key or has_password_too or lacks_password
    if is_refused:
        raise invalid_combination(
            f"The master password of {params['DBInstanceIdentifier']} cannot be changed in this way. Its"
            f" secret is {(secret or {}).get('SecretArn') or 'none'}. The key of a secret cannot be changed,"
            " a password requires that its management by RDS is turned off, and a rotation that it is on."
        )


@refuses("rds:ModifyDBInstance")
def smaller_storage(request: AwsRequest) -> None:
    """Refuse to make the storage smaller."""
    size, current = request.params.get("AllocatedStorage"), _instance(request)["AllocatedStorage"]
    if size is not None and size < current:
        raise invalid_combination(
            f"The storage of a database cannot be made smaller: it has {current} GiB, and the request has"
            f" {size} GiB"
        )


@refuses("rds:ModifyDBInstance")
def maximum_below_storage(request: AwsRequest) -> None:
    """Refuse a maximum storage size that is below the size after the change."""
    maximum = request.params.get("MaxAllocatedStorage")
    size = request.params.get("AllocatedStorage") or _instance(request)["AllocatedStorage"]
    if maximum is not None and maximum < size:
        raise invalid_combination(f"Max storage size must be greater than storage size: {maximum}, {size}")


@refuses("rds:ModifyDBInstance")
def earlier_version(request: AwsRequest) -> None:
    """Refuse an earlier version of the engine."""
    instance, version = _instance(request), request.params.get("EngineVersion")
    current = instance["EngineVersion"]
    if version and _numbers(version) < _numbers(current)[: len(_numbers(version))]:
        raise invalid_combination(f"Cannot upgrade {instance['Engine']} from {current} to {version}")


@refuses("rds:ModifyDBInstance")
def unconfirmed_major_version(request: AwsRequest) -> None:
    """Refuse a later major version unless the request allows major upgrades."""
    version = request.params.get("EngineVersion")
    is_major = version and _numbers(version)[0] > _numbers(_instance(request)["EngineVersion"])[0]
    if is_major and request.params.get("AllowMajorVersionUpgrade") is not True:
        raise invalid_combination(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        )


@refuses("rds:ModifyDBInstance")
def unknown_log_types(request: AwsRequest) -> None:
    """Refuse logs that PostgreSQL does not have."""
    instance = _instance(request)
    exports = request.params.get("CloudwatchLogsExportConfiguration", {})
    unknown = lacking([*exports.get("EnableLogTypes", []), *exports.get("DisableLogTypes", [])], LOG_TYPES)
    if instance["Engine"] == "postgres" and unknown:
        raise invalid_combination(
            f"You cannot use the log types '{listing(unknown)}' with engine version {instance['Engine']}"
            f" {instance['EngineVersion']}"
        )


@refuses("rds:ModifyDBInstance")
def parameter_group_of_another_family(request: AwsRequest) -> None:
    """Refuse a parameter group for another major version than the instance's after the change."""
    instance = _instance(request)
    name = request.params.get("DBParameterGroupName")
    name = name or instance["DBParameterGroups"][0]["DBParameterGroupName"]
    groups = request.look_if_there("DescribeDBParameterGroups", DBParameterGroupName=name)
    families = [group["DBParameterGroupFamily"] for group in (groups or {}).get("DBParameterGroups", [])]
    version = request.params.get("EngineVersion") or instance["EngineVersion"]
    if families and not f"{instance['Engine']}{version}.".startswith(f"{families[0]}."):
        raise invalid_combination(
            f"The parameter group {name} with DBParameterGroupFamily {listing(families)} cannot be used for"
            f" {instance['Engine']} {version}."
        )


@follows(
    "rds:CreateDBInstance",
    "rds:ModifyDBInstance",
    "rds:RestoreDBInstanceFromDBSnapshot",
    "rds:RestoreDBInstanceToPointInTime",
)
def set_attributes(request: AwsRequest) -> None:
    """Store the settings that moto ignores."""
    names = ("TargetDBInstanceIdentifier", "NewDBInstanceIdentifier", "DBInstanceIdentifier")
    existing = backend("rds", request.region).databases
    identifiers = [request.params[name] for name in names if name in request.params]
    # A rename that waits for the maintenance window leaves the old name.
    database = next(existing[identifier] for identifier in identifiers if identifier in existing)
    for parameter, attribute in ATTRIBUTES.items():
        if parameter in request.params:
            setattr(database, attribute, request.params[parameter])

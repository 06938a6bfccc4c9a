"""Refusals of settings of new and changed instances, and of deletions (RDS API)."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.clouds.aws.lookups import databases, key_state, lacking, security_groups, trusts
from sandbox.clouds.aws.registry import completes, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

CREATE_OR_MODIFY = ("rds:CreateDBInstance", "rds:ModifyDBInstance")

LOG_TYPES = ("postgresql", "upgrade", "iam-db-auth-error")
"""The logs of PostgreSQL that RDS sends to CloudWatch (RDS user guide, PostgreSQL database log files)."""

IDENTIFIER = re.compile(r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]")
DATABASE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
USER_NAME = re.compile(r"(?!(admin|rdsadmin|postgres_)$)[a-zA-Z][a-zA-Z0-9_]{0,62}")
VERSION = re.compile(r"\d+(\.\d+)?")
PASSWORD = re.compile(r"[!#-.0-?A-~]{8,128}")
AUTHORITY = re.compile(r"rds-ca-(rsa2048|rsa4096|ecc384)-g1")

PORTS = range(1150, 65536)
MONITORING_INTERVALS = (0, 1, 5, 10, 15, 30, 60)
INSIGHTS_RETENTIONS = (7, 731, *range(31, 714, 31))
BACKUP_RETENTIONS = range(36)
"""The numbers that RDS allows (RDS API, CreateDBInstance)."""

OMITTED: Json = {
    "NetworkType": "IPV4",
    "CustomerOwnedIpEnabled": False,
    "DedicatedLogVolume": False,
    "EngineLifecycleSupport": "open-source-rds-extended-support",
    "DatabaseInsightsMode": "standard",
    "BackupTarget": "region",
}
"""The members of an instance that moto omits, with RDS's defaults."""


def invalid_combination(message: str) -> ErrorResponse:
    """Return the error for settings that exclude each other."""
    return ErrorResponse(400, message, "InvalidParameterCombination")


def invalid_value(message: str) -> ErrorResponse:
    """Return the error for a value that RDS does not allow."""
    return ErrorResponse(400, message, "InvalidParameterValue")


@refuses(*CREATE_OR_MODIFY)
def groups_of_another_vpc(request: AwsRequest) -> None:
    """Refuse security groups that do not exist in the VPC of the instance."""
    chosen = request.params.get("VpcSecurityGroupIds")
    if not chosen:
        return
    vpc_id = _vpc_of_subnet_group(request) or _vpc_of_instance(request)
    groups = [
        group["GroupId"] for group in security_groups(request) if vpc_id is None or group["VpcId"] == vpc_id
    ]
    if lacking(chosen, groups):
        raise invalid_value(
            "Invalid security groups: at least one does not exist or is in another VPC than the database:"
            f" {listing(chosen)}"
        )


def _vpc_of_subnet_group(request: AwsRequest) -> str | None:
    name = request.params.get("DBSubnetGroupName")
    groups: list[Json] = request.look("DescribeDBSubnetGroups")["DBSubnetGroups"]
    return next((group["VpcId"] for group in groups if group["DBSubnetGroupName"] == name), None)


def _vpc_of_instance(request: AwsRequest) -> str | None:
    identifier = request.params["DBInstanceIdentifier"]
    return next(
        (
            database.get("DBSubnetGroup", {}).get("VpcId")
            for database in databases(request)
            if database["DBInstanceIdentifier"] == identifier
        ),
        None,
    )


@refuses(*CREATE_OR_MODIFY)
def role_of_monitoring(request: AwsRequest) -> None:
    """Refuse a role that does not let Enhanced Monitoring assume it."""
    role_arn = request.params.get("MonitoringRoleArn")
    if role_arn and not trusts(request, role_arn, "monitoring.rds.amazonaws.com"):
        raise invalid_value(
            "IAM role ARN value is invalid or does not include the required permissions for"
            f" ENHANCED_MONITORING: {role_arn}"
        )


def _invalid_settings(params: Json) -> Iterator[str]:
    """Yield the parameters whose values do not have the form that RDS requires."""
    patterns = {
        "DBInstanceIdentifier": IDENTIFIER,
        "NewDBInstanceIdentifier": IDENTIFIER,
        "DBName": DATABASE_NAME,
        "MasterUsername": USER_NAME,
        "EngineVersion": VERSION,
    }
    numbers: dict[str, Any] = {
        "Port": PORTS,
        "DBPortNumber": PORTS,
        "MonitoringInterval": MONITORING_INTERVALS,
        "PerformanceInsightsRetentionPeriod": INSIGHTS_RETENTIONS,
        "BackupRetentionPeriod": BACKUP_RETENTIONS,
    }
    yield from (
        name for name, form in patterns.items() if name in params and not form.fullmatch(params[name])
    )
    yield from (name for name, allowed in numbers.items() if name in params and params[name] not in allowed)


@refuses(*CREATE_OR_MODIFY)
def invalid_settings(request: AwsRequest) -> None:
    """Refuse names, versions and numbers that RDS does not allow."""
    if invalid := [f"{name}: {request.params[name]}" for name in _invalid_settings(request.params)]:
        raise invalid_value(
            "identifier, database or user name, port, monitoring interval, retention or version is invalid:"
            f" {listing(invalid)}"
        )


@refuses(*CREATE_OR_MODIFY)
def unknown_certificate_authority(request: AwsRequest) -> None:
    """Refuse a certificate authority that RDS does not have."""
    name = request.params.get("CACertificateIdentifier")
    if name is not None and not AUTHORITY.fullmatch(name):
        raise ErrorResponse(404, f"Certificate not found: {name}", "CertificateNotFound")


@refuses(*CREATE_OR_MODIFY)
def invalid_password(request: AwsRequest) -> None:
    """Refuse a master password that is too short, too long or has characters that RDS does not allow."""
    password = request.params.get("MasterUserPassword")
    if password is not None and not PASSWORD.fullmatch(password):
        raise invalid_value(
            "The parameter MasterUserPassword is not a valid password: 8 to 128 printable ASCII characters,"
            " without /, @, double quotes and spaces, are allowed."
        )


@refuses(*CREATE_OR_MODIFY)
def password_in_two_places(request: AwsRequest) -> None:
    """Refuse a master password in a request that lets RDS manage it in Secrets Manager."""
    if request.params.get("ManageMasterUserPassword") and request.params.get("MasterUserPassword"):
        raise invalid_combination(
            "MasterUserPassword can't be specified if ManageMasterUserPassword is turned on."
        )


@refuses(*CREATE_OR_MODIFY)
def key_without_secret(request: AwsRequest) -> None:
    """Refuse a key for the secret if RDS does not manage the password.

    The message is in a comment of terraform-provider-aws, internal/service/rds/instance.go.
    """
    key, is_managed = (
        request.params.get(name) for name in ("MasterUserSecretKmsKeyId", "ManageMasterUserPassword")
    )
    if key and not is_managed:
        raise invalid_value(
            "A ManageMasterUserPassword value is required when MasterUserSecretKmsKeyId is specified."
        )


@refuses("rds:CreateDBInstance")
def unusable_key(request: AwsRequest) -> None:
    """Refuse KMS keys that are not enabled."""
    names = ("KmsKeyId", "PerformanceInsightsKMSKeyId", "MasterUserSecretKmsKeyId")
    for key in filter(None, map(request.params.get, names)):
        if key_state(request, key) != "Enabled":
            message = (
                f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions"
                " to access it."
            )
            raise ErrorResponse(400, message, "KMSKeyNotAccessibleFault")


@refuses("rds:CreateDBInstance")
def parameter_group_of_another_family(request: AwsRequest) -> None:
    """Refuse a parameter group for another major version of the engine."""
    name, version = request.params.get("DBParameterGroupName"), request.params.get("EngineVersion")
    engine = request.params["Engine"]
    if not name or not version:
        return
    groups = request.look("DescribeDBParameterGroups")["DBParameterGroups"]
    families = [group["DBParameterGroupFamily"] for group in groups if group["DBParameterGroupName"] == name]
    if families and not f"{engine}{version}.".startswith(f"{families[0]}."):
        raise invalid_combination(
            f"The parameter group {name} with DBParameterGroupFamily {listing(families)} cannot be used for"
            f" {engine} {version}."
        )


@refuses("rds:CreateDBInstance")
def unknown_log_types(request: AwsRequest) -> None:
    """Refuse logs that PostgreSQL does not have."""
    params = request.params
    unknown = lacking(params.get("EnableCloudwatchLogsExports"), LOG_TYPES)
    if params["Engine"] == "postgres" and unknown:
        raise invalid_combination(
            f"You cannot use the log types '{listing(unknown)}' with engine version {params['Engine']}"
            f" {params.get('EngineVersion', '')}"
        )


@refuses("rds:CreateDBInstance")
def maximum_below_storage(request: AwsRequest) -> None:
    """Refuse a maximum storage size that is below the initial size."""
    size, maximum = request.params.get("AllocatedStorage"), request.params.get("MaxAllocatedStorage")
    if size is not None and maximum is not None and maximum < size:
        raise invalid_combination(f"Max storage size must be greater than storage size: {maximum}, {size}")


@refuses("rds:CreateDBInstance")
def storage_too_small(request: AwsRequest) -> None:
    """Refuse an instance without a storage size, and less than 20 GiB of gp3."""
    params = request.params
    size, kind = params.get("AllocatedStorage"), params.get("StorageType", "")
    if size is None or (kind == "gp3" and size < 20):
        raise invalid_value(
            f"Invalid storage size for engine {params['Engine']} and storage type {kind}:"
            f" {'none' if size is None else size}; 20 to 65536 GiB are allowed"
        )


@refuses("rds:DeleteDBInstance")
def no_final_snapshot(request: AwsRequest) -> None:
    """Refuse a deletion that neither takes nor skips the final snapshot."""
    params = request.params
    if params.get("SkipFinalSnapshot") is not True and not params.get("FinalDBSnapshotIdentifier"):
        raise invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )


@refuses("rds:DeleteDBInstance")
def existing_final_snapshot(request: AwsRequest) -> None:
    """Refuse a final snapshot with the name of an existing snapshot."""
    name = request.params.get("FinalDBSnapshotIdentifier")
    snapshots: list[Json] = request.look("DescribeDBSnapshots")["DBSnapshots"] if name else []
    if name in [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots]:
        message = f"Cannot create the snapshot because a snapshot with the identifier {name} already exists."
        raise ErrorResponse(400, message, "DBSnapshotAlreadyExists")


@completes("rds:DescribeDBInstances")
def describe_instances(request: AwsRequest, response: Json) -> None:
    """Add the members of an instance that moto omits, and the throughput of a small gp3 volume."""
    for instance in response["DBInstances"]:
        gp3: Json = {}
        if instance.get("StorageType") == "gp3" and instance["AllocatedStorage"] < 400:
            gp3 = {"Iops": 3000, "StorageThroughput": 125}
        instance |= {**OMITTED, **gp3, **instance}

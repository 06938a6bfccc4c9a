"""The calls for database instances (RDS API)."""

from collections.abc import Mapping
from typing import Any

from sandbox.providers.aws.calls.model import (
    CREATION_TAG,
    Change,
    Context,
    Find,
    Read,
    ResourceCalls,
    first,
    first_object,
    items_of,
)
from sandbox.wire.values import Json

MODIFIED = (
    "identifier",
    "port",
    "allocatedStorage",
    "maxAllocatedStorage",
    "storageType",
    "iops",
    "storageThroughput",
    "instanceClass",
    "engineVersion",
    "multiAz",
    "backupRetentionPeriod",
    "backupWindow",
    "maintenanceWindow",
    "parameterGroupName",
    "caCertIdentifier",
    "vpcSecurityGroupIds",
    "publiclyAccessible",
    "copyTagsToSnapshot",
    "deletionProtection",
    "autoMinorVersionUpgrade",
    "monitoringInterval",
    "monitoringRoleArn",
    "iamDatabaseAuthenticationEnabled",
    "performanceInsightsEnabled",
    "performanceInsightsKmsKeyId",
    "performanceInsightsRetentionPeriod",
    "password",
    "manageMasterUserPassword",
    "masterUserSecretKmsKeyId",
)
"""The inputs of an instance that one request can change."""

LOCAL = (
    "skipFinalSnapshot",
    "finalSnapshotIdentifier",
    "deleteAutomatedBackups",
    "applyImmediately",
    "allowMajorVersionUpgrade",
)

INSTANCE_NAMES = {
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "username": "MasterUsername",
    "password": "MasterUserPassword",
    "parameterGroupName": "DBParameterGroupName",
    "caCertIdentifier": "CACertificateIdentifier",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
}


def _abandoned_instances(response: Json, context: Context) -> list[str]:
    """Return the ID of the instance with the program's identifier and this creation's tag, in a list."""
    mark = {"Key": CREATION_TAG, "Value": context.mark}
    return [
        instance["DbiResourceId"]
        for instance in response["DBInstances"]
        if instance["DBInstanceIdentifier"] == context["identifier"] and mark in instance.get("TagList", [])
    ]


def _instance(response: Json, context: Context) -> Json | None:
    instances = (item for item in response["DBInstances"] if item["DbiResourceId"] == context.id)
    instance: Json | None = first(instances)
    if instance is None:
        return None
    endpoint: Json = instance.get("Endpoint", {})
    groups: list[Json] = items_of(instance, "VpcSecurityGroups")
    parameter_group = first_object(instance.get("DBParameterGroups"))
    option_group = first_object(instance.get("OptionGroupMemberships"))
    secret: Json | None = instance.get("MasterUserSecret")
    version, requested = str(instance["EngineVersion"]), context.text("engineVersion")
    return {
        **instance,
        "arn": instance.get("DBInstanceArn"),
        "address": endpoint.get("Address"),
        "endpoint": f"{endpoint.get('Address')}:{endpoint.get('Port')}",
        "port": endpoint.get("Port"),
        "hostedZoneId": endpoint.get("HostedZoneId"),
        "dbSubnetGroupName": instance.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "vpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in groups],
        "DBParameterGroupName": parameter_group.get("DBParameterGroupName"),
        "optionGroupName": option_group.get("OptionGroupName"),
        "status": instance.get("DBInstanceStatus"),
        "resourceId": instance.get("DbiResourceId"),
        "engineVersionActual": version,
        # The program may name only the major version.
        "EngineVersion": requested if version.startswith(f"{requested}.") and requested else version,
        "LatestRestorableTime": None,
        "tags": instance.get("TagList"),
        "EnableCloudwatchLogsExports": instance.get("EnabledCloudwatchLogsExports"),
        "EnablePerformanceInsights": instance.get("PerformanceInsightsEnabled"),
        "masterUserSecrets": [secret] if secret else None,
    }


def _live_identifier(context: Context) -> str:
    return context.live["DBInstanceIdentifier"]


def _end_managed_password(context: Context) -> Json:
    """Return the arguments that end RDS's management of the password, and set the program's password."""
    return {
        "DBInstanceIdentifier": _live_identifier(context),
        "ManageMasterUserPassword": False,
        "MasterUserPassword": context["password"],
        "ApplyImmediately": context["applyImmediately"],
    }


def _changed_instance(context: Context) -> Json:
    def changed(name: str, live_value: Any) -> Any:
        return context[name] if context[name] != live_value else None

    secret: Json = context.live.get("MasterUserSecret") or {}
    changes_key = context["masterUserSecretKmsKeyId"] != secret.get("KmsKeyId")
    return {
        "ManageMasterUserPassword": (context["manageMasterUserPassword"] or None) if changes_key else None,
        "DBInstanceIdentifier": _live_identifier(context),
        "NewDBInstanceIdentifier": changed("identifier", _live_identifier(context)) or None,
        "DBPortNumber": changed("port", context.live.get("port")),
        "ApplyImmediately": context["applyImmediately"],
        "AllowMajorVersionUpgrade": context["allowMajorVersionUpgrade"],
    }


def _changed_logs(context: Context) -> Json:
    name = "enabledCloudwatchLogsExports"
    logs = {"EnableLogTypes": context.added.get(name), "DisableLogTypes": context.removed.get(name)}
    return {"DBInstanceIdentifier": context["identifier"], "CloudwatchLogsExportConfiguration": logs}


def _deleted_instance(context: Context) -> Json:
    skips = context["skipFinalSnapshot"]
    return {
        "DBInstanceIdentifier": context["identifier"],
        "SkipFinalSnapshot": skips,
        "FinalDBSnapshotIdentifier": None if skips else context["finalSnapshotIdentifier"] or None,
        "DeleteAutomatedBackups": context["deleteAutomatedBackups"],
    }


CALLS: Mapping[str, ResourceCalls] = {
    "aws:rds/instance:Instance": ResourceCalls(
        service="rds",
        unchecked="classes and versions that RDS offers in the region; features that a class lacks",
        create=Change(action="CreateDBInstance"),
        created_id=lambda response: response["DBInstance"]["DbiResourceId"],
        find=Find(action="DescribeDBInstances", take=_abandoned_instances),
        names=INSTANCE_NAMES,
        local=LOCAL,
        unread=("password", "manageMasterUserPassword", "masterUserSecretKmsKeyId"),
        deferred=lambda live: live.get("PendingModifiedValues") or {},
        read=(Read(action="DescribeDBInstances", take=_instance),),
        update=(
            Change(
                action="ModifyDBInstance",
                when=("manageMasterUserPassword",),
                condition=lambda context: (
                    context.live.get("MasterUserSecret") and not context["manageMasterUserPassword"]
                ),
                arguments=_end_managed_password,
            ),
            Change(action="ModifyDBInstance", when=MODIFIED, arguments=_changed_instance),
            Change(
                action="ModifyDBInstance",
                when=("enabledCloudwatchLogsExports",),
                arguments=_changed_logs,
            ),
        ),
        delete=(Change(action="DeleteDBInstance", arguments=_deleted_instance),),
    ),
}

"""The calls for backup vaults, plans and selections (AWS Backup API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    CREATION_TAG,
    Change,
    Context,
    Find,
    Items,
    Read,
    ResourceCalls,
    items_of,
    members,
)
from sandbox.wire.values import Json

RULE_NAMES = {
    "ruleName": "RuleName",
    "targetVaultName": "TargetBackupVaultName",
    "schedule": "ScheduleExpression",
    "scheduleExpressionTimezone": "ScheduleExpressionTimezone",
    "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes",
    "enableContinuousBackup": "EnableContinuousBackup",
}
"""The API's name of each property of a rule."""


def _tags_of_arn() -> Read:
    return Read(
        action="ListTags",
        arguments=lambda context: {"ResourceArn": context.live.get("arn")},
        take=lambda response, context: {"tags": response.get("Tags")},
    )


def _vault_name(context: Context) -> Json:
    return {"BackupVaultName": context.id}


def _lock(response: Json, context: Context) -> Json | None:
    names = {
        "backupVaultName": "BackupVaultName",
        "backupVaultArn": "BackupVaultArn",
        "minRetentionDays": "MinRetentionDays",
        "maxRetentionDays": "MaxRetentionDays",
    }
    return members(response, **names) if response.get("Locked") else None


def _api_lifecycle(lifecycle: Json | None) -> Json | None:
    return lifecycle and {
        "DeleteAfterDays": lifecycle.get("deleteAfter"),
        "MoveToColdStorageAfterDays": lifecycle.get("coldStorageAfter"),
    }


def _lifecycle(lifecycle: Json | None) -> Json | None:
    return lifecycle and {
        "deleteAfter": lifecycle.get("DeleteAfterDays"),
        "coldStorageAfter": lifecycle.get("MoveToColdStorageAfterDays"),
    }


def _api_rule(rule: Json) -> Json:
    copies = [
        {
            "DestinationBackupVaultArn": action.get("destinationVaultArn"),
            "Lifecycle": _api_lifecycle(action.get("lifecycle")),
        }
        for action in items_of(rule, "copyActions")
    ]
    own = {api_name: rule.get(name) for name, api_name in RULE_NAMES.items()}
    return {**own, "Lifecycle": _api_lifecycle(rule.get("lifecycle")), "CopyActions": copies or None}


def _rule(rule: Json) -> Json:
    copies = [
        {
            "destinationVaultArn": action.get("DestinationBackupVaultArn"),
            "lifecycle": _lifecycle(action.get("Lifecycle")),
        }
        for action in rule.get("CopyActions", [])
    ]
    own = {name: rule.get(api_name) for name, api_name in RULE_NAMES.items()}
    return {**own, "lifecycle": _lifecycle(rule.get("Lifecycle")), "copyActions": copies or None}


def _api_plan(context: Context) -> Json:
    return {"BackupPlanName": context["name"], "Rules": list(map(_api_rule, context.list("rules")))}


def _plan(response: Json, context: Context) -> Json | None:
    plan: Json = response["BackupPlan"]
    return {
        "arn": response.get("BackupPlanArn"),
        "version": response.get("VersionId"),
        "name": plan.get("BackupPlanName"),
        "rules": list(map(_rule, plan.get("Rules", []))),
    }


def _abandoned_plan(response: Json, context: Context) -> list[str]:
    is_own = response.get("Tags", {}).get(CREATION_TAG) == context.mark
    return [context.item["BackupPlanId"]] if is_own else []


def _selection_key(context: Context) -> Json:
    return {"BackupPlanId": context["planId"], "SelectionId": context.id}


def _new_selection(context: Context) -> Json:
    selection = {
        "SelectionName": context["name"],
        "IamRoleArn": context["iamRoleArn"],
        "Resources": context["resources"],
        "NotResources": context["notResources"],
    }
    return {"BackupPlanId": context["planId"], "BackupSelection": selection}


def _selection(response: Json, context: Context) -> Json | None:
    names = {
        "name": "SelectionName",
        "iamRoleArn": "IamRoleArn",
        "resources": "Resources",
        "notResources": "NotResources",
    }
    selection = members(response["BackupSelection"], **names) or {}
    return {"planId": response.get("BackupPlanId"), **selection}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:backup/vault:Vault": ResourceCalls(
        service="backup",
        is_emulated=True,
        unchecked=(
            "whether the caller may create a grant for the key; no jobs run, so no recovery points exist"
        ),
        create=Change(
            action="CreateBackupVault", arguments=lambda context: {"BackupVaultTags": context.tags}
        ),
        names={
            "name": "BackupVaultName",
            "kmsKeyArn": "EncryptionKeyArn",
            "arn": "BackupVaultArn",
            "recoveryPoints": "NumberOfRecoveryPoints",
        },
        local=("forceDestroy",),
        read=(
            Read(
                action="DescribeBackupVault",
                arguments=_vault_name,
                take=lambda response, context: {**response, "arn": response.get("BackupVaultArn")},
            ),
            _tags_of_arn(),
        ),
        delete=(Change(action="DeleteBackupVault", arguments=_vault_name),),
    ),
    "aws:backup/vaultPolicy:VaultPolicy": ResourceCalls(
        service="backup",
        is_emulated=True,
        unchecked="whether the principals exist",
        create=Change(action="PutBackupVaultAccessPolicy"),
        read=(
            Read(
                action="GetBackupVaultAccessPolicy",
                arguments=_vault_name,
                take=lambda response, context: response,
            ),
        ),
        update=(Change(action="PutBackupVaultAccessPolicy", when=("policy",), arguments=_vault_name),),
        delete=(Change(action="DeleteBackupVaultAccessPolicy", arguments=_vault_name),),
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": ResourceCalls(
        service="backup",
        is_emulated=True,
        unchecked="the end of the grace time, after which AWS neither changes nor deletes a lock",
        create=Change(action="PutBackupVaultLockConfiguration"),
        unread=("changeableForDays",),
        read=(Read(action="DescribeBackupVault", arguments=_vault_name, take=_lock),),
        delete=(Change(action="DeleteBackupVaultLockConfiguration", arguments=_vault_name),),
    ),
    "aws:backup/plan:Plan": ResourceCalls(
        service="backup",
        is_emulated=True,
        unchecked="whether the vaults of a rule exist, and whether another account accepts copies",
        find=Find(
            items=Items("ListBackupPlans", lambda context: {}, lambda response: response["BackupPlansList"]),
            action="ListTags",
            arguments=lambda context: {"ResourceArn": context.item["BackupPlanArn"]},
            take=_abandoned_plan,
        ),
        create=Change(
            action="CreateBackupPlan",
            bare=True,
            arguments=lambda context: {
                "BackupPlanTags": context.tags,
                "BackupPlan": _api_plan(context),
            },
        ),
        created_id=lambda response: response["BackupPlanId"],
        read=(
            Read(
                action="GetBackupPlan",
                arguments=lambda context: {"BackupPlanId": context.id},
                take=_plan,
            ),
            _tags_of_arn(),
        ),
        update=(
            Change(
                action="UpdateBackupPlan",
                when=("rules",),
                arguments=lambda context: {
                    "BackupPlanId": context.id,
                    "BackupPlan": _api_plan(context),
                },
            ),
        ),
        delete=(Change(action="DeleteBackupPlan", arguments=lambda context: {"BackupPlanId": context.id}),),
    ),
    "aws:backup/selection:Selection": ResourceCalls(
        service="backup",
        is_emulated=True,
        unchecked="whether the resources exist; the role's permissions",
        find=Find(
            action="ListBackupSelections",
            arguments=lambda context: {"BackupPlanId": context["planId"]},
            take=lambda response, context: [
                selection["SelectionId"]
                for selection in response["BackupSelectionsList"]
                if selection["SelectionName"] == context["name"]
            ],
        ),
        create=Change(action="CreateBackupSelection", bare=True, arguments=_new_selection),
        created_id=lambda response: response["SelectionId"],
        read=(Read(action="GetBackupSelection", arguments=_selection_key, take=_selection),),
        delete=(Change(action="DeleteBackupSelection", arguments=_selection_key),),
    ),
}

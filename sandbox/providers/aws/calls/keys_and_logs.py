"""The calls for KMS keys and aliases, and for log groups (KMS API, CloudWatch Logs API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls, first, members
from sandbox.wire.values import Json


def _key_id(context: Context) -> Json:
    return {"KeyId": context.id}


def _key(response: Json, context: Context) -> Json | None:
    key: Json = response["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        return None
    return members(
        key,
        arn="Arn",
        keyId="KeyId",
        description="Description",
        keyUsage="KeyUsage",
        customerMasterKeySpec="KeySpec",
        isEnabled="Enabled",
        multiRegion="MultiRegion",
    )


def _new_key(context: Context) -> Json:
    return {
        "Description": context["description"],
        "Policy": context["policy"],
        "KeyUsage": context["keyUsage"],
        "KeySpec": context["customerMasterKeySpec"],
        "MultiRegion": context["multiRegion"],
        "Tags": context.tags,
    }


def _alias(response: Json, context: Context) -> Json | None:
    aliases = [alias for alias in response["Aliases"] if alias["AliasName"] == context.id]
    return members(first(aliases), AliasName="AliasName", AliasArn="AliasArn", targetKeyId="TargetKeyId")


def _alias_name(context: Context) -> Json:
    return {"AliasName": context.id}


def _log_group(response: Json, context: Context) -> Json | None:
    groups = [group for group in response["logGroups"] if group["logGroupName"] == context.id]
    return members(
        first(groups),
        arn="logGroupArn",
        logGroupName="logGroupName",
        retentionInDays="retentionInDays",
        kmsKeyId="kmsKeyId",
        logGroupClass="logGroupClass",
    )


def _log_group_name(context: Context) -> Json:
    return {"logGroupName": context.id}


def _set_or_remove(name: str, set_action: str, remove_action: str) -> tuple[Change, Change]:
    """Return the calls that set and remove a setting of a log group."""
    return (
        Change(
            action=set_action,
            when=(name,),
            condition=lambda context: context[name],
            arguments=_log_group_name,
        ),
        Change(
            action=remove_action,
            when=(name,),
            condition=lambda context: not context[name],
            arguments=_log_group_name,
        ),
    )


CALLS: Mapping[str, ResourceCalls] = {
    "aws:kms/key:Key": ResourceCalls(
        service="kms",
        unchecked=(
            "whether the principals of other accounts exist; rotation periods other than a year are refused"
        ),
        create=Change(action="CreateKey", arguments=_new_key),
        created_id=lambda response: response["KeyMetadata"]["KeyId"],
        local=("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"),
        read=(
            Read(action="DescribeKey", arguments=_key_id, take=_key),
            Read(
                action="GetKeyRotationStatus",
                arguments=_key_id,
                take=lambda response, context: members(
                    response,
                    enableKeyRotation="KeyRotationEnabled",
                    rotationPeriodInDays="RotationPeriodInDays",
                ),
            ),
            Read(
                action="GetKeyPolicy",
                arguments=lambda context: {"KeyId": context.id, "PolicyName": "default"},
                take=lambda response, context: {"policy": response.get("Policy")},
            ),
            Read(
                action="ListResourceTags",
                arguments=_key_id,
                take=lambda response, context: {"tags": response.get("Tags")},
            ),
        ),
        update=(
            Change(
                action="EnableKey",
                when=("isEnabled",),
                condition=lambda context: context["isEnabled"],
                arguments=_key_id,
            ),
            Change(
                action="EnableKeyRotation",
                when=("enableKeyRotation", "rotationPeriodInDays"),
                condition=lambda context: context["enableKeyRotation"],
                arguments=_key_id,
            ),
            Change(
                action="DisableKeyRotation",
                when=("enableKeyRotation",),
                condition=lambda context: not context["enableKeyRotation"],
                arguments=_key_id,
            ),
            Change(action="UpdateKeyDescription", when=("description",), arguments=_key_id),
            Change(
                action="PutKeyPolicy",
                when=("policy",),
                arguments=lambda context: {"KeyId": context.id, "PolicyName": "default"},
            ),
            Change(
                action="DisableKey",
                when=("isEnabled",),
                condition=lambda context: context["isEnabled"] is False,
                arguments=_key_id,
            ),
        ),
        delete=(
            Change(
                action="ScheduleKeyDeletion",
                arguments=lambda context: {
                    "KeyId": context.id,
                    "PendingWindowInDays": context["deletionWindowInDays"],
                },
            ),
        ),
    ),
    "aws:kms/alias:Alias": ResourceCalls(
        service="kms",
        create=Change(action="CreateAlias"),
        names={"name": "AliasName", "arn": "AliasArn"},
        read=(
            Read(action="ListAliases", take=_alias),
            Read(
                action="DescribeKey",
                arguments=lambda context: {"KeyId": context.live.get("targetKeyId")},
                take=lambda response, context: {"targetKeyArn": response["KeyMetadata"]["Arn"]},
            ),
        ),
        update=(Change(action="UpdateAlias", when=("targetKeyId",), arguments=_alias_name),),
        delete=(Change(action="DeleteAlias", arguments=_alias_name),),
    ),
    "aws:cloudwatch/logGroup:LogGroup": ResourceCalls(
        service="logs",
        unchecked="nothing else; classes other than STANDARD are refused",
        create=Change(action="CreateLogGroup"),
        names={"name": "logGroupName"},
        local=("skipDestroy",),
        read=(
            Read(
                action="DescribeLogGroups",
                arguments=lambda context: {"logGroupNamePrefix": context.id},
                take=_log_group,
            ),
            Read(
                action="ListTagsForResource",
                arguments=lambda context: {"resourceArn": context.live.get("arn")},
                take=lambda response, context: {"tags": response.get("tags")},
            ),
        ),
        update=(
            *_set_or_remove("retentionInDays", "PutRetentionPolicy", "DeleteRetentionPolicy"),
            *_set_or_remove("kmsKeyId", "AssociateKmsKey", "DisassociateKmsKey"),
        ),
        delete=(Change(action="DeleteLogGroup", arguments=_log_group_name),),
    ),
}

"""CloudWatch log groups, each encrypted with its own KMS key."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, key_policy
from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class LogGroupArgs:
    """Arguments of a log group."""

    group: str
    """Name of the group; some services prescribe it, such as `/aws/eks/pipe-prod/cluster`."""
    alias: str
    """Last part of the KMS key's alias, named after the content of the logs: `flow-logs`."""
    retention_days: int
    """Days until an event is deleted; CloudWatch never deletes events by default."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the key, without which no event can be read."""


def encrypted_log_group(
    name: str, args: LogGroupArgs, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """Declare a log group and its key, which only CloudWatch Logs may use, and only for this group."""
    naming = args.naming
    key = aws.kms.Key(
        name,
        description=f"Events of the log group {args.group}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=key_policy(naming.account, logs_may_use_key(naming, [args.group])),
        tags=naming.aws(args.alias),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.protect)),
    )
    aws.kms.Alias(name, name=f"alias/{naming.name(args.alias)}", target_key_id=key.key_id, opts=opts)
    return aws.cloudwatch.LogGroup(
        name,
        name=args.group,
        retention_in_days=args.retention_days,
        kms_key_id=key.arn,
        tags=naming.aws(args.alias),
        opts=opts,
    )


def logs_may_use_key(naming: Naming, groups: Sequence[str]) -> Statement:
    """Return a key policy statement that covers only these log groups (CloudWatch Logs, encryption)."""
    arns = [f"arn:aws:logs:{naming.region}:{naming.account}:log-group:{group}" for group in groups]
    return {
        "Sid": "LogsUseKey",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{naming.region}.amazonaws.com"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arns}},
    }

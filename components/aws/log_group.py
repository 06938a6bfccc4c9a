"""CloudWatch log groups, encrypted with a key of their own wherever one is declared."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, key_policy
from components.common.naming import Labels


@dataclass(frozen=True, kw_only=True)
class LogGroupArgs:
    """What a log group needs to know."""

    group: str
    """Its name, which whoever writes into it may prescribe: `/aws/eks/pipe-prod/cluster`."""
    alias: str
    """What it holds, the name of its KMS key: `flow-logs`."""
    retention_days: int
    """Days until an event is deleted; CloudWatch's default is never."""
    labels: Labels
    protect: bool
    """Whether Pulumi refuses to delete the key, without which no event can be read."""


def encrypted_log_group(
    name: str, args: LogGroupArgs, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """Declares a log group and the key that only CloudWatch Logs, for that group, may use."""
    labels = args.labels
    key = aws.kms.Key(
        name,
        description=f"Events of the log group {args.group}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=key_policy(labels.account, logs_may_use_key(labels, [args.group])),
        tags=labels.aws(args.alias),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.protect)),
    )
    aws.kms.Alias(name, name=f"alias/{labels.name(args.alias)}", target_key_id=key.key_id, opts=opts)
    return aws.cloudwatch.LogGroup(
        name,
        name=args.group,
        retention_in_days=args.retention_days,
        kms_key_id=key.arn,
        tags=labels.aws(args.alias),
        opts=opts,
    )


def logs_may_use_key(labels: Labels, groups: Sequence[str]) -> Statement:
    """A statement of a key policy, as CloudWatch Logs documents it: for the events of these groups only."""
    arns = [f"arn:aws:logs:{labels.region}:{labels.account}:log-group:{group}" for group in groups]
    return {
        "Sid": "LogsUseKey",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{labels.region}.amazonaws.com"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arns}},
    }

"""Hardened S3 buckets, each with its own KMS key and a bucket for its access logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document, key_policy
from components.common.naming import Naming

LOG_DAYS = 400
"""Days until access logs are deleted: more than a year, so that a quarter can be compared with the same
quarter of the previous year."""

NONCURRENT_DAYS = 30
"""Days for which an overwritten or deleted version can still be restored."""

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]
"""Mode of S3 Object Lock: principals with s3:BypassGovernanceRetention can delete a version that is locked in
governance mode; nobody, not even the root user, can delete one that is locked in compliance mode (S3, Object
Lock retention modes)."""


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """Arguments of a hardened bucket."""

    bucket: str
    """Globally unique name of the bucket; access logs go to `<bucket>-logs`."""
    alias: str
    """Alias of the bucket's KMS key, without `alias/`."""
    naming: Naming
    rules: Sequence[Rule]
    """Lifecycle rules in addition to those that every bucket has."""
    lock_days: int
    """Days for which S3 Object Lock protects each new version; 0 sets no retention."""
    lock_mode: LockMode = "GOVERNANCE"
    protect: bool
    """True to make Pulumi refuse to delete the bucket and its key."""
    key_statements: Sequence[Statement] = ()
    """Key policy statements for an AWS service that writes to the bucket."""
    write_statements: Sequence[Statement] | None = None
    """Bucket policy statements for an AWS service that names the bucket's key in its uploads. None refuses
    every upload that names a key."""


@dataclass(frozen=True, kw_only=True)
class HardenedBucket:
    """A bucket, its key, and its versioning, which replication requires on both buckets."""

    bucket: aws.s3.Bucket
    key: aws.kms.Key
    versioning: aws.s3.BucketVersioning


def hardened_bucket(name: str, args: BucketArgs, opts: pulumi.ResourceOptions) -> HardenedBucket:
    """Declare a bucket with its own key, and a bucket for its access logs.

    `opts` sets the parent of both buckets and, through its provider, the region.
    """
    protected = _with(opts, protect=args.protect)

    key = aws.kms.Key(
        name,
        description=f"Objects of the bucket {args.bucket}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=key_policy(args.naming.account, *args.key_statements),
        tags={**args.naming.aws(), "Name": args.alias},
        opts=protected,
    )
    aws.kms.Alias(name, name=f"alias/{args.alias}", target_key_id=key.id, opts=opts)
    bucket = aws.s3.Bucket(
        name,
        bucket=args.bucket,
        # Object Lock is always enabled, since the provider would replace the bucket to enable it later
        # (ForceNew). Without a retention period, it protects no version.
        object_lock_enabled=True,
        tags={**args.naming.aws(), "Name": args.bucket},
        opts=protected,
    )
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
        # One data key per bucket instead of one per object: up to 99% fewer requests to KMS.
        "bucket_key_enabled": True,
    }
    statements = args.write_statements
    if statements is None:
        statements = refuse_other_encryption(arn_of(args.bucket))
    versioning = _harden(name, bucket, args.bucket, encryption, statements, args.rules, opts)
    if args.lock_days > 0:
        aws.s3.BucketObjectLockConfiguration(
            name,
            bucket=bucket.id,
            rule={"default_retention": {"mode": args.lock_mode, "days": args.lock_days}},
            opts=_with(opts, depends_on=[versioning]),
        )
    _log_accesses(name, bucket, args, opts)
    return HardenedBucket(bucket=bucket, key=key, versioning=versioning)


def _log_accesses(name: str, bucket: aws.s3.Bucket, args: BucketArgs, opts: pulumi.ResourceOptions) -> None:
    """Declare the bucket for the access logs of another bucket."""
    logs_name = f"{args.bucket}-logs"
    delivery: Statement = {
        "Sid": "DeliverAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn_of(logs_name)}/*",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": arn_of(args.bucket)},
            "StringEquals": {"aws:SourceAccount": args.naming.account},
        },
    }
    logs = log_bucket(
        f"{name}-logs",
        LogBucketArgs(
            bucket=logs_name, naming=args.naming, delivery=[delivery], days=LOG_DAYS, protect=args.protect
        ),
        opts,
    )
    aws.s3.BucketLogging(
        name,
        bucket=bucket.id,
        target_bucket=logs.bucket.id,
        target_prefix="access/",
        opts=_with(opts, depends_on=[logs.versioning]),
    )


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    """Arguments of a bucket to which an AWS service delivers logs."""

    bucket: str
    """Globally unique name of the bucket."""
    naming: Naming
    delivery: Sequence[Statement]
    """Statements of the bucket's policy that let the service write."""
    days: int
    """Days until a log is deleted."""
    protect: bool
    """True to make Pulumi refuse to delete the bucket."""


@dataclass(frozen=True, kw_only=True)
class LogBucket:
    """A bucket for logs, and its versioning, the last resource that must exist before logs are delivered."""

    bucket: aws.s3.Bucket
    versioning: aws.s3.BucketVersioning


def log_bucket(name: str, args: LogBucketArgs, opts: pulumi.ResourceOptions) -> LogBucket:
    """Declare a bucket for logs, with SSE-S3, the only encryption that delivery of access logs supports."""
    bucket = aws.s3.Bucket(
        name,
        bucket=args.bucket,
        tags={**args.naming.aws(), "Name": args.bucket},
        opts=_with(opts, protect=args.protect),
    )
    expire: Rule = {
        "id": "logs",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": args.days},
    }
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}
    }
    versioning = _harden(name, bucket, args.bucket, encryption, args.delivery, [expire], opts)
    return LogBucket(bucket=bucket, versioning=versioning)


def _harden(
    name: str,
    bucket: aws.s3.Bucket,
    physical: str,
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict,
    statements: Sequence[Statement],
    rules: Sequence[Rule],
    opts: pulumi.ResourceOptions,
) -> aws.s3.BucketVersioning:
    """Declare a bucket's public access block, ownership, TLS policy, encryption, versioning and lifecycle.

    Return the versioning resource, the last one that must exist before the bucket is used.
    """
    block = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    # S3 refuses concurrent changes to a bucket ("conflicting conditional operation"), so these resources
    # depend on one another.
    ownership = aws.s3.BucketOwnershipControls(
        name,
        bucket=bucket.id,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=_with(opts, depends_on=[block]),
    )
    policy = aws.s3.BucketPolicy(
        name,
        bucket=bucket.id,
        policy=document(*require_tls(arn_of(physical)), *statements),
        opts=_with(opts, depends_on=[ownership]),
    )
    encrypted = aws.s3.BucketServerSideEncryptionConfiguration(
        name, bucket=bucket.id, rules=[encryption], opts=opts
    )
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=_with(opts, depends_on=[policy, encrypted]),
    )
    cleanup: Rule = {
        "id": "cleanup",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
        "expiration": {"expired_object_delete_marker": True},
        "noncurrent_version_expiration": {"noncurrent_days": NONCURRENT_DAYS},
    }
    aws.s3.BucketLifecycleConfiguration(
        name, bucket=bucket.id, rules=[*rules, cleanup], opts=_with(opts, depends_on=[versioning])
    )
    return versioning


def arn_of(bucket: str) -> str:
    """Return a bucket's ARN from its name.

    Unlike the bucket's output, this ARN is known in a first preview, so the policy pack can check it.
    """
    return f"arn:aws:s3:::{bucket}"


def require_tls(arn: str) -> list[Statement]:
    """Return statements that deny plain HTTP and TLS below 1.2 (AWS: s3:TlsVersion)."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
    }
    return [
        {"Sid": "DenyPlainHttp", **statement, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "DenyOldTls", **statement, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
    ]


def refuse_other_encryption(arn: str) -> list[Statement]:
    """Return statements that deny uploads with an encryption header, so that S3 uses the bucket's key.

    The policy is rendered before the key exists, so it cannot compare the key of an upload with the bucket's.
    Replicas that S3 writes to another region name their key, but require s3:ReplicateObject instead of
    s3:PutObject.
    """
    headers = {
        "DenyAlgorithm": "s3:x-amz-server-side-encryption",
        "DenyKey": "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "DenyCustomerKey": "s3:x-amz-server-side-encryption-customer-algorithm",
    }
    return [
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"{arn}/*",
            "Condition": {"Null": {header: "false"}},  # The header is present.
        }
        for sid, header in headers.items()
    ]


def _with(
    opts: pulumi.ResourceOptions, *, protect: bool | None = None, depends_on: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(protect=protect, depends_on=list(depends_on))
    )

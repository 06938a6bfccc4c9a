"""S3 buckets, hardened the same way wherever one is declared: a bucket, its access logs, its copy."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document, key_policy
from components.common.naming import Labels

LOG_DAYS = 400
"""Days that access logs are kept: more than a year, so that this quarter can be compared with last year's."""

NONCURRENT_DAYS = 30
"""Days that an overwritten or deleted version can still be restored."""

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """What a hardened bucket needs to know."""

    bucket: str
    """Its name, unique in all of AWS; its access logs go to `<bucket>-logs`."""
    alias: str
    """The name of its KMS key, without `alias/`."""
    labels: Labels
    rules: Sequence[Rule]
    """Lifecycle rules beside those that every bucket has."""
    lock_days: int
    """Days that governance object lock keeps every new version; 0 sets no retention."""
    protect: bool
    """Whether Pulumi refuses to delete the bucket and its key."""


@dataclass(frozen=True, kw_only=True)
class HardenedBucket:
    """A bucket, its key, and its versioning, which has to be on before it is a source or target of copies."""

    bucket: aws.s3.Bucket
    key: aws.kms.Key
    versioning: aws.s3.BucketVersioning


def hardened_bucket(name: str, args: BucketArgs, opts: pulumi.ResourceOptions) -> HardenedBucket:
    """Declares a bucket with a key of its own, and the bucket for its access logs.

    `opts` says whose children they are and, through its provider, in which region.
    """
    kept = _with(opts, protect=args.protect)

    key = aws.kms.Key(
        name,
        description=f"Objects of the bucket {args.bucket}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=key_policy(args.labels.account),
        tags={**args.labels.aws(), "Name": args.alias},
        opts=kept,
    )
    aws.kms.Alias(name, name=f"alias/{args.alias}", target_key_id=key.id, opts=opts)
    bucket = aws.s3.Bucket(
        name,
        bucket=args.bucket,
        # Always, since the provider replaces a bucket whose lock is switched on later (ForceNew). Without a
        # retention the lock holds no version.
        object_lock_enabled=True,
        tags={**args.labels.aws(), "Name": args.bucket},
        opts=kept,
    )
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
        # One data key a bucket instead of one an object: 99% fewer calls to KMS.
        "bucket_key_enabled": True,
    }
    versioning = _harden(
        name, bucket, args.bucket, encryption, refuse_other_encryption(arn_of(args.bucket)), args.rules, opts
    )
    if args.lock_days > 0:
        aws.s3.BucketObjectLockConfiguration(
            name,
            bucket=bucket.id,
            rule={"default_retention": {"mode": "GOVERNANCE", "days": args.lock_days}},
            opts=_with(opts, depends_on=[versioning]),
        )
    _log_accesses(name, bucket, args, opts)
    return HardenedBucket(bucket=bucket, key=key, versioning=versioning)


def _log_accesses(name: str, bucket: aws.s3.Bucket, args: BucketArgs, opts: pulumi.ResourceOptions) -> None:
    """The bucket for access logs: the same hardening, but SSE-S3, since S3 delivers logs to no other."""
    logs_name = f"{args.bucket}-logs"
    logs = aws.s3.Bucket(
        f"{name}-logs",
        bucket=logs_name,
        tags={**args.labels.aws(), "Name": logs_name},
        opts=_with(opts, protect=args.protect),
    )
    delivery: Statement = {
        "Sid": "DeliverAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn_of(logs_name)}/*",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": arn_of(args.bucket)},
            "StringEquals": {"aws:SourceAccount": args.labels.account},
        },
    }
    expire: Rule = {
        "id": "logs",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": LOG_DAYS},
    }
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}
    }
    versioning = _harden(f"{name}-logs", logs, logs_name, encryption, [delivery], [expire], opts)
    aws.s3.BucketLogging(
        name,
        bucket=bucket.id,
        target_bucket=logs.id,
        target_prefix="access/",
        opts=_with(opts, depends_on=[versioning]),
    )


def _harden(
    name: str,
    bucket: aws.s3.Bucket,
    physical: str,
    encryption: aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict,
    statements: Sequence[Statement],
    rules: Sequence[Rule],
    opts: pulumi.ResourceOptions,
) -> aws.s3.BucketVersioning:
    """What every bucket has: no public access, no ACLs, encryption, TLS, versions and their clean-up.

    Returns the versioning, which comes last of all that has to be there before the bucket is used.
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
    # S3 refuses two changes of a bucket at once ("conflicting conditional operation"): one after the other.
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
    """A bucket's ARN from its name: known in the first preview, where the bucket's own output is not.

    So policies can be checked before anything is created.
    """
    return f"arn:aws:s3:::{bucket}"


def require_tls(arn: str) -> list[Statement]:
    """Refuses plain HTTP, and TLS below 1.2 (AWS: s3:TlsVersion)."""
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
    """Refuses uploads that ask for any encryption: those that ask for none take the bucket's own.

    Whether they would ask for the right key cannot be told from a policy that is known before the key is. The
    copies that S3 makes in another region name theirs, and are no uploads (s3:ReplicateObject).
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
            "Condition": {"Null": {header: "false"}},  # the header is there
        }
        for sid, header in headers.items()
    ]


def _with(
    opts: pulumi.ResourceOptions, *, protect: bool | None = None, depends_on: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(protect=protect, depends_on=list(depends_on))
    )

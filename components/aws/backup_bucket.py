"""The S3 bucket for database dumps: encrypted, versioned, locked, and optionally replicated."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.aws.bucket import BucketArgs, Rule, hardened_bucket
from components.aws.replication import ReplicationArgs, replicate
from components.common.naming import Naming
from components.settings.models.backups import Backups

DUMPS = "dumps/"
"""Key prefix of the timestamped dumps; `latest.dump` has no prefix and never expires."""

TIERS = {30: "STANDARD_IA", 90: "GLACIER_IR"}
"""Cheaper storage classes with immediate reads, by the age in days at which a dump moves to them (S3 requires
30 or more)."""


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """Arguments of BackupBucket."""

    settings: Backups
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the buckets and their keys."""


class BackupBucket(pulumi.ComponentResource):
    """The bucket for database dumps, with a copy in a second region if the settings enable it."""

    bucket: pulumi.Output[str]
    """Name of the bucket."""
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    """ARN of the KMS key; reading and writing dumps requires permission to use it."""

    def __init__(self, name: str, args: BackupBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:storage:BackupBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming

        main_args = BucketArgs(
            bucket=settings.bucket,
            alias=naming.name("backups"),
            naming=naming,
            rules=[dump_lifecycle(settings.expire_days)],
            lock_days=settings.lock_days,
            protect=args.protect,
        )
        main = hardened_bucket(name, main_args, child)
        if settings.replica.enabled:
            region = settings.replica.region
            provider = aws.Provider(
                f"{name}-replica", region=region, allowed_account_ids=[naming.account], opts=child
            )
            replica = hardened_bucket(
                f"{name}-replica",
                replace(main_args, bucket=settings.replica.bucket, alias=naming.name("backups", "replica")),
                pulumi.ResourceOptions(parent=self, provider=provider),
            )
            copy = ReplicationArgs(
                source=main, target=replica, role_arn=naming.role_arn("backup-replication")
            )
            replicate(name, copy, child)

        self.bucket, self.arn, self.key_arn = main.bucket.bucket, main.bucket.arn, main.key.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "key_arn": self.key_arn})


def dump_lifecycle(expire_days: int) -> Rule:
    """Return the rule that moves dumps to cheaper classes and deletes them after `expire_days`."""
    return {
        "id": "dumps",
        "status": "Enabled",
        "filter": {"prefix": DUMPS},
        "transitions": [
            {"days": days, "storage_class": tier} for days, tier in TIERS.items() if days < expire_days
        ],
        "expiration": {"days": expire_days},
    }

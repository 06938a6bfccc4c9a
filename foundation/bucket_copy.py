"""Copy of a bucket in a second region, to which S3 replicates every object."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.bucket import BucketArgs, HardenedBucket, hardened_bucket
from components.aws.replication import ReplicationArgs, replicate
from foundation.service_roles.replication import Replication, replication_role
from foundation.service_roles.role import declare_role


@dataclass(frozen=True, kw_only=True)
class BucketCopyArgs:
    """Arguments of declare_bucket_copy."""

    source: HardenedBucket
    """The bucket that is copied."""
    source_args: BucketArgs
    copy_args: BucketArgs
    region: str
    """Region of the copy."""
    role: str
    """Name of the role that S3 assumes to replicate objects."""


def declare_bucket_copy(name: str, args: BucketCopyArgs, parent: pulumi.Resource) -> None:
    """Declare the copy with its key, the replication and its role; the logical name is `<name>-copy`."""
    child = pulumi.ResourceOptions(parent=parent)
    naming = args.source_args.naming
    provider = aws.Provider(
        f"{name}-copy", region=args.region, allowed_account_ids=[naming.account], opts=child
    )
    copy = hardened_bucket(
        f"{name}-copy", args.copy_args, pulumi.ResourceOptions(parent=parent, provider=provider)
    )
    role, policies = declare_role(
        replication_role(
            args.role,
            Replication(
                naming=naming,
                copy_region=args.region,
                bucket=args.source_args.bucket,
                alias=args.source_args.alias,
                copy=args.copy_args.bucket,
                copy_alias=args.copy_args.alias,
            ),
        ),
        naming,
        child,
    )
    replicate(
        f"{name}-copy",
        ReplicationArgs(source=args.source, target=copy, role_arn=role.arn),
        pulumi.ResourceOptions(parent=parent, depends_on=policies),
    )

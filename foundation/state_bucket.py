"""The S3 bucket of Pulumi's state, and the KMS key of its secrets."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.aws.bucket import BucketArgs, hardened_bucket
from components.common.iam_documents import key_policy
from components.common.naming import Naming
from foundation.bucket_copy import BucketCopyArgs, declare_bucket_copy
from foundation.permissions.state import State


@dataclass(frozen=True, kw_only=True)
class StateBucketArgs:
    """Arguments of StateBucket."""

    project: str
    """The Pulumi project of the stacks: pipe."""
    copy_region: str
    """Region of the copy, which is used if the first region is lost."""
    lock_days: int
    """Days for which no version of a stack's state can be deleted."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the buckets and keys."""


class StateBucket(pulumi.ComponentResource):
    """The S3 bucket of Pulumi's state, copied to a second region, and the KMS key of its secrets.

    The encryption context of a secret names its stack, so access to the secrets can be limited by stack. The
    key of the bucket serves all stacks.
    """

    bucket: pulumi.Output[str]
    """Name of the bucket: pipe-state-<account>."""
    secrets_provider: pulumi.Output[str]
    """Value of `pulumi stack init --secrets-provider`, without `&context_env=<stack>`."""
    state: State
    """Location and keys of the state; the permissions to read and write state are built from them."""

    def __init__(self, name: str, args: StateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:StateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        naming, alias = args.naming, f"{args.naming.service}-state"

        secrets = aws.kms.Key(
            name,
            description="Secrets in the state and the stack files of Pulumi",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(naming.account),
            tags={**naming.aws(), "Name": alias},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=secrets.id, opts=child)

        main_args = BucketArgs(
            bucket=f"{alias}-{naming.account}",
            alias=f"{alias}-bucket",
            naming=naming,
            rules=[],
            lock_days=args.lock_days,
            protect=args.protect,
        )
        main = hardened_bucket(f"{name}-bucket", main_args, child)
        copy_args = replace(main_args, bucket=f"{main_args.bucket}-copy", alias=f"{alias}-copy")
        declare_bucket_copy(
            name,
            BucketCopyArgs(
                source=main,
                source_args=main_args,
                copy_args=copy_args,
                region=args.copy_region,
                role=f"{alias}-replication",
            ),
            self,
        )

        self.bucket = main.bucket.bucket
        self.secrets_provider = pulumi.Output.from_input(f"awskms://alias/{alias}?region={naming.region}")
        self.state = State(
            project=args.project,
            bucket_arn=main.bucket.arn,
            bucket_key_arn=main.key.arn,
            secrets_key_arn=secrets.arn,
            region=naming.region,
        )
        self.register_outputs({"bucket": self.bucket, "secrets_provider": self.secrets_provider})

"""Where Pulumi keeps the state of the stacks, and the key of the secrets in it."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.aws.bucket import BucketArgs, hardened_bucket
from components.aws.replication import CopyArgs, replicate
from components.common.iam_documents import key_policy
from components.common.naming import Labels
from foundation.permissions.state import State


@dataclass(frozen=True, kw_only=True)
class StateBucketArgs:
    """What a StateBucket needs to know."""

    project: str
    """The Pulumi project of the stacks: pipe."""
    copy_region: str
    """Where the copy is, in case the first region is lost."""
    lock_days: int
    """Days that no version of a state can be deleted."""
    labels: Labels
    protect: bool
    """Whether Pulumi refuses to delete the buckets and keys."""


class StateBucket(pulumi.ComponentResource):
    """The S3 bucket of Pulumi's state, copied to a second region, and the KMS key of its secrets.

    Two keys: the secrets' is asked for each stack on its own (its encryption context), the bucket's for all.
    """

    bucket: pulumi.Output[str]
    """Its name: pipe-state-<account>."""
    secrets_provider: pulumi.Output[str]
    """What `pulumi stack init --secrets-provider` takes, before `&context_env=<stack>`."""
    state: State
    """What the permissions to read and write state need to know."""

    def __init__(self, name: str, args: StateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:StateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels, alias = args.labels, f"{args.labels.service}-state"

        secrets = aws.kms.Key(
            name,
            description="Secrets in the state and the stack files of Pulumi",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(labels.account),
            tags={**labels.aws(), "Name": alias},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=secrets.id, opts=child)

        main_args = BucketArgs(
            bucket=f"{alias}-{labels.account}",
            alias=f"{alias}-bucket",
            labels=labels,
            rules=[],
            lock_days=args.lock_days,
            protect=args.protect,
        )
        main = hardened_bucket(f"{name}-bucket", main_args, child)
        provider = aws.Provider(
            f"{name}-copy", region=args.copy_region, allowed_account_ids=[labels.account], opts=child
        )
        copy = hardened_bucket(
            f"{name}-copy",
            replace(main_args, bucket=f"{main_args.bucket}-copy", alias=f"{alias}-copy"),
            pulumi.ResourceOptions(parent=self, provider=provider),
        )
        replicate(
            f"{name}-copy",
            CopyArgs(
                source=main,
                target=copy,
                target_region=args.copy_region,
                labels=labels,
                role=f"{alias}-replication",
                boundary=None,
            ),
            child,
        )

        self.bucket = main.bucket.bucket
        self.secrets_provider = pulumi.Output.from_input(f"awskms://alias/{alias}?region={labels.region}")
        self.state = State(
            project=args.project,
            bucket_arn=main.bucket.arn,
            bucket_key_arn=main.key.arn,
            secrets_key_arn=secrets.arn,
            region=labels.region,
        )
        self.register_outputs({"bucket": self.bucket, "secrets_provider": self.secrets_provider})

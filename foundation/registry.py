"""An image registry with immutable tags that other accounts pull from, and its copy in a second region."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document, key_policy
from components.common.naming import Naming

PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
"""Actions of a pull (ECR user guide, repository policy examples: cross-account pull)."""

LOOK_UP = ("ecr:DescribeImageScanFindings", "ecr:DescribeImages")
"""Actions of the image checks before a deployment."""

PULLING_ROLES = ("node", "deploy", "preview", "operators")
"""Roles of an environment that may pull images: the nodes' role, and the roles that check images."""

CHECKING_ROLES = ("deploy", "preview", "operators")
"""Roles of an environment that may look up images and the findings of their scans."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """Arguments of Registry."""

    repository: str
    """Name of the repository; pipe/api in the deployment guide."""
    keep_images: int
    """Number of images to keep; they must cover the rollbacks of all stacks."""
    untagged_days: int
    """Days until an image without a tag is deleted."""
    pull_accounts: Sequence[str]
    """Accounts whose environments pull images."""
    copy_region: str
    """Second region, to which ECR copies every image."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the repositories and their keys."""


class Registry(pulumi.ComponentResource):
    """An ECR repository with immutable tags, scans on push, a lifecycle for old images, and a copy.

    ECR copies images, but no settings. A repository that replication creates has mutable tags and no scans,
    and lacks the source's key, policy and lifecycle (github.com/aws/containers-roadmap/issues/140; ECR user
    guide, lp_creation). Therefore, the repository in the second region is declared before the replication.
    ECR copies only images that are pushed after the replication is configured (ECR user guide, replication).

    The accounts that pull need no permission for the key: ECR decrypts with a grant whose grantee is the
    repository (ECR user guide, encryption at rest).
    """

    url: pulumi.Output[str]
    """URL of the repository: the name of its images without tag and digest."""
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = self._repository(name, args, child)
        provider = aws.Provider(
            f"{name}-copy", region=args.copy_region, allowed_account_ids=[args.naming.account], opts=child
        )
        copy = self._repository(f"{name}-copy", args, pulumi.ResourceOptions(parent=self, provider=provider))
        aws.ecr.ReplicationConfiguration(
            name,
            replication_configuration={
                "rules": [
                    {
                        "destinations": [{"region": args.copy_region, "registry_id": args.naming.account}],
                        "repository_filters": [{"filter": args.repository, "filter_type": "PREFIX_MATCH"}],
                    }
                ]
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[copy]),
        )
        self.url, self.arn = repository.repository_url, repository.arn
        self.register_outputs({"url": self.url, "arn": self.arn})

    def _repository(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions) -> aws.ecr.Repository:
        """Declare a repository with its key, lifecycle and policy in the region of the options' provider."""
        protected = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.protect))
        alias = f"{args.naming.service}-registry"
        key = aws.kms.Key(
            name,
            description=f"Images of {args.repository}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(args.naming.account),
            tags={**args.naming.aws(), "Name": alias},
            opts=protected,
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=key.id, opts=opts)
        repository = aws.ecr.Repository(
            name,
            name=args.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
            tags={**args.naming.aws(), "Name": args.repository},
            opts=protected,
        )
        aws.ecr.LifecyclePolicy(
            name,
            repository=repository.name,
            policy=json.dumps(image_lifecycle(args.keep_images, args.untagged_days)),
            opts=opts,
        )
        if args.pull_accounts:
            aws.ecr.RepositoryPolicy(
                name,
                repository=repository.name,
                policy=document(*pull_statements(args.pull_accounts, args.naming.service)),
                opts=opts,
            )
        return repository


def pull_statements(accounts: Sequence[str], service: str) -> list[Statement]:
    """Return the repository policy: environments' roles may pull, and some may look up images and scans.

    The principals are the accounts, since a policy with a role that is deleted or does not exist yet is
    invalid. The condition limits them to roles by name. The policy has no resource, because ECR refuses one
    (github.com/aws/aws-cdk/issues/24314).
    """
    principal = {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]}
    return [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions),
            "Condition": {
                "ArnLike": {
                    "aws:PrincipalArn": [
                        f"arn:aws:iam::{account}:role/{service}-*-{role}"
                        for account in accounts
                        for role in roles
                    ]
                }
            },
        }
        for sid, actions, roles in (("Pull", PULL, PULLING_ROLES), ("LookUp", LOOK_UP, CHECKING_ROLES))
    ]


def image_lifecycle(keep_images: int, untagged_days: int) -> dict[str, object]:
    """Return lifecycle rules that delete old untagged images, and the oldest images beyond `keep_images`."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Untagged images after {untagged_days} days",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": untagged_days,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "description": f"All but the newest {keep_images}",
                "selection": {
                    "tagStatus": "any",
                    "countType": "imageCountMoreThan",
                    "countNumber": keep_images,
                },
                "action": {"type": "expire"},
            },
        ]
    }

"""An image registry with immutable tags."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import key_policy
from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """Arguments of Registry."""

    repository: str
    """Name of the repository; pipe/api in the deployment guide."""
    keep_images: int
    """Number of images to keep; they must cover the rollbacks of all stacks."""
    untagged_days: int
    """Days until an image without a tag is deleted."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the repository and its key."""


class Registry(pulumi.ComponentResource):
    """An ECR repository with immutable tags, scans on push, and a lifecycle for old images."""

    url: pulumi.Output[str]
    """Name of the images, without tag and digest."""
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=args.protect)
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
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=key.id, opts=child)
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
            opts=child,
        )
        self.url, self.arn = repository.repository_url, repository.arn
        self.register_outputs({"url": self.url, "arn": self.arn})


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

"""Where images are pushed once and never overwritten."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import key_policy
from components.common.naming import Labels


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """What a Registry needs to know."""

    repository: str
    """Its name, as the deployment guide has it: pipe/api."""
    keep_images: int
    """How many images stay; as many as a rollback may need, of all stacks together."""
    untagged_days: int
    """Days until an image without a tag is deleted."""
    labels: Labels
    protect: bool
    """Whether Pulumi refuses to delete the repository and its key."""


class Registry(pulumi.ComponentResource):
    """An ECR repository: tags cannot be moved, images are scanned when pushed, old ones are deleted."""

    url: pulumi.Output[str]
    """What comes before the tag or digest in an image's name."""
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:delivery:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        alias = f"{args.labels.service}-registry"

        key = aws.kms.Key(
            name,
            description=f"Images of {args.repository}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(args.labels.account),
            tags={**args.labels.aws(), "Name": alias},
            opts=kept,
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=key.id, opts=child)
        repository = aws.ecr.Repository(
            name,
            name=args.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
            tags={**args.labels.aws(), "Name": args.repository},
            opts=kept,
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
    """Untagged images go first; of the rest, the newest stay."""
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

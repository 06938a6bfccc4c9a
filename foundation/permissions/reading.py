"""Permissions to read settings, and no data, for previews and refreshes."""

from components.common.iam_documents import Statement, allow


def read_settings() -> list[Statement]:
    """Allow reading settings and tags of the services that the stacks use.

    AWS's ReadOnlyAccess would also read every object, log event and queue of the account. Patterns are used
    only where they cover no data, so that a new version of a provider may read further settings.
    """
    return [
        allow(
            "ReadSettings",
            [
                "codebuild:BatchGetProjects",
                "codeconnections:GetConnection",
                "ec2:Describe*",
                "ecr:Describe*",
                "eks:Describe*",
                "eks:List*",
                "iam:Get*",
                "iam:List*",
                "kms:Describe*",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:List*",
                "logs:Describe*",
                "logs:ListTagsForResource",
                "rds:Describe*",
                "rds:ListTagsForResource",
                "s3:GetAccelerateConfiguration",
                "s3:GetBucket*",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
                "s3:ListTagsForResource",
            ],
            ["*"],
        )
    ]

"""Reading how everything is set up, and no data: what previews compare with and refreshes read."""

from components.common.iam_documents import Statement, allow


def read_settings() -> list[Statement]:
    """Settings and tags of the services that the stacks use.

    AWS's ReadOnlyAccess would read every object, log event and queue of the account as well. A pattern stands
    only where it reaches no data, so that a new version of a provider may read one setting more.
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

"""Permissions to read settings, but no data, for previews and refreshes."""

from components.common.iam_documents import Statement, allow


def read_settings() -> list[Statement]:
    """Return statements that allow reading settings and tags of the services that the stacks use.

    The AWS managed policy ReadOnlyAccess would also allow reading every object, log event and queue of the
    account. Wildcards are used only where they cover no data; they let a new version of a provider read
    further settings.
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
                "elasticloadbalancing:Describe*",
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
                "secretsmanager:DescribeSecret",
                "servicequotas:GetAWSDefaultServiceQuota",
                "servicequotas:GetServiceQuota",
            ],
            ["*"],
        )
    ]

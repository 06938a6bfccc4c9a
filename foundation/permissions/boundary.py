"""The permissions boundary of an environment's service roles."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.cluster import log_groups
from foundation.permissions.scope import Scope


def boundary(scope: Scope) -> list[Statement]:
    """Return the permissions boundary of the roles whose policies the deploy role writes.

    A boundary grants no permissions. A role has only the permissions that both the boundary and the role's
    own policies allow.
    """
    naming = scope.naming
    owned = {"StringEquals": {"aws:ResourceTag/env": naming.environment}}
    groups = log_groups(scope)
    return [
        # Required for dumps and their replication.
        allow(
            "Buckets",
            ["s3:GetBucketLocation", "s3:GetReplicationConfiguration", "s3:ListBucket"],
            scope.bucket_arns(),
        ),
        allow(
            "Objects",
            [
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
                "s3:PutObject",
                "s3:ReplicateObject",
                "s3:ReplicateTags",
            ],
            scope.bucket_arns("/*"),
        ),
        allow(
            "Keys",
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            scope.named_anywhere("kms", "key/*"),
            owned,
        ),
        # Flow logs and the runner write logs.
        allow("Logs", ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], groups),
        allow(
            "Runner",
            [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
            ],
            scope.named("ec2", "network-interface/*", "security-group/*", "subnet/*"),
        ),
        allow(
            "Connections",
            ["codeconnections:GetConnection", "codeconnections:GetConnectionToken"],
            scope.named("codeconnections", "connection/*"),
        ),
        # The runner, flow logs and Datadog describe resources; these actions read no data.
        allow(
            "Describe",
            [
                "cloudwatch:GetMetricData",
                "cloudwatch:GetMetricStatistics",
                "cloudwatch:ListMetrics",
                "ec2:Describe*",
                "elasticloadbalancing:Describe*",
                "logs:DescribeLogGroups",
                "rds:DescribeDBInstances",
                "rds:ListTagsForResource",
                "s3:GetBucketLocation",
                "s3:GetBucketTagging",
                "s3:ListAllMyBuckets",
                "tag:GetResources",
            ],
            ["*"],
        ),
    ]

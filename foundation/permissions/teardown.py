"""Permissions of operators to destroy an environment's stack: those that `scripts/teardown.sh` needs.

They allow deletions, changes that precede a deletion, and a final snapshot. The deploy role of GitHub's jobs
may also delete most resources, since deployments replace them. But it may neither empty the stack's buckets
nor switch off the deletion protection of load balancers, so no job can complete a teardown.
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope

NETWORK = [
    "ec2:DeleteFlowLogs",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteNatGateway",
    "ec2:DeleteRoute",
    "ec2:DeleteRouteTable",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DeleteVpc",
    "ec2:DeleteVpcEndpoints",
    "ec2:DetachInternetGateway",
    "ec2:DisassociateAddress",
    "ec2:DisassociateRouteTable",
    "ec2:ReleaseAddress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
]
"""Actions that delete, detach and release the parts of a VPC."""


def destroy_stack(scope: Scope) -> list[Statement]:
    """Return statements that allow destroying the environment's resources.

    Clusters, databases, buckets, log groups and runners are named. Parts of networks and keys have generated
    IDs, and AWS names load balancers, so the statements cover those of the whole account and region.

    No statement allows s3:BypassGovernanceRetention, so locked dumps stay. `protect_foundation` denies the
    deletion of foundation's keys and buckets.
    """
    buckets = scope.bucket_arns()
    return [
        allow("DestroyNetwork", NETWORK, scope.named("ec2", "*/*")),
        allow("EndFlowLogs", ["logs:DeleteLogDelivery"], ["*"]),
        allow(
            "DestroyCluster",
            [
                # Opens the endpoint to the caller, and switches the deletion protection off.
                "eks:UpdateClusterConfig",
                "eks:DeleteAccessEntry",
                "eks:DeleteAddon",
                "eks:DeleteCluster",
                "eks:DeletePodIdentityAssociation",
                "eks:DisassociateAccessPolicy",
            ],
            scope.named(
                "eks",
                "cluster/{}",
                "addon/{}/*",
                "access-entry/{}/*",
                "podidentityassociation/{}/*",
            ),
        ),
        # The names of Auto Mode's load balancers begin with k8s- and contain no environment. The account has
        # no other load balancers, unless two environments share it (docs/decisions/0024-accounts.md).
        allow(
            "AllowDeletionOfLoadBalancers",
            ["elasticloadbalancing:ModifyLoadBalancerAttributes"],
            scope.named("elasticloadbalancing", "loadbalancer/net/k8s-*"),
        ),
        allow(
            "DeleteLogGroups",
            ["logs:DeleteLogGroup"],
            scope.log_groups(),
        ),
        allow(
            "DeleteRunner",
            ["codebuild:DeleteProject", "codebuild:DeleteWebhook"],
            scope.named("codebuild", "project/{}-*"),
        ),
        allow(
            "DeleteDatabase",
            [
                "rds:AddTagsToResource",  # of the final snapshot (RDS: CopyTagsToSnapshot)
                "rds:CreateDBSnapshot",
                "rds:DeleteDBInstance",
                "rds:DeleteDBParameterGroup",
                "rds:DeleteDBSubnetGroup",
                "rds:ModifyDBInstance",
            ],
            scope.named("rds", "db:{}-*", "pg:{}-*", "snapshot:{}-*", "subgrp:{}-*", "og:default:*"),
        ),
        allow(
            "DeleteBuckets",
            [
                "s3:DeleteBucket",
                "s3:DeleteBucketPolicy",
                "s3:GetBucketObjectLockConfiguration",
                "s3:ListBucketVersions",
                "s3:PutBucketLogging",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutReplicationConfiguration",
            ],
            buckets,
        ),
        # S3 requires DeleteObjectVersion for a deletion with a version ID.
        allow("EmptyBuckets", ["s3:DeleteObject", "s3:DeleteObjectVersion"], [f"{arn}/*" for arn in buckets]),
        # KMS checks the deletion of an alias against the key, too.
        allow(
            "DeleteKeys",
            ["kms:DeleteAlias", "kms:ScheduleKeyDeletion"],
            [*scope.named_anywhere("kms", "key/*"), *scope.named_anywhere("kms", "alias/{}-*")],
        ),
    ]

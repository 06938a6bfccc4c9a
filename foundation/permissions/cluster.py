"""Permissions to change an environment's cluster, its logs and its runner."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope


def change_cluster(scope: Scope) -> list[Statement]:
    """Return statements that allow changes to the environment's cluster, log groups and runner.

    The statements name the resources, except for eks:CreateCluster, which requires the tag `env` in the
    request instead.
    """
    return [
        allow(
            "CreateCluster",
            ["eks:CreateCluster"],
            ["*"],
            {"StringEquals": {"aws:RequestTag/env": scope.naming.environment}},
        ),
        allow(
            "ChangeCluster",
            [
                "eks:AssociateAccessPolicy",
                "eks:CreateAccessEntry",
                "eks:CreateAddon",
                "eks:CreatePodIdentityAssociation",
                "eks:DeleteAccessEntry",
                "eks:DeleteAddon",
                "eks:DeleteCluster",
                "eks:DeletePodIdentityAssociation",
                "eks:DisassociateAccessPolicy",
                "eks:TagResource",
                "eks:UntagResource",
                "eks:UpdateAccessEntry",
                "eks:UpdateAddon",
                "eks:UpdateClusterConfig",
                "eks:UpdateClusterVersion",
                "eks:UpdatePodIdentityAssociation",
            ],
            scope.named(
                "eks",
                "cluster/{}",
                "addon/{}/*",
                "access-entry/{}/*",
                "podidentityassociation/{}/*",
            ),
        ),
        allow(
            "ChangeLogGroups",
            [
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            log_groups(scope),
        ),
        allow(
            "ChangeRunner",
            [
                "codebuild:CreateProject",
                "codebuild:CreateWebhook",
                "codebuild:DeleteProject",
                "codebuild:DeleteWebhook",
                "codebuild:UpdateProject",
                "codebuild:UpdateWebhook",
            ],
            scope.named("codebuild", "project/{}-*"),
        ),
        allow(
            "ConnectRunner",
            [
                "codeconnections:GetConnection",
                "codeconnections:PassConnection",
                "codeconnections:UseConnection",
            ],
            scope.named("codeconnections", "connection/*"),
        ),
    ]


def log_groups(scope: Scope) -> list[str]:
    """Return the ARN patterns of a stack's log groups; AWS services prescribe most of their names."""
    naming = scope.naming
    return scope.named(
        "logs",
        "log-group:/aws/codebuild/{}-*",
        "log-group:/aws/eks/{}/*",
        "log-group:/aws/rds/instance/{}-*",
        f"log-group:/{naming.service}/{naming.environment}/*",
    )

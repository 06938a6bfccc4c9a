"""Permissions to change an environment's cluster, its logs and its runner."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope


def change_cluster(scope: Scope) -> list[Statement]:
    """Return statements that allow changes to the environment's cluster, log groups and runner, by name."""
    return [
        # eks:CreateCluster does not support resource-level permissions.
        allow("CreateCluster", ["eks:CreateCluster"], ["*"]),
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
            scope.log_groups(),
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

"""Permissions to manage the service roles of an environment."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope

MANAGED_POLICIES = (
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "service-role/AmazonRDSEnhancedMonitoringRole",
)
"""AWS managed policies of a stack's roles; the deploy role can attach no other managed policy."""

SERVICES_WITH_ROLES = (
    "codebuild",
    "ec2",
    "eks",
    "monitoring.rds",
    "pods.eks",
    "s3",
    "vpc-flow-logs",
)
"""Services to which a stack passes its roles, without the suffix .amazonaws.com."""

SERVICES_WITH_LINKED_ROLES = ("eks", "elasticloadbalancing", "rds")
"""Services that create a service-linked role on first use in an account."""


def change_roles(scope: Scope) -> list[Statement]:
    """Return statements that allow managing service roles with the boundary and listed managed policies.

    Without these limits, the deploy role could create a role with any permission.
    """
    roles = scope.roles("*")
    boundary = {"StringEquals": {"iam:PermissionsBoundary": scope.naming.boundary_arn()}}
    managed = [f"arn:aws:iam::aws:policy/{name}" for name in MANAGED_POLICIES]
    change = [
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
    ]
    bounded = ["iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    attach = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
    linked = [
        f"arn:aws:iam::{scope.naming.account}:role/aws-service-role/{service}.amazonaws.com/*"
        for service in SERVICES_WITH_LINKED_ROLES
    ]
    return [
        allow("ChangeRoles", change, roles),
        allow("WritePoliciesUnderBoundary", bounded, roles, boundary),
        allow("AttachPoliciesOfAws", attach, roles, {"ArnEquals": {"iam:PolicyARN": managed}}),
        allow(
            "PassRoles",
            ["iam:PassRole"],
            roles,
            {
                "StringEquals": {
                    "iam:PassedToService": [f"{service}.amazonaws.com" for service in SERVICES_WITH_ROLES]
                }
            },
        ),
        allow("CreateLinkedRoles", ["iam:CreateServiceLinkedRole"], linked),
        # EKS adds the role of Auto Mode's nodes to an instance profile and leaves it there; a role in a
        # profile cannot be deleted (github.com/aws/containers-roadmap/issues/2531).
        allow(
            "TakeNodeRoleOut",
            ["iam:RemoveRoleFromInstanceProfile"],
            [f"arn:aws:iam::{scope.naming.account}:instance-profile/eks*"],
        ),
        {
            "Sid": "LeaveItself",
            "Effect": "Deny",
            "Action": [*change, *bounded, *attach, "iam:PassRole"],
            "Resource": scope.roles("deploy"),
        },
    ]

"""Making the roles that the services of an environment work with."""

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
"""AWS's own policies that a stack's roles carry; the deploy role can attach no other."""

SERVICES_WITH_ROLES = (
    "codebuild",
    "ec2",
    "eks",
    "monitoring.rds",
    "pods.eks",
    "s3",
    "vpc-flow-logs",
)
"""Services that a stack hands its roles to, without .amazonaws.com."""

SERVICES_WITH_LINKED_ROLES = ("eks", "elasticloadbalancing", "rds")
"""Services that make a role of their own when they are first used in an account."""


def change_roles(scope: Scope) -> list[Statement]:
    """Roles of the stack's services: a policy of its own only under the boundary, else AWS's few.

    Without this the deploy role could make itself a role that may do anything.
    """
    roles = scope.roles("*")
    boundary = {"StringEquals": {"iam:PermissionsBoundary": scope.labels.boundary_arn()}}
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
        f"arn:aws:iam::{scope.labels.account}:role/aws-service-role/{service}.amazonaws.com/*"
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
        # EKS puts the role of Auto Mode's nodes into a profile of its own, which it leaves; a role that is in
        # one cannot be deleted (github.com/aws/containers-roadmap/issues/2531).
        allow(
            "TakeNodeRoleOut",
            ["iam:RemoveRoleFromInstanceProfile"],
            [f"arn:aws:iam::{scope.labels.account}:instance-profile/eks*"],
        ),
        {
            "Sid": "LeaveItself",
            "Effect": "Deny",
            "Action": [*change, *bounded, *attach, "iam:PassRole"],
            "Resource": scope.roles("deploy"),
        },
    ]

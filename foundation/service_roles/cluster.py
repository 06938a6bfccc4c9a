"""Roles of the EKS control plane and of its nodes."""

from components.common.iam_documents import Condition, Statement, allow
from foundation.permissions.scope import Scope
from foundation.service_roles.role import ServiceRole
from foundation.service_roles.statements import service_trust

CONTROL_PLANE_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""Managed policies of the control plane's role (EKS, Auto Mode cluster role)."""

NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Managed policies of the nodes' role, for joining the cluster and pulling images (EKS, Auto Mode node
role)."""


def control_plane_role(scope: Scope) -> ServiceRole:
    """Return the role of the EKS control plane, which also starts nodes and load balancers (Auto Mode)."""
    naming, cluster = scope.naming, scope.named("eks", "cluster/{}")
    return ServiceRole(
        name=naming.name("cluster"),
        description=f"Control plane of the cluster {naming.name()}",
        # Auto Mode tags its sessions (EKS, Auto Mode cluster role). EKS user guide, "Cross-service confused
        # deputy prevention": a cluster role may name its cluster.
        trust=service_trust(
            "eks.amazonaws.com", naming.account, cluster, ("sts:AssumeRole", "sts:TagSession")
        ),
        managed_policies=CONTROL_PLANE_POLICIES,
        statements=_tag_nodes(naming.name()),
    )


def node_role(scope: Scope) -> ServiceRole:
    """Return the role of the cluster's nodes."""
    naming = scope.naming
    return ServiceRole(
        name=naming.name("node"),
        description=f"Nodes of the cluster {naming.name()}",
        # A role can be passed only to EC2 in its own account, and EC2 documents no condition for this trust
        # policy.
        trust=service_trust("ec2.amazonaws.com"),
        managed_policies=NODE_POLICIES,
    )


def _tag_nodes(cluster: str) -> list[Statement]:
    """Return statements that allow Auto Mode to add our tags to the resources that it creates for a cluster.

    The managed policies allow only EKS's own tags. The statements are those of the EKS user guide (Auto Mode,
    identity and access, "Custom AWS tags for EKS Auto resources"), without Shield, for one cluster.
    """

    def tagged(**more: str) -> Condition:
        condition: dict[str, dict[str, object]] = {
            "StringEquals": {"aws:RequestTag/eks:eks-cluster-name": cluster}
        }
        if more:
            condition["StringLike"] = {
                f"aws:RequestTag/eks:kubernetes-{key.replace('_', '-')}-name": value
                for key, value in more.items()
            }
        return condition

    return [
        allow(
            "Compute",
            ["ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"],
            ["*"],
            tagged(node_class="*", node_pool="*"),
        ),
        allow(
            "Storage",
            ["ec2:CreateSnapshot", "ec2:CreateVolume"],
            ["arn:aws:ec2:*:*:snapshot/*", "arn:aws:ec2:*:*:volume/*"],
            tagged(),
        ),
        allow("Networking", ["ec2:CreateNetworkInterface"], ["*"], tagged(cni_node="*")),
        allow(
            "LoadBalancer",
            [
                "ec2:CreateSecurityGroup",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:CreateRule",
                "elasticloadbalancing:CreateTargetGroup",
            ],
            ["*"],
            tagged(),
        ),
    ]

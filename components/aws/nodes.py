"""The node class and the node pool for the program's pods, which are Kubernetes objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.naming import Naming
from components.settings.models.cluster import Nodes

POOL = "workloads"
"""Name of the node class and of the node pool; `default` is the name of EKS's own class."""

ARCHITECTURE = "amd64"
"""Architecture of the nodes: scripts/deploy.sh builds the API's image for linux/amd64 only."""

REQUIREMENTS: tuple[dict[str, Any], ...] = (
    {"key": "kubernetes.io/arch", "operator": "In", "values": [ARCHITECTURE]},
    # EC2 interrupts a spot instance two minutes after a notice, but a proxy pod needs up to four to end.
    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
    # The families and generations of EKS's general-purpose pool (EKS user guide, built-in node pools).
    {"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["c", "m", "r"]},
    {"key": "eks.amazonaws.com/instance-generation", "operator": "Gt", "values": ["4"]},
)
"""Instance types that the pool may launch. The zones are those of the node class's subnets."""

DISRUPTION = {
    "consolidationPolicy": "WhenEmptyOrUnderutilized",
    # Longer than the pause between two pods of a rollout, so that a rollout triggers no consolidation.
    "consolidateAfter": "5m",
    # One node at a time, as long as there are at most ten: Karpenter rounds up.
    "budgets": [{"nodes": "10%"}],
}
"""Conditions and pace of the removal and replacement of nodes (Karpenter, disruption)."""

EXPIRE_AFTER = "336h"
"""Age at which a node is replaced, so that each node has a recent image; EKS's default, at most 504h."""

TERMINATION_GRACE_PERIOD = "24h"
"""Longest time that a node waits for its pods to end before it is terminated. EKS's default; longer than the
longest Job."""


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """Arguments of node_pool."""

    settings: Nodes
    naming: Naming
    subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets of the nodes; their zones are the zones of the pool."""
    security_group_id: pulumi.Input[str]
    """The security group that EKS creates for the cluster."""
    disk_gib: int
    """Size of a node's disk for images, logs and emptyDir volumes, in GiB."""


def node_pool(
    name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions
) -> kubernetes.apiextensions.CustomResource:
    """Declare the node class and the node pool; return the pool, which uses the class.

    The nodes have the role of the cluster's compute configuration, for which EKS has created the access entry
    (EKS user guide, node class, considerations). With another role, they could not join the cluster.
    """
    labels = args.naming.kubernetes(POOL)
    node_class = kubernetes.apiextensions.CustomResource(
        f"{name}-node-class",
        api_version="eks.amazonaws.com/v1",
        kind="NodeClass",
        metadata={"name": POOL, "labels": labels},
        spec=class_spec(args),
        opts=opts,
    )
    return kubernetes.apiextensions.CustomResource(
        f"{name}-node-pool",
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata={"name": POOL, "labels": labels},
        spec=pool_spec(args.settings),
        # EKS does not delete a node class that a pool or a node uses.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[node_class])),
    )


def class_spec(args: NodePoolArgs) -> dict[str, Any]:
    """Return the specification of the node class (EKS user guide, node class specification)."""
    return {
        "role": args.naming.name("node"),
        "subnetSelectorTerms": [{"id": subnet} for subnet in args.subnet_ids],
        "securityGroupSelectorTerms": [{"id": args.security_group_id}],
        "ephemeralStorage": {"size": f"{args.disk_gib}Gi"},
        # The program's namespace has a NetworkPolicy that denies by default.
        "networkPolicy": "DefaultAllow",
        # EKS adds these tags to instances, disks and network interfaces, if the cluster's role allows it.
        "tags": args.naming.aws("node"),
    }


def pool_spec(settings: Nodes) -> dict[str, Any]:
    """Return the specification of the node pool (Karpenter, NodePools)."""
    return {
        "template": {
            "spec": {
                "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": POOL},
                "requirements": list(REQUIREMENTS),
                "expireAfter": EXPIRE_AFTER,
                "terminationGracePeriod": TERMINATION_GRACE_PERIOD,
            }
        },
        "disruption": DISRUPTION,
        "limits": {"cpu": settings.cpu_limit, "memory": settings.memory_limit},
    }

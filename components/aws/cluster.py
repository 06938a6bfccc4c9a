"""The EKS cluster, in Auto Mode: AWS runs nodes, load balancers, network policies and pod identity."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.common.iam_documents import document, key_policy, service_trust
from components.common.naming import Labels
from components.common.outputs import require_output
from components.settings.cluster import Cluster as ClusterSettings

CONTROL_PLANE_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""What Auto Mode does in our name (EKS, Auto Mode cluster role)."""

NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node may do: join, and pull images (EKS, Auto Mode node role)."""

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every log that the control plane can write."""

NODE_POOLS = ("general-purpose", "system")
"""The two that EKS makes; their node class enforces network policies on the pods that a policy selects."""

ADMIN = "AmazonEKSClusterAdminPolicy"

READER = "AmazonEKSAdminViewPolicy"
"""Reads everything, Secrets too: Helm keeps a release's state in them, and a preview compares with it; the
stack's own state, which a preview reads anyway, holds the same secrets. A server-side dry run would need the
right to write (Kubernetes authorizes it like the real request); without it the provider compares inputs."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a Cluster needs to know."""

    settings: ClusterSettings
    labels: Labels
    private_subnet_ids: Sequence[pulumi.Input[str]]
    """Where the nodes and the control plane's network interfaces are; at least two zones."""
    protect: bool
    """Whether AWS and Pulumi refuse to delete the cluster and its keys."""


class Cluster(pulumi.ComponentResource):
    """A private cluster that only named IAM roles may enter, and the provider that enters it."""

    cluster_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The group of the control plane, the nodes and the pods."""
    kubeconfig: pulumi.Output[str]
    """JSON; a token comes from `aws eks get-token`, so it works for whoever has access. A secret."""
    provider: kubernetes.Provider
    """Server-side apply; usable only by principals with access, so it waits for their entries."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:cluster:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=args.protect)
        settings, labels = args.settings, args.labels
        cluster_name = labels.name()

        control_plane, control_plane_policies = self._role(
            "control-plane", "cluster", control_plane_trust(labels), CONTROL_PLANE_POLICIES, labels
        )
        # Nobody can pass a role to EC2 in another account; EC2 documents no condition for this trust.
        node, node_policies = self._role(
            "node", "node", service_trust("ec2.amazonaws.com", None), NODE_POLICIES, labels
        )
        # Whoever creates the cluster grants it the use of this key; its own roles need nothing.
        key = aws.kms.Key(
            name,
            description=f"Objects in the cluster {cluster_name}, Secrets above all",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(labels.account),
            tags=labels.aws("cluster"),
            opts=protected,
        )
        aws.kms.Alias(name, name=f"alias/{labels.name('cluster')}", target_key_id=key.key_id, opts=child)
        # EKS would make the group by itself, without retention or key.
        logs = encrypted_log_group(
            f"{name}-logs",
            LogGroupArgs(
                group=f"/aws/eks/{cluster_name}/cluster",
                alias="cluster-logs",
                retention_days=settings.log_retention_days,
                labels=labels,
                protect=args.protect,
            ),
            child,
        )
        cluster = aws.eks.Cluster(
            name,
            name=cluster_name,
            version=settings.version,
            role_arn=control_plane.arn,
            bootstrap_self_managed_addons=False,
            access_config={
                "authentication_mode": "API",
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            # Auto Mode: the three are enabled together or not at all.
            compute_config={"enabled": True, "node_pools": NODE_POOLS, "node_role_arn": node.arn},
            kubernetes_network_config={
                "ip_family": "ipv4",
                "service_ipv4_cidr": settings.service_cidr,
                "elastic_load_balancing": {"enabled": True},
            },
            storage_config={"block_storage": {"enabled": True}},
            vpc_config={
                "subnet_ids": args.private_subnet_ids,
                "endpoint_private_access": True,
                "endpoint_public_access": settings.endpoint.public,
                # Without a public endpoint there is nothing to list, and EKS keeps its default unused.
                "public_access_cidrs": settings.endpoint.allowed_cidrs if settings.endpoint.public else None,
            },
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=LOG_TYPES,
            # Extended support costs six times as much, and begins by itself unless this says otherwise.
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=args.protect,
            tags=labels.aws("cluster"),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=[*control_plane_policies, *node_policies, logs],
            ),
        )
        self.cluster_name, self.arn = cluster.name, cluster.arn
        self.security_group_id = require_output(
            cluster.vpc_config,
            "cluster_security_group_id",
            resource=f"EKS cluster {cluster_name}",
            meaning="its security group",
        )

        administrators = dict.fromkeys([labels.role_arn("deploy"), *settings.operators], ADMIN)
        reader = {f"arn:aws:iam::{labels.account}:role/{labels.service}-preview": READER}
        access = [
            self._access(principal, policy, labels) for principal, policy in (reader | administrators).items()
        ]
        # HPA and `kubectl top` read it; Auto Mode brings the other add-ons, pod identity among them.
        metrics = aws.eks.Addon(
            f"{name}-metrics-server",
            cluster_name=cluster.name,
            addon_name="metrics-server",
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=labels.aws("metrics-server"),
            opts=child,
        )

        self.kubeconfig = kubeconfig(cluster, cluster_name, labels.region)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            enable_server_side_apply=True,
            # Takes back what somebody changed by hand; else the next up ends in a conflict of owners.
            enable_patch_force=True,
            # Else a changed object is deleted before the new one exists, and a pod that starts then fails.
            # Pods do not miss the change: they carry a checksum of what they mount.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*access, metrics]),
        )
        # Until this is there, network policies are stored but not enforced (EKS, Auto Mode network policies).
        kubernetes.core.v1.ConfigMap(
            f"{name}-network-policies",
            metadata={
                "name": "amazon-vpc-cni",
                "namespace": "kube-system",
                "labels": labels.kubernetes("amazon-vpc-cni"),
            },
            data={"enable-network-policy-controller": "true"},
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "arn": self.arn,
                "security_group_id": self.security_group_id,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _role(
        self, suffix: str, role_name: str, trust: pulumi.Input[str], policies: Sequence[str], labels: Labels
    ) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
        """A role with policies that AWS maintains; it is of use once they are attached."""
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{self._name}-{suffix}",
            name=labels.name(role_name),
            description=f"{suffix} of the cluster {labels.name()}",
            assume_role_policy=trust,
            tags=labels.aws(role_name),
            opts=child,
        )
        attachments = [
            aws.iam.RolePolicyAttachment(
                f"{self._name}-{suffix}-{policy}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=child,
            )
            for policy in policies
        ]
        return role, attachments

    def _access(self, principal: str, policy: str, labels: Labels) -> aws.eks.AccessPolicyAssociation:
        """Lets an IAM principal into the cluster with the rights of an EKS access policy."""
        child = pulumi.ResourceOptions(parent=self)
        who = principal.rpartition(":")[2].replace("/", "-")
        entry = aws.eks.AccessEntry(
            f"{self._name}-{who}",
            cluster_name=self.cluster_name,
            principal_arn=principal,
            type="STANDARD",
            tags=labels.aws("access"),
            opts=child,
        )
        return aws.eks.AccessPolicyAssociation(
            f"{self._name}-{who}",
            cluster_name=self.cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{policy}",
            access_scope={"type": "cluster"},
            opts=child,
        )


def control_plane_trust(labels: Labels) -> pulumi.Output[str]:
    """Lets EKS act in our name for this cluster only (EKS, confused deputy); Auto Mode tags its sessions."""
    cluster = f"arn:aws:eks:{labels.region}:{labels.account}:cluster/{labels.name()}"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {"aws:SourceAccount": labels.account},
                "ArnLike": {"aws:SourceArn": cluster},
            },
        }
    )


def kubeconfig(cluster: aws.eks.Cluster, cluster_name: str, region: str) -> pulumi.Output[str]:
    """How to reach the cluster and prove who one is: by the caller's own AWS credentials, none are in it."""
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", cluster.name, "--region", region, "--output", "json"],
        "interactiveMode": "Never",
    }
    resource = f"EKS cluster {cluster_name}"
    server = {
        "server": require_output(cluster.endpoint, resource=resource, meaning="its endpoint"),
        "certificate-authority-data": require_output(
            cluster.certificate_authority,
            "data",
            resource=resource,
            meaning="the certificate of its authority",
        ),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": server}],
        "users": [{"name": cluster.name, "user": {"exec": token}}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": cluster.name}}],
        "current-context": cluster.name,
    }
    return pulumi.Output.secret(pulumi.Output.json_dumps(config))

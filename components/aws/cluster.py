"""The EKS cluster, in Auto Mode: AWS runs nodes, load balancers, network policies and pod identity."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.aws import nodes
from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.common.iam_documents import key_policy
from components.common.naming import Naming
from components.common.outputs import require_output
from components.settings.models.cluster import Cluster as ClusterSettings

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every log that the control plane can write."""

NODE_POOLS = ("system",)
"""Names of the built-in node pools that are enabled.

The program's pods run in the pool that `nodes.py` declares. While a built-in pool is enabled, EKS keeps the
access entry of the node role and installs the kinds NodeClass and NodePool with the cluster. Only pods that
tolerate the taint CriticalAddonsOnly can run in `system`, so it has nodes only if an add-on finds no room
elsewhere."""

ADMIN = "AmazonEKSClusterAdminPolicy"

READER = "AmazonEKSAdminViewPolicy"
"""EKS access policy for previews, which allows reading every object, including Secrets.

Helm stores the state of a release in Secrets, and a preview compares the program with that state. The
stack's state, which a preview also reads, contains the same secrets. A server-side dry run would require
write access, since Kubernetes authorizes it like the real request; without a dry run, the provider compares
inputs."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Arguments of Cluster."""

    settings: ClusterSettings
    naming: Naming
    private_subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets of the nodes and of the control plane's network interfaces, in at least two zones."""
    node_disk_gib: int
    """Size of a node's disk, in GiB."""
    protect: bool
    """True to make AWS and Pulumi refuse to delete the cluster and its keys."""


class Cluster(pulumi.ComponentResource):
    """An EKS cluster that only listed IAM principals can access, and a Kubernetes provider for it."""

    cluster_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The security group of the control plane, the nodes and the pods."""
    kubeconfig: pulumi.Output[str]
    """Kubeconfig as JSON. Tokens come from `aws eks get-token`, so every principal with access to the cluster
    can use it, and it contains no secret."""
    provider: kubernetes.Provider
    """Kubernetes provider with server-side apply; it depends on the access entries of the principals that use
    it."""
    before_pods: list[pulumi.Resource]
    """Resources that are created before the program's pods and deleted after them: the node pool, whose
    deletion terminates the nodes, and the add-on that serves metrics to the autoscaler."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:cluster:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=args.protect)
        settings, naming = args.settings, args.naming
        cluster_name = naming.name()

        # The principal that creates the cluster grants EKS the use of this key; the cluster's roles need no
        # permission for it.
        key = aws.kms.Key(
            name,
            description=f"Objects in the cluster {cluster_name}, Secrets above all",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(naming.account),
            tags=naming.aws("cluster"),
            opts=protected,
        )
        aws.kms.Alias(name, name=f"alias/{naming.name('cluster')}", target_key_id=key.key_id, opts=child)
        # Otherwise, EKS would create the log group itself, without a retention period or a key.
        logs = encrypted_log_group(
            f"{name}-logs",
            LogGroupArgs(
                group=f"/aws/eks/{cluster_name}/cluster",
                alias="cluster-logs",
                retention_days=settings.log_retention_days,
                naming=naming,
                protect=args.protect,
            ),
            child,
        )
        cluster = aws.eks.Cluster(
            name,
            name=cluster_name,
            version=settings.version,
            role_arn=naming.role_arn("cluster"),
            bootstrap_self_managed_addons=False,
            access_config={
                "authentication_mode": "API",
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            # Auto Mode requires compute, load balancing and block storage to be enabled together.
            compute_config={
                "enabled": True,
                "node_pools": NODE_POOLS,
                "node_role_arn": naming.role_arn("node"),
            },
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
                # Without a public endpoint, EKS ignores the list and keeps its default.
                "public_access_cidrs": settings.endpoint.allowed_cidrs if settings.endpoint.public else None,
            },
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=LOG_TYPES,
            # By default, extended support starts automatically, at six times the price.
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=args.protect,
            tags=naming.aws("cluster"),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[logs]),
        )
        self.cluster_name, self.arn = cluster.name, cluster.arn
        self.security_group_id = require_output(
            cluster.vpc_config,
            "cluster_security_group_id",
            resource=f"EKS cluster {cluster_name}",
            meaning="its security group",
        )

        administrators = dict.fromkeys([naming.role_arn("deploy"), *settings.operators], ADMIN)
        reader = {naming.role_arn("preview"): READER}
        access = [
            self._access(principal, policy, naming) for principal, policy in (reader | administrators).items()
        ]
        self.kubeconfig = kubeconfig(cluster, cluster_name, naming.region)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            enable_server_side_apply=True,
            # Overwrites changes made by hand; otherwise the next `pulumi up` fails with a field conflict.
            enable_patch_force=True,
            # Otherwise, a changed ConfigMap or Secret is deleted before its replacement exists, and pods that
            # start in between fail. A change still replaces the pods, since their template contains a
            # checksum of the mounted files.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=access),
        )
        in_cluster = pulumi.ResourceOptions(parent=self, provider=self.provider)
        pool_args = nodes.NodePoolArgs(
            settings=settings.nodes,
            naming=naming,
            subnet_ids=args.private_subnet_ids,
            security_group_id=self.security_group_id,
            disk_gib=args.node_disk_gib,
        )
        pool = nodes.node_pool(name, pool_args, in_cluster)
        # The HPA and `kubectl top` need this add-on; Auto Mode includes the others, such as Pod Identity. EKS
        # reports it as active once its pods run, which need nodes.
        metrics = aws.eks.Addon(
            f"{name}-metrics-server",
            cluster_name=cluster.name,
            addon_name="metrics-server",
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=naming.aws("metrics-server"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[pool]),
        )
        self.before_pods = [pool, metrics]
        # Without this ConfigMap, network policies are stored but not enforced (EKS, Auto Mode network
        # policies).
        kubernetes.core.v1.ConfigMap(
            f"{name}-network-policies",
            metadata={
                "name": "amazon-vpc-cni",
                "namespace": "kube-system",
                "labels": naming.kubernetes("amazon-vpc-cni"),
            },
            data={"enable-network-policy-controller": "true"},
            opts=in_cluster,
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "arn": self.arn,
                "security_group_id": self.security_group_id,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _access(self, principal: str, policy: str, naming: Naming) -> aws.eks.AccessPolicyAssociation:
        """Give an IAM principal access to the cluster with an EKS access policy."""
        child = pulumi.ResourceOptions(parent=self)
        # The name of a role of foundation contains the stack's name, which logical names leave out.
        principal_name = principal.rpartition(":")[2].replace("/", "-").replace(naming.name(), naming.service)
        entry = aws.eks.AccessEntry(
            f"{self._name}-{principal_name}",
            cluster_name=self.cluster_name,
            principal_arn=principal,
            type="STANDARD",
            tags=naming.aws("access"),
            opts=child,
        )
        return aws.eks.AccessPolicyAssociation(
            f"{self._name}-{principal_name}",
            cluster_name=self.cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{policy}",
            access_scope={"type": "cluster"},
            opts=child,
        )


def kubeconfig(cluster: aws.eks.Cluster, cluster_name: str, region: str) -> pulumi.Output[str]:
    """Return a kubeconfig as JSON, which authenticates with the caller's AWS credentials.

    It is no secret, so that a review shows the command that it makes kubectl run.
    """
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
    return pulumi.Output.json_dumps(config)

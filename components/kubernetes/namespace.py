"""The service's namespace, with Pod Security, a quota, container defaults and a default-deny policy."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.naming import Naming
from components.kubernetes.database_client import CA_FILE
from components.settings.models.namespace import Namespace as NamespaceSettings

POD_SECURITY_VERSION = "v1.34"
"""Version of the Pod Security standards.

The version is pinned, so that a cluster upgrade does not change admission. Raise it after an upgrade."""


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """Arguments of Namespace."""

    settings: NamespaceSettings
    """Name and quota."""
    naming: Naming


class Namespace(pulumi.ComponentResource):
    """A namespace that enforces Pod Security `restricted`, with quota, defaults and a default-deny policy.

    The namespace also contains the database's certificate authorities in a ConfigMap.
    """

    namespace: pulumi.Output[str]
    """Name of the namespace; dependents wait for the quota, the defaults and the default-deny policy."""
    ca_config_map: pulumi.Output[str]
    """Name of the ConfigMap with the certificate authorities of Amazon RDS."""

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:Namespace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = args.naming.kubernetes(args.naming.service)

        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.settings.name, labels={**labels, **pod_security(), **READINESS_GATE}
            ),
            opts=child,
        )

        def metadata(object_name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
            return kubernetes.meta.v1.ObjectMetaArgs(
                name=object_name, namespace=namespace.metadata.name, labels=labels
            )

        quota = kubernetes.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=metadata("quota"),
            spec=kubernetes.core.v1.ResourceQuotaSpecArgs(hard=quota_of(args.settings)),
            opts=child,
        )
        limits = kubernetes.core.v1.LimitRange(
            f"{name}-defaults",
            metadata=metadata("defaults"),
            spec=kubernetes.core.v1.LimitRangeSpecArgs(limits=[container_defaults()]),
            opts=child,
        )
        default_deny = kubernetes.networking.v1.NetworkPolicy(
            f"{name}-default-deny",
            metadata=metadata("default-deny"),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=child,
        )
        authorities = kubernetes.core.v1.ConfigMap(
            f"{name}-rds-ca",
            metadata=metadata("rds-ca"),
            data={CA_FILE: (Path(__file__).parent / "assets" / "rds_ca.pem").read_text()},
            opts=child,
        )

        # Dependents wait for quota, defaults and policy, but a preview already knows the namespace's name.
        guards = [guard.metadata.name for guard in (quota, limits, default_deny)]
        self.namespace = pulumi.Output.all(namespace.metadata.name, *guards).apply(lambda names: names[0])
        self.ca_config_map = authorities.metadata.name
        self.register_outputs({"namespace": self.namespace, "ca_config_map": self.ca_config_map})


READINESS_GATE = {"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}
"""Label that adds readiness gates: a pod becomes ready only when the load balancer finds it healthy. Until
then, a rollout keeps the old pods."""


def pod_security() -> dict[str, str]:
    """Return the labels of Pod Security admission: `restricted` in its three modes."""
    modes = ("enforce", "audit", "warn")
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}
    versions = {f"pod-security.kubernetes.io/{mode}-version": POD_SECURITY_VERSION for mode in modes}
    return levels | versions


def quota_of(settings: NamespaceSettings) -> dict[str, pulumi.Input[str]]:
    """Return the quota: the stack file's limits, one load balancer for the proxy, and no node ports."""
    return {
        "limits.cpu": settings.quota_cpu,
        "limits.memory": settings.quota_memory,
        "pods": str(settings.quota_pods),
        "services.loadbalancers": "1",
        "services.nodeports": "0",
    }


def container_defaults() -> kubernetes.core.v1.LimitRangeItemArgs:
    """Build defaults for containers without resources, so that the quota admits a debugging pod."""
    return kubernetes.core.v1.LimitRangeItemArgs(
        type="Container",
        default={"cpu": "200m", "memory": "256Mi"},
        default_request={"cpu": "50m", "memory": "64Mi"},
    )

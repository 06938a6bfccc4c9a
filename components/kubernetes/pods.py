"""Building blocks of all pods: security contexts, resources, volumes, probes, checksums."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.common.image_reference import parse_image_reference
from components.common.naming import Naming
from components.settings.models.network import Subnets
from components.settings.models.workload import Resources

API = connections.API.app
"""The `app` label of the API's pods, as in the commands of the deployment guide."""
PROXY = connections.PROXY.app
"""The `app` label of the TLS proxy's pods."""

USER = 10001
"""User and group of every container: not root, and not a user of the node (CKV_K8S_40: at least 10000)."""

TEMPORARY = "/tmp"
"""Writable directory of a container; its root file system is read-only."""

KEEP_NODE = {"karpenter.sh/do-not-disrupt": "true"}
"""Annotation of pods that must run to completion; Auto Mode does not consolidate their node while they
run."""


@dataclass(frozen=True, kw_only=True)
class WorkloadContext:
    """The namespace that workloads run in, and the networks that they connect to."""

    naming: Naming
    namespace: pulumi.Input[str]
    """Name of the namespace; dependents wait for its quota and default-deny policy."""
    ca_config_map: pulumi.Input[str]
    """Name of the ConfigMap with the database's certificate authorities."""
    service_cidr: str
    """Network of the Services' cluster addresses, DNS included."""
    vpc_cidr: str
    """The VPC's network."""
    subnets: Subnets
    """Networks of the load balancer (public), the nodes (private) and the database."""

    def workload(self, app: str) -> "Workload":
        """Return the workload with this `app` label."""
        return Workload(app=app, naming=self.naming, namespace=self.namespace)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Pods of one purpose and the metadata of their objects, whose names begin with the `app` label."""

    app: str
    """The `app` label, by which the pods are selected."""
    naming: Naming
    namespace: pulumi.Input[str]

    def meta(
        self, suffix: pulumi.Input[str] = "", annotations: Mapping[str, pulumi.Input[str]] | None = None
    ) -> kubernetes.meta.v1.ObjectMetaArgs:
        """Build the metadata of an object of the workload, with a name such as `pipe-api-database`."""
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=self._name(suffix),
            namespace=self.namespace,
            labels=self.naming.kubernetes(self.app),
            annotations=annotations,
        )

    def _name(self, suffix: pulumi.Input[str]) -> pulumi.Input[str]:
        if isinstance(suffix, str):
            return f"{self.app}-{suffix}" if suffix else self.app
        return pulumi.Output.concat(self.app, "-", suffix)

    def pod_meta(
        self, image: str, annotations: Mapping[str, pulumi.Input[str]]
    ) -> kubernetes.meta.v1.ObjectMetaArgs:
        """Build the metadata of the pods; the version completes Datadog's unified service tagging."""
        version = {"tags.datadoghq.com/version": parse_image_reference(image).label}
        return kubernetes.meta.v1.ObjectMetaArgs(
            labels={**self.naming.kubernetes(self.app), **version}, annotations=annotations
        )

    def account(self, name: str, opts: pulumi.ResourceOptions) -> kubernetes.core.v1.ServiceAccount:
        """Declare the pods' service account; it has no token, since no pod calls the Kubernetes API."""
        return kubernetes.core.v1.ServiceAccount(
            name, metadata=self.meta(), automount_service_account_token=False, opts=opts
        )


def pod_spec(
    account: kubernetes.core.v1.ServiceAccount,
    containers: Sequence[pulumi.Input[kubernetes.core.v1.ContainerArgs]],
    *,
    volumes: Sequence[pulumi.Input[kubernetes.core.v1.VolumeArgs]],
    init: Sequence[pulumi.Input[kubernetes.core.v1.ContainerArgs]] | None = None,
    restart: str | None = None,
    grace_seconds: int | None = None,
    spread: Sequence[pulumi.Input[kubernetes.core.v1.TopologySpreadConstraintArgs]] | None = None,
) -> kubernetes.core.v1.PodSpecArgs:
    """Build a hardened pod without an API token and without the environment variables of Services."""
    return kubernetes.core.v1.PodSpecArgs(
        service_account_name=account.metadata.name,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_security(),
        init_containers=init,
        containers=containers,
        volumes=volumes,
        restart_policy=restart,
        termination_grace_period_seconds=grace_seconds,
        topology_spread_constraints=spread,
    )


def pod_security() -> kubernetes.core.v1.PodSecurityContextArgs:
    """Build a pod's security context that meets the Pod Security Standard `restricted`.

    `fs_group` lets the containers read mounted Secrets.
    """
    return kubernetes.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> kubernetes.core.v1.SecurityContextArgs:
    """Build a container's security context that meets the Pod Security Standard `restricted`.

    The root file system is read-only, which the standard does not require. Some fields of the pod's security
    context are repeated, since Checkov reads them here.
    """
    return kubernetes.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=kubernetes.core.v1.CapabilitiesArgs(drop=["ALL"]),
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        run_as_user=USER,
        seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def resources(
    settings: Resources, disk_gib: int | None = None
) -> kubernetes.core.v1.ResourceRequirementsArgs:
    """Build the requests and limits from the stack file, plus a request for ephemeral storage."""
    disk = {} if disk_gib is None else {"ephemeral-storage": f"{disk_gib}Gi"}
    return kubernetes.core.v1.ResourceRequirementsArgs(
        requests={"cpu": settings.cpu_request, "memory": settings.memory_request, **disk},
        limits={"cpu": settings.cpu_limit, "memory": settings.memory_limit},
    )


def variables(
    values: Mapping[str, pulumi.Input[str]],
) -> list[pulumi.Input[kubernetes.core.v1.EnvVarArgs]]:
    """Build environment variables with plain values; secrets are mounted as files instead."""
    return [kubernetes.core.v1.EnvVarArgs(name=name, value=value) for name, value in values.items()]


def field(name: str, path: str) -> kubernetes.core.v1.EnvVarArgs:
    """Build an environment variable whose value is a field of the pod, such as `status.hostIP`."""
    source = kubernetes.core.v1.ObjectFieldSelectorArgs(field_path=path)
    return kubernetes.core.v1.EnvVarArgs(
        name=name, value_from=kubernetes.core.v1.EnvVarSourceArgs(field_ref=source)
    )


def mount(volume: str, path: str) -> kubernetes.core.v1.VolumeMountArgs:
    """Build a read-only mount of a volume."""
    return kubernetes.core.v1.VolumeMountArgs(name=volume, mount_path=path, read_only=True)


def writable(volume: str, path: str) -> kubernetes.core.v1.VolumeMountArgs:
    """Build a writable mount of a volume."""
    return kubernetes.core.v1.VolumeMountArgs(name=volume, mount_path=path)


def secret_volume(name: str, secret: pulumi.Input[str]) -> kubernetes.core.v1.VolumeArgs:
    """Build a volume with a Secret's files, which only the pod's group may read."""
    return kubernetes.core.v1.VolumeArgs(
        name=name,
        secret=kubernetes.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440),
    )


def config_volume(name: str, config_map: pulumi.Input[str]) -> kubernetes.core.v1.VolumeArgs:
    """Build a volume with a ConfigMap's files."""
    return kubernetes.core.v1.VolumeArgs(
        name=name,
        config_map=kubernetes.core.v1.ConfigMapVolumeSourceArgs(name=config_map, default_mode=0o444),
    )


def scratch_volume(name: str, size: str) -> kubernetes.core.v1.VolumeArgs:
    """Build an emptyDir on the node's disk; a pod that exceeds its size is evicted."""
    return kubernetes.core.v1.VolumeArgs(
        name=name, empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs(size_limit=size)
    )


def memory_volume(name: str, size: str) -> kubernetes.core.v1.VolumeArgs:
    """Build an emptyDir in memory, whose content counts towards the memory of its containers."""
    return kubernetes.core.v1.VolumeArgs(
        name=name,
        empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs(medium="Memory", size_limit=size),
    )


def probe(path: str, port: str, *, every: int, failures: int) -> kubernetes.core.v1.ProbeArgs:
    """Build an HTTP probe with an interval of `every` seconds that fails after `failures` errors in a row."""
    return kubernetes.core.v1.ProbeArgs(
        http_get=kubernetes.core.v1.HTTPGetActionArgs(path=path, port=port),
        period_seconds=every,
        timeout_seconds=2,
        failure_threshold=failures,
    )


def checksum(data: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Return an annotation value that changes with the data, so that a changed file replaces the pods.

    The value is not marked as secret, even for secret data, because the pod's metadata shows it. Its 32 bits
    of SHA-256 distinguish an old secret from a new one, but are too few to recover it.
    """

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    return pulumi.Output.unsecret(pulumi.Output.json_dumps(dict(data), sort_keys=True).apply(digest))

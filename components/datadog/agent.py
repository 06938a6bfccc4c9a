"""Datadog's agent in the cluster: metrics, logs and traces of its nodes and pods."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.naming import Labels
from components.kubernetes import pods
from components.settings.monitoring import Agent as Settings

NAMESPACE = "datadog"
APP = "datadog"
"""The release, and the `app` label that the chart gives the nodes' pods, which run the cluster checks."""
SECRET, SECRET_KEY = "datadog-api-key", "api-key"
"""The Secret's name, and the key in it that the chart reads."""

INSTALL_SECONDS = 600
"""How long Helm waits for all agents to be ready; a node's first has to pull 400 MB."""


@dataclass(frozen=True, kw_only=True)
class AgentArgs:
    """What an Agent needs to know."""

    settings: Settings
    labels: Labels
    site: str
    """The Datadog site that data is sent to."""
    cluster_name: pulumi.Input[str]
    host: str
    """The stack's host, whose certificate is watched from the visitors' side."""
    namespace: pulumi.Input[str]
    """Where the TLS proxy is, whose origin certificate is watched."""
    api_key: pulumi.Input[str]
    """Datadog's API key, a secret."""


class Agent(pulumi.ComponentResource):
    """Helm's release of the agent in a namespace of its own; nothing at all where it is switched off."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:monitoring:Agent", name, None, opts)
        if args.settings.enabled:
            self._install(name, args)
        self.register_outputs({})

    def _install(self, name: str, args: AgentArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        api_key = pulumi.Output.secret(args.api_key)
        labels = args.labels.kubernetes("datadog-agent")

        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                # The agent mounts the host's /proc, logs and runtime socket and opens a port on the host.
                labels={**labels, "pod-security.kubernetes.io/enforce": "privileged"},
            ),
            opts=child,
        )
        secret = kubernetes.core.v1.Secret(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=SECRET, namespace=namespace.metadata.name, labels=labels
            ),
            type="Opaque",
            string_data={SECRET_KEY: api_key},
            opts=child,
        )
        kubernetes.helm.v3.Release(
            name,
            name=APP,
            namespace=namespace.metadata.name,
            chart="datadog",
            version=args.settings.chart_version,
            repository_opts=kubernetes.helm.v3.RepositoryOptsArgs(repo="https://helm.datadoghq.com"),
            atomic=True,
            timeout=INSTALL_SECONDS,
            values=values(args, secret.metadata.name, pods.checksum({SECRET_KEY: api_key})),
            opts=child,
        )


def values(args: AgentArgs, secret: pulumi.Input[str], checksum: pulumi.Input[str]) -> dict[str, Any]:
    """The chart's values; what is not here is as the chart has it."""
    annotations = {"checksum/api-key": checksum}
    return {
        "datadog": {
            "site": args.site,
            "clusterName": args.cluster_name,
            "apiKeyExistingSecret": secret,
            # On everything that the agents send; queries rely on env.
            "tags": [f"env:{args.labels.environment}", f"team:{args.labels.team}"],
            "operator": {"enabled": False},  # a second way to install the agent, with CRDs
            "kubeStateMetricsEnabled": False,  # the cluster agent does it itself:
            "kubeStateMetricsCore": {"enabled": True},
            "clusterChecks": {"enabled": True},
            "logs": {"enabled": True, "containerCollectAll": True},
            "processAgent": {"enabled": True, "processCollection": True},
            # TCP on the host's port: a socket is a hostPath, which pods under `restricted` may not mount.
            "apm": {"portEnabled": True, "socketEnabled": False},
        },
        "agents": {
            "podAnnotations": annotations,
            # Nodes of Auto Mode's system pool have this taint (EKS user guide, built-in node pools). Without
            # the toleration nobody watches them, nor the pods on them.
            "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
            "containers": {
                "agent": {"resources": resources("200m", "512Mi")},
                "traceAgent": {"resources": resources("100m", "256Mi")},
                "processAgent": {"resources": resources("100m", "256Mi")},
                "initContainers": {"resources": resources("100m", "128Mi")},
            },
        },
        "clusterAgent": {
            "replicas": 2,
            "podAnnotations": annotations,
            "resources": resources("200m", "512Mi"),
            "admissionController": {"enabled": False},  # pods say themselves where their node's agent is
            "confd": {"tls.yaml": certificates(args)},
        },
    }


def resources(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    """Requests that hold for small nodes; memory is a limit as well, CPU may burst to five times as much."""
    return {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": f"{5 * int(cpu.removesuffix('m'))}m", "memory": memory},
    }


def certificates(args: AgentArgs) -> pulumi.Output[str]:
    """A cluster check of two certificates: the one visitors see, and the one Cloudflare sees.

    Nobody but Cloudflare trusts the second, so it is only read, not verified. It is JSON, which is YAML.
    """
    tags = [f"env:{args.labels.environment}", f"service:{pods.API}", f"team:{args.labels.team}"]

    def check(namespace: str) -> str:
        visitor = {"server": args.host, "port": 443, "tags": [*tags, "certificate:visitor"]}
        origin = {
            "server": f"{pods.PROXY}.{namespace}.svc.cluster.local",
            "port": 443,
            "server_hostname": args.host,
            "tls_verify": False,
            "tls_validate_hostname": False,
            "tags": [*tags, "certificate:origin"],
        }
        return json.dumps({"cluster_check": True, "init_config": {}, "instances": [visitor, origin]})

    return pulumi.Output.from_input(args.namespace).apply(check)

"""Datadog's agent in the cluster, for metrics, logs and traces of its nodes and pods."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.common.naming import Naming
from components.kubernetes import pods
from components.settings.models.monitoring import Agent as Settings

NAMESPACE = connections.CERTIFICATE_CHECK.namespace
APP = connections.CERTIFICATE_CHECK.app
"""Name of the release, and the `app` label of the node agents' pods, which run the cluster checks."""
SECRET, SECRET_KEY = "datadog-api-key", "api-key"
"""Name of the Secret, and the key in it that the chart reads."""

INSTALL_SECONDS = 600
"""Seconds that Helm waits for all agents to become ready; a new node must first pull 400 MB of images."""


@dataclass(frozen=True, kw_only=True)
class AgentArgs:
    """Arguments of Agent."""

    settings: Settings
    naming: Naming
    site: str
    """Datadog site that receives the data, such as ap1.datadoghq.com."""
    cluster_name: pulumi.Input[str]
    host: str
    """The stack's public host; the agents check the certificate that its visitors see."""
    namespace: pulumi.Input[str]
    """Namespace of the TLS proxy; the agents check its origin certificate."""
    api_key: pulumi.Input[str]
    """Datadog's API key, a secret."""


class Agent(pulumi.ComponentResource):
    """A Helm release of the agent in its own namespace; declares nothing if disabled."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:monitoring:Agent", name, None, opts)
        if args.settings.enabled:
            self._install(name, args)
        self.register_outputs({})

    def _install(self, name: str, args: AgentArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        api_key = pulumi.Output.secret(args.api_key)
        labels = args.naming.kubernetes("datadog-agent")

        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                # The agent mounts the host's /proc, logs and runtime socket, and opens a port on the host.
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
    """Return the chart's values that differ from its defaults."""
    annotations = {"checksum/api-key": checksum}
    return {
        "datadog": {
            "site": args.site,
            "clusterName": args.cluster_name,
            "apiKeyExistingSecret": secret,
            # The agents add these tags to all data; queries rely on env.
            "tags": [f"env:{args.naming.environment}", f"team:{args.naming.team}"],
            "operator": {"enabled": False},  # Would install the agent a second time, with CRDs.
            "kubeStateMetricsEnabled": False,  # The cluster agent collects these metrics itself.
            "kubeStateMetricsCore": {"enabled": True},
            "clusterChecks": {"enabled": True},
            "logs": {"enabled": True, "containerCollectAll": True},
            "processAgent": {"enabled": True, "processCollection": True},
            # The Pod Security Standard `restricted` forbids mounting the agent's socket on the host, so pods
            # connect to a host port over TCP.
            "apm": {"portEnabled": True, "socketEnabled": False},
        },
        "agents": {
            "podAnnotations": annotations,
            # Nodes of Auto Mode's system pool have this taint (EKS user guide, built-in node pools). Without
            # the toleration, no agent would run on them.
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
            "admissionController": {"enabled": False},  # Pods set the agent's address themselves.
            "confd": {"tls.yaml": certificates(args)},
        },
    }


def resources(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    """Return resource requests and limits.

    The memory limit equals the request; the CPU limit is five times the request.
    """
    return {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": f"{5 * int(cpu.removesuffix('m'))}m", "memory": memory},
    }


def certificates(args: AgentArgs) -> pulumi.Output[str]:
    """Return a cluster check of the public and the origin certificate, as JSON, which is valid YAML.

    Only Cloudflare trusts the origin certificate, so the check reads it without verification.
    """
    tags = [f"env:{args.naming.environment}", f"service:{pods.API}", f"team:{args.naming.team}"]

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

"""The alerts on pods and nodes, from the metrics that the agents in the cluster report."""

from components.datadog.alert import Alert
from components.datadog.alert_scope import Scope
from components.settings.models.monitoring import Thresholds

CPU_LIMIT, NANO = "kubernetes.cpu.limits", 1_000_000_000
"""Metric of the CPU limit in cores, and the nanocores per core; the kubelet reports usage in nanocores."""

MEMORY_LIMIT = "kubernetes.memory.limits"
"""Metric of the memory limit, which is in bytes, like the usage."""

POD, DEPLOYMENT, WORKLOAD = ("kube_deployment", "pod_name"), ("kube_deployment",), ("kube_app_name",)
"""Tags by which the queries are grouped. kube_app_name is the label app.kubernetes.io/name, which the pods of
Jobs have, too (datadog-agent, ksm/kubernetes_state_defaults.go)."""

RESTARTS = "kubernetes_state.container.restarts"
"""Metric of a container's restarts, which also has a value for containers that have never restarted
(integrations-core, kubernetes_state_core/metadata.csv)."""

NODES = "kubernetes_state.node.count"
"""Metric of the number of nodes (integrations-core, kubernetes_state_core/metadata.csv)."""


def pod_alerts(at: Thresholds, scope: Scope) -> list[Alert]:
    """Return the alerts on pods; the ones that Datadog recommends come last."""
    # Limits are per pod, so pods are evaluated separately; notifications are per Deployment.
    pods = f"{scope.pods} by {{kube_deployment,pod_name}}"
    cpu, memory = f"sum:{at.cpu_percent.metric}{pods}", f"sum:{at.memory_percent.metric}{pods}"
    return [
        Alert(
            name="HighCpu",
            summary="CPU of {{pod_name.name}} in percent of its limit",
            section="Pods",
            severity="warning",
            window="avg(last_10m)",
            expression=f"100 * {cpu} / ( sum:{CPU_LIMIT}{pods} * {NANO} )",
            threshold=at.cpu_percent,
            missing="resolve",
            groups=POD,
            notify_by=DEPLOYMENT,
        ),
        Alert(
            name="HighMemory",
            summary="Memory of {{pod_name.name}} in percent of its limit",
            section="Pods",
            severity="warning",
            window="avg(last_10m)",
            expression=f"100 * {memory} / sum:{MEMORY_LIMIT}{pods}",
            threshold=at.memory_percent,
            missing="resolve",
            groups=POD,
            notify_by=DEPLOYMENT,
        ),
        Alert(
            name="PodRestarts",
            summary="Restarts of {{pod_name.name}} in ten minutes",
            section="Pods",
            severity="warning",
            window="change(max(last_10m),last_10m)",  # The value now, minus the value ten minutes ago.
            expression=f"max:{at.restarts.metric}{pods}",
            threshold=at.restarts,
            missing="resolve",
            groups=POD,
            notify_by=DEPLOYMENT,
        ),
        Alert(
            name="UnavailableReplicas",
            summary="Replicas of {{kube_deployment.name}} that are not available",
            section="Pods",
            severity="critical",
            window="min(last_10m)",
            expression=f"max:{at.unavailable_replicas.metric}{scope.pods} by {{kube_deployment}}",
            threshold=at.unavailable_replicas,
            missing="show_and_notify_no_data",
            groups=DEPLOYMENT,
        ),
        # Three of Datadog's recommended monitors (integrations-core, kubernetes/assets/monitors), counted by
        # workload, so that a bad release sends one notification.
        *(
            Alert(
                name=name,
                summary=f"Containers of {{{{kube_app_name.name}}}} {problem}",
                section="Pods",
                severity="warning",
                window="max(last_10m)",
                expression=_containers(threshold.metric, reason, restarts, scope),
                threshold=threshold,
                missing="resolve",
                groups=WORKLOAD,
            )
            for name, problem, reason, restarts, threshold in (
                (
                    "CrashLoopBackOff",
                    "that crash repeatedly",
                    "crashloopbackoff",
                    RESTARTS,
                    at.crash_loops,
                ),
                (
                    "ImagePullBackOff",
                    "whose image cannot be pulled",
                    "imagepullbackoff",
                    RESTARTS,
                    at.image_pull_failures,
                ),
                (
                    "OomKilled",
                    "that were killed for lack of memory",
                    "oomkilled",
                    at.restarts.metric,
                    at.out_of_memory_kills,
                ),
            )
        ),
    ]


def _containers(metric: str, reason: str, restarts: str, scope: Scope) -> str:
    """Return the expression that counts a workload's containers in a state with this reason.

    The metric reports nothing while no container is in the state. The restarts, times zero, add a metric that
    always reports, so that the checks after a deployment can see that the agents send data.
    """
    workload = " by {kube_app_name}"
    containers = f"sum:{metric}{scope.pods.removesuffix('}')},reason:{reason}}}{workload}"
    return f"default_zero({containers}) + 0 * sum:{restarts}{scope.pods}{workload}"


def node_alerts(at: Thresholds, scope: Scope) -> list[Alert]:
    """Return the alerts on nodes."""
    # EKS adds and removes nodes with the load, so a node that stops reporting is not a problem.
    node = f"{scope.hosts} by {{host}}"
    return [
        Alert(
            name="NodeCpuPressure",
            summary="CPU use of node {{host.name}} in percent",
            section="Nodes",
            severity="warning",
            window="avg(last_15m)",
            expression=f"100 - avg:{at.node_cpu_percent.metric}{node}",
            threshold=at.node_cpu_percent,
            missing="resolve",
            groups=("host",),
        ),
        Alert(
            name="NodeMemoryPressure",
            summary="Memory use of node {{host.name}} in percent",
            section="Nodes",
            severity="warning",
            window="avg(last_15m)",
            expression=f"100 - 100 * avg:{at.node_memory_percent.metric}{node}",
            threshold=at.node_memory_percent,
            missing="resolve",
            groups=("host",),
        ),
        # Datadog's recommended monitor counts nodes that are unschedulable, which a node is only if somebody
        # cordons it. A dead node stays schedulable (Kubernetes documentation, Nodes: the node controller
        # taints it), but is not ready. The metric has the status of each condition as a tag (datadog-agent,
        # ksm/kubernetes_state_transformers.go, nodeConditionTransformer).
        Alert(
            name="NodesUnavailable",
            summary="Nodes that are not ready",
            section="Nodes",
            severity="warning",
            window="min(last_15m)",
            expression=f"sum:{NODES}{scope.hosts}"
            f" - sum:{at.unready_nodes.metric}{{env:{scope.environment},condition:ready,status:true}}",
            threshold=at.unready_nodes,
            missing="resolve",
        ),
    ]

"""The alerts of a stack, the source of monitors, dashboard and runbooks."""

import re
from dataclasses import dataclass

import pulumi

from components.datadog.alert import Alert, Comparator, number
from components.settings.models.monitoring import Threshold, Thresholds

CPU_LIMIT, NANO = "kubernetes.cpu.limits", 1_000_000_000
"""Metric of the CPU limit in cores, and the nanocores per core; the kubelet reports usage in nanocores."""

MEMORY_LIMIT = "kubernetes.memory.limits"
"""Metric of the memory limit, which is in bytes, like the usage."""

GIB = 1024**3
HOUR = 3600

POD, DEPLOYMENT = ("kube_deployment", "pod_name"), ("kube_deployment",)

BACKUPS = "Backups and certificates"
BACKUP_CHECK = "kubernetes_state.cronjob.complete"
"""The service check that is critical while the CronJob's last Job has failed (kube-state metrics core)."""

LOG_DELAY = 120
"""Seconds until a log line is counted: the rest of its minute, and the transport to Datadog."""

CLOUDWATCH_DELAY = 900
"""Seconds until CloudWatch's metrics arrive (Datadog requires at least this delay)."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Tags and metrics that the queries read.

    The agent or pod labels set the tags. The database's tags come from CloudWatch, like its metrics.
    """

    environment: str
    service: str
    """The `service` tag of traces: the API."""
    namespace: str
    """The namespace of the pods."""
    backup: str
    """Name of the CronJob that backs up the database."""
    database: pulumi.Input[str]
    """The RDS instance's identifier."""
    probe_paths: tuple[str, ...]
    """Paths of the kubelet's probes, which can outnumber the requests of visitors at night."""
    proxy_requests: str
    """Metric of the requests that the TLS proxy answered."""
    proxy_errors: str
    """Metric of the requests that the TLS proxy answered with a status of 500 or above."""

    @property
    def traces(self) -> str:
        """Tags that select the API's requests except probes, which would lower the share of errors."""
        probes = "".join(f",!resource_name:{resource_name(path)}" for path in self.probe_paths)
        return f"{{env:{self.environment},service:{self.service}{probes}}}"

    def certificate(self, side: str) -> str:
        """Return the tags of a certificate that the agents check (set in components/datadog/agent.py)."""
        return f"{{env:{self.environment},service:{self.service},certificate:{side}}}"

    @property
    def hosts(self) -> str:
        return f"{{env:{self.environment}}}"

    @property
    def pods(self) -> str:
        return f"{{env:{self.environment},kube_namespace:{self.namespace}}}"

    @property
    def backups(self) -> list[str]:
        return [f"env:{self.environment}", f"kube_namespace:{self.namespace}", f"kube_cronjob:{self.backup}"]


def resource_name(path: str) -> str:
    """Return the tag value of a path's GET requests in trace metrics.

    The tracer names an Express route "GET /healthz". Tags are in lower case, with underscores for characters
    that a tag may not contain (Datadog documentation: Trace Metrics; Getting Started, Tags).
    """
    return re.sub(r"[^a-z0-9_:./-]+", "_", f"get {path}".lower()).rstrip("_")


def alerts(thresholds: Thresholds, scope: Scope) -> list[Alert]:
    """Return all alerts; within a section of the dashboard, the most urgent alert comes first."""
    return [
        *_service(thresholds, scope),
        *_pods(thresholds, scope),
        *_data(thresholds, scope),
        *_nodes(thresholds, scope),
        *_database(thresholds, scope),
    ]


def _service(at: Thresholds, scope: Scope) -> list[Alert]:
    # Each of five one-minute points must exceed the threshold. A minute without errors has no
    # point and counts as 0. A minute without traffic does not count, and five of them resolve the alert.
    rate, proxy, response = at.error_rate, at.proxy_error_rate, at.response_time_seconds
    return [
        Alert(
            name="HighErrorRate",
            summary=f"Share of requests to {scope.service} that fail",
            section="Service",
            severity="critical",
            window="min(last_5m)",
            expression=share(
                rate.errors_metric, rate.hits_metric, scope.traces, rate.minimum_requests_per_minute
            ),
            threshold=rate,
            missing="resolve",
            evaluation_delay=60,  # The current minute, which is incomplete, must not count.
        ),
        # Without any pod of the API there are no traces, but nginx answers 502 or 504 and logs it.
        Alert(
            name="HighProxyErrorRate",
            summary="Share of requests that the TLS proxy answers with a status of 500 or above",
            section="Service",
            severity="critical",
            window="min(last_5m)",
            expression=share(
                scope.proxy_errors, scope.proxy_requests, "{*}", proxy.minimum_requests_per_minute
            ),
            threshold=proxy,
            missing="resolve",
            evaluation_delay=LOG_DELAY,
        ),
        Alert(
            name="HighResponseTime",
            summary=f"95th percentile of {scope.service}'s response time in seconds",
            section="Service",
            severity="critical",
            window="percentile(last_5m)",
            expression=f"p95:{response.metric}{scope.traces}",
            threshold=response,
            missing="resolve",
        ),
    ]


def share(errors: str, requests: str, tags: str, minimum: int) -> str:
    """Return the share of errors per minute, with at least `minimum` requests as the denominator.

    as_rate gives requests per second: the sum over a rollup interval, divided by its length; clamp_min raises
    values below its bound (Datadog documentation: Metric Type Modifiers; Functions, Exclusion).
    """
    failed, answered = (f"sum:{metric}{tags}.as_rate().rollup(sum, 60)" for metric in (errors, requests))
    return f"default_zero({failed}) / clamp_min({answered}, {number(round(minimum / 60, 4))})"


def _pods(at: Thresholds, scope: Scope) -> list[Alert]:
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
    ]


def _data(at: Thresholds, scope: Scope) -> list[Alert]:
    backups = ",".join(scope.backups)
    return [
        Alert(
            name="BackupLate",
            summary="Hours since the database was last backed up",
            section=BACKUPS,
            severity="critical",
            window="min(last_15m)",
            expression=f"max:{at.backup_age_hours.metric}{{{backups}}} / {HOUR}",
            threshold=at.backup_age_hours,
            missing="show_and_notify_no_data",
        ),
        *(
            Alert(
                name=name,
                summary=f"Days until the {side}'s certificate expires",
                section=BACKUPS,
                severity="critical",
                window="max(last_15m)",
                expression=f"min:{threshold.metric}{scope.certificate(side)}",
                comparator="<",
                threshold=threshold,
                missing="show_and_notify_no_data",
            )
            for name, side, threshold in (
                ("CertificateExpiry", "visitor", at.certificate_days),
                ("OriginCertificateExpiry", "origin", at.origin_certificate_days),
            )
        ),
    ]


def _nodes(at: Thresholds, scope: Scope) -> list[Alert]:
    # Nodes come and go with the load, so a node that stops reporting is not a problem.
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
    ]


def _database(at: Thresholds, scope: Scope) -> list[Alert]:
    metrics: list[tuple[str, str, Comparator, Threshold, str]] = [
        ("DatabaseCpuPressure", "CPU use of the database in percent", ">", at.database_cpu_percent, ""),
        (
            "DatabaseStorageLow",
            "Free storage of the database in GiB",
            "<",
            at.database_free_storage_gib,
            f" / {GIB}",
        ),
        ("DatabaseConnectionsHigh", "Connections to the database", ">", at.database_connections, ""),
    ]
    return [
        Alert(
            name=name,
            summary=summary,
            section="Database",
            severity="critical",
            window="avg(last_15m)",
            expression=pulumi.Output.concat(
                f"avg:{threshold.metric}{{dbinstanceidentifier:", scope.database, f"}}{unit}"
            ),
            comparator=comparator,
            threshold=threshold,
            missing="show_and_notify_no_data",
            evaluation_delay=CLOUDWATCH_DELAY,
        )
        for name, summary, comparator, threshold, unit in metrics
    ]

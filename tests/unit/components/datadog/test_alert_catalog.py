"""Tests of the alerts and their queries."""

import re
from dataclasses import replace

import pulumi
import pytest

from components.datadog.alert import Alert, number, runbook
from components.datadog.alert_catalog import alerts
from components.datadog.alert_scope import Scope, resource_name
from components.settings.models.monitoring import Monitoring as Settings
from components.settings.models.monitoring import Thresholds
from tests.support.components.fixtures import Recorder, Topic, evaluate

TRACES = "{env:prod,service:pipe-api,!resource_name:get_/healthz}"
CERTIFICATE = "{env:prod,service:pipe-api,certificate:"
WORKLOADS = "{env:prod,kube_namespace:pipe} by {kube_app_name}"
PODS = "{env:prod,kube_namespace:pipe} by {kube_deployment,pod_name}"
WAITING = "kubernetes_state.container.status_report.count.waiting"
RDS = "{dbinstanceidentifier:pipe-prod-db}"

QUERIES = {
    "HighErrorRate": "min(last_5m):"
    f"default_zero(sum:trace.express.request.errors{TRACES}.as_rate().rollup(sum, 60))"
    f" / clamp_min(sum:trace.express.request.hits{TRACES}.as_rate().rollup(sum, 60), 1.6667) > 0.01",
    "HighProxyErrorRate": "min(last_5m):"
    "default_zero(sum:pipe.prod.proxy.errors{*}.as_rate().rollup(sum, 60))"
    " / clamp_min(sum:pipe.prod.proxy.requests{*}.as_rate().rollup(sum, 60), 1.6667) > 0.01",
    "HighResponseTime": f"percentile(last_5m):p95:trace.express.request{TRACES} > 1",
    "HighCpu": f"avg(last_10m):100 * sum:kubernetes.cpu.usage.total{PODS}"
    f" / ( sum:kubernetes.cpu.limits{PODS} * 1000000000 ) > 90",
    "HighMemory": f"avg(last_10m):100 * sum:kubernetes.memory.working_set{PODS}"
    f" / sum:kubernetes.memory.limits{PODS} > 90",
    "PodRestarts": f"change(max(last_10m),last_10m):max:kubernetes.containers.restarts{PODS} > 3",
    "UnavailableReplicas": "min(last_10m):max:kubernetes_state.deployment.replicas_unavailable"
    "{env:prod,kube_namespace:pipe} by {kube_deployment} > 1",
    **{
        name: f"max(last_10m):default_zero(sum:{metric}"
        f"{{env:prod,kube_namespace:pipe,reason:{name.lower()}}} by {{kube_app_name}})"
        f" + 0 * sum:{restarts}{WORKLOADS} > 1"
        for name, metric, restarts in (
            ("CrashLoopBackOff", WAITING, "kubernetes_state.container.restarts"),
            ("ImagePullBackOff", WAITING, "kubernetes_state.container.restarts"),
            ("OomKilled", "kubernetes.containers.state.terminated", "kubernetes.containers.restarts"),
        )
    },
    "BackupLate": "min(last_15m):max:kubernetes_state.cronjob.duration_since_last_successful"
    "{env:prod,kube_namespace:pipe,kube_cronjob:pipe-backup} / 3600 > 26",
    "CertificateExpiry": f"max(last_15m):min:tls.days_left{CERTIFICATE}visitor}} < 14",
    "OriginCertificateExpiry": f"max(last_15m):min:tls.days_left{CERTIFICATE}origin}} < 14",
    "NodeCpuPressure": "avg(last_15m):100 - avg:system.cpu.idle{env:prod} by {host} > 90",
    "NodeMemoryPressure": "avg(last_15m):100 - 100 * avg:system.mem.pct_usable{env:prod} by {host} > 90",
    "NodesUnavailable": "min(last_15m):sum:kubernetes_state.node.count{env:prod}"
    " - sum:kubernetes_state.node.by_condition{env:prod,condition:ready,status:true} > 1",
    "DatabaseCpuPressure": f"avg(last_15m):avg:aws.rds.cpuutilization{RDS} > 90",
    "DatabaseStorageLow": f"avg(last_15m):avg:aws.rds.free_storage_space{RDS} / 1073741824 < 10",
    "DatabaseConnectionsHigh": f"avg(last_15m):avg:aws.rds.database_connections{RDS} > 450",
}
"""Queries of prod by name of the alert."""


SCOPE = Scope(
    environment="prod",
    service="pipe-api",
    namespace="pipe",
    database="pipe-prod-db",
    backup="pipe-backup",
    probe_paths=("/healthz",),
    proxy_requests="pipe.prod.proxy.requests",
    proxy_errors="pipe.prod.proxy.errors",
)


@pytest.fixture
def prod(topic: Topic) -> list[Alert]:
    return alerts(topic(Settings, "monitoring").thresholds, SCOPE)


def test_the_queries_of_prod(recorder: Recorder, prod: list[Alert]) -> None:
    queries: dict[str, str] = {}
    evaluate(lambda: pulumi.Output.all(**{alert.name: alert.query for alert in prod}).apply(queries.update))
    assert queries == QUERIES


def test_every_threshold_of_the_settings_has_an_alert(topic: Topic, prod: list[Alert]) -> None:
    thresholds: Thresholds = topic(Settings, "monitoring").thresholds
    assert [alert.threshold for alert in prod] == [
        getattr(thresholds, name) for name in Thresholds.model_fields
    ]


def test_groups_of_an_alert_are_those_of_its_query_and_the_only_names_in_its_summary(
    prod: list[Alert],
) -> None:
    for alert in prod:
        grouped = re.findall(r" by \{([^}]+)\}", QUERIES[alert.name])
        assert set(grouped) == ({",".join(alert.groups)} if alert.groups else set())
        assert set(alert.notify_by) <= set(alert.groups)
        assert set(re.findall(r"\{\{(\w+)\.name\}\}", alert.summary)) <= set(alert.groups)


def test_alerts_on_metrics_that_always_exist_report_missing_data(prod: list[Alert]) -> None:
    assert {alert.name for alert in prod if alert.missing == "show_and_notify_no_data"} == {
        "UnavailableReplicas",
        "BackupLate",
        "CertificateExpiry",
        "OriginCertificateExpiry",
        "DatabaseCpuPressure",
        "DatabaseStorageLow",
        "DatabaseConnectionsHigh",
    }


def test_metric_and_threshold_of_the_settings_change_the_query(recorder: Recorder, topic: Topic) -> None:
    thresholds: Thresholds = topic(Settings, "monitoring").thresholds
    changes = {"metric": "container.memory.working_set", "critical": 95.5}
    memory = thresholds.memory_percent.model_copy(update=changes)
    changed = alerts(thresholds.model_copy(update={"memory_percent": memory}), SCOPE)
    [alert] = [alert for alert in changed if alert.name == "HighMemory"]
    queries: list[str] = []
    evaluate(lambda: alert.query.apply(queries.append))
    expected = QUERIES["HighMemory"].replace("kubernetes.memory.working_set", "container.memory.working_set")
    assert queries == [expected.replace("> 90", "> 95.5")]


@pytest.mark.parametrize(
    ("value", "text"), [(90.0, "90"), (0.01, "0.01"), (14.4, "14.4"), (0, "0"), (1500000.0, "1500000")]
)
def test_a_threshold_is_written_without_exponent_and_zeros(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("path", "tag"),
    [("/healthz", "get_/healthz"), ("/Health/Ready", "get_/health/ready"), ("/a b?c", "get_/a_b_c")],
)
def test_trace_metrics_name_a_path_in_the_characters_of_a_tag(path: str, tag: str) -> None:
    assert resource_name(path) == tag


def test_probes_are_excluded_from_the_measured_requests() -> None:
    scope = replace(SCOPE, probe_paths=("/livez", "/readyz"))
    excluded = "!resource_name:get_/livez,!resource_name:get_/readyz"
    assert scope.traces == f"{{env:prod,service:pipe-api,{excluded}}}"


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_committed_thresholds_suit_the_metrics(topic: Topic, stack: str) -> None:
    """Check two thresholds against facts about their metrics.

    Used memory includes the page cache, and Cloudflare renews certificates 30 days before they expire.
    """
    thresholds: Thresholds = topic(Settings, "monitoring", stack).thresholds
    assert thresholds.memory_percent.metric == "kubernetes.memory.working_set"
    warning = thresholds.certificate_days.warning
    assert warning is not None and warning < 30


def test_a_runbook_is_named_after_its_alert() -> None:
    assert runbook("HighErrorRate") == "high-error-rate.md"

import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.datadog.alert import Alert, number, runbook
from components.datadog.alert_catalog import Scope, alerts, resource_name
from components.settings.models.monitoring import Monitoring as Settings
from components.settings.models.monitoring import Thresholds
from tests.support.components.fixtures import Recorder, evaluate

Topic = Callable[..., Any]

TRACES = "{env:prod,service:pipe-api,!resource_name:get_/healthz}"
CERTIFICATE = "{env:prod,service:pipe-api,certificate:"
PODS = "{env:prod,kube_namespace:pipe} by {kube_deployment,pod_name}"
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
    "BackupLate": "min(last_15m):max:kubernetes_state.cronjob.duration_since_last_successful"
    "{env:prod,kube_namespace:pipe,kube_cronjob:pipe-backup} / 3600 > 26",
    "CertificateExpiry": f"max(last_15m):min:tls.days_left{CERTIFICATE}visitor}} < 14",
    "OriginCertificateExpiry": f"max(last_15m):min:tls.days_left{CERTIFICATE}origin}} < 14",
    "NodeCpuPressure": "avg(last_15m):100 - avg:system.cpu.idle{env:prod} by {host} > 90",
    "NodeMemoryPressure": "avg(last_15m):100 - 100 * avg:system.mem.pct_usable{env:prod} by {host} > 90",
    "DatabaseCpuPressure": f"avg(last_15m):avg:aws.rds.cpuutilization{RDS} > 90",
    "DatabaseStorageLow": f"avg(last_15m):avg:aws.rds.free_storage_space{RDS} / 1073741824 < 10",
    "DatabaseConnectionsHigh": f"avg(last_15m):avg:aws.rds.database_connections{RDS} > 450",
}
"""The queries of prod."""


@pytest.fixture
def prod(topic: Topic) -> list[Alert]:
    scope = Scope(
        environment="prod",
        service="pipe-api",
        namespace="pipe",
        database=pulumi.Output.from_input("pipe-prod-db"),
        backup="pipe-backup",
        probe_paths=("/healthz",),
        proxy_requests="pipe.prod.proxy.requests",
        proxy_errors="pipe.prod.proxy.errors",
    )
    return alerts(topic(Settings, "monitoring").thresholds, scope)


def test_the_queries_of_prod(recorder: Recorder, prod: list[Alert]) -> None:
    queries: dict[str, str] = {}
    evaluate(lambda: pulumi.Output.all(**{alert.name: alert.query for alert in prod}).apply(queries.update))
    assert queries == QUERIES


def test_every_threshold_of_the_settings_has_an_alert(topic: Topic, prod: list[Alert]) -> None:
    thresholds: Thresholds = topic(Settings, "monitoring").thresholds
    assert [alert.threshold for alert in prod] == [
        getattr(thresholds, name) for name in Thresholds.model_fields
    ]


def test_an_alert_on_a_group_is_told_of_groups_that_its_query_has(prod: list[Alert]) -> None:
    for alert in prod:
        grouped = re.findall(r" by \{([^}]+)\}", QUERIES[alert.name])
        assert set(grouped) == ({",".join(alert.groups)} if alert.groups else set())
        assert set(alert.notify_by) <= set(alert.groups)


def test_a_summary_speaks_only_of_tags_that_the_query_has(prod: list[Alert]) -> None:
    for alert in prod:
        assert set(re.findall(r"\{\{(\w+)\.name\}\}", alert.summary)) <= set(alert.groups)


def test_what_must_always_report_is_missed_when_it_does_not(prod: list[Alert]) -> None:
    assert {alert.name for alert in prod if alert.missing == "show_and_notify_no_data"} == {
        "UnavailableReplicas",
        "BackupLate",
        "CertificateExpiry",
        "OriginCertificateExpiry",
        "DatabaseCpuPressure",
        "DatabaseStorageLow",
        "DatabaseConnectionsHigh",
    }


def test_a_change_of_metric_and_threshold_is_a_change_of_query(recorder: Recorder, topic: Topic) -> None:
    settings: Settings = topic(Settings, "monitoring")
    memory = settings.thresholds.memory_percent.model_copy(
        update={"metric": "container.memory.working_set", "critical": 95.5}
    )
    scope = Scope(
        environment="dev",
        service="pipe-api",
        namespace="other",
        database="db",
        backup="backup",
        probe_paths=("/healthz",),
        proxy_requests="requests",
        proxy_errors="errors",
    )
    [alert] = [
        alert
        for alert in alerts(settings.thresholds.model_copy(update={"memory_percent": memory}), scope)
        if alert.name == "HighMemory"
    ]
    queries: list[str] = []
    evaluate(lambda: alert.query.apply(queries.append))
    pods = "{env:dev,kube_namespace:other} by {kube_deployment,pod_name}"
    assert queries == [
        f"avg(last_10m):100 * sum:container.memory.working_set{pods}"
        f" / sum:kubernetes.memory.limits{pods} > 95.5"
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(90.0, "90"), (0.01, "0.01"), (14.4, "14.4"), (0, "0"), (1500000.0, "1500000")]
)
def test_a_threshold_is_written_without_exponent_and_zeros(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("path", "tag"),
    [("/healthz", "get_/healthz"), ("/Health/Ready", "get_/health/ready"), ("/a b?c", "get_/a_b_c")],
)
def test_trace_metrics_know_a_path_in_the_letters_of_a_tag(path: str, tag: str) -> None:
    assert resource_name(path) == tag


def test_every_probe_is_left_out_of_the_requests_that_are_judged(prod: list[Alert]) -> None:
    scope = Scope(
        environment="prod",
        service="pipe-api",
        namespace="pipe",
        database="db",
        backup="backup",
        probe_paths=("/livez", "/readyz"),
        proxy_requests="requests",
        proxy_errors="errors",
    )
    assert scope.traces == (
        "{env:prod,service:pipe-api,!resource_name:get_/livez,!resource_name:get_/readyz}"
    )


def test_the_working_set_is_compared_with_the_limit_since_the_usage_counts_page_cache(topic: Topic) -> None:
    for stack in ("dev", "stg", "prod"):
        memory = topic(Settings, "monitoring", stack).thresholds.memory_percent
        assert memory.metric == "kubernetes.memory.working_set"


def test_a_renewal_by_cloudflare_is_no_warning(topic: Topic) -> None:
    for stack in ("dev", "stg", "prod"):
        assert topic(Settings, "monitoring", stack).thresholds.certificate_days.warning < 30


def test_a_runbook_is_named_after_its_alert() -> None:
    assert runbook("HighErrorRate") == "high-error-rate.md"

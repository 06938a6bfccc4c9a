"""Tests of monitors, service level objective, synthetic checks and dashboard.

The policy pack checks tags, runbooks, pagers, thresholds and missing data of the same monitors;
tests/engine/test_stacks.py runs the pack on every stack.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from components.common.naming import Naming
from components.datadog.monitoring import Monitoring, MonitoringArgs, application
from components.settings.models.monitoring import Monitoring as Settings
from tests.support.components.fixtures import Recorder, Topic, evaluate, secret
from tests.unit.components.datadog.test_alert_catalog import QUERIES

MONITOR, SLO = "datadog:index/monitor:Monitor", "datadog:index/serviceLevelObjective:ServiceLevelObjective"
TEST, DASHBOARD = "datadog:index/syntheticsTest:SyntheticsTest", "datadog:index/dashboardJson:DashboardJson"
LOGS_METRIC = "datadog:index/logsMetric:LogsMetric"
RUNBOOKS = "https://github.com/pipe-dev/infrastructure/blob/main/docs/runbooks/"

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def declare(recorder: Recorder, topic: Topic) -> Declare:
    """Provide a function that declares the monitoring of a stack and returns its outputs."""
    recorder.computed[DASHBOARD] = {"url": "/dashboard/abc-def-ghi/pipe-prod"}

    def run(stack: str = "prod", **changes: Any) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        args = MonitoringArgs(
            settings=topic(Settings, "monitoring", stack, **changes),
            naming=Naming(environment=stack, team="platform", account="1" * 12, region="ap-northeast-1"),
            host="pipe.dev",
            health_path="/healthz",
            probe_paths=("/healthz",),
            namespace="pipe",
            database_identifier=f"pipe-{stack}-db",
            synthetic_token=pulumi.Output.secret("the-token"),
        )

        def program() -> pulumi.Output[Any]:
            monitoring = Monitoring("monitoring", args)
            ids, dashboard = monitoring.monitor_ids, monitoring.dashboard_url
            return pulumi.Output.all(ids=ids, dashboard=dashboard).apply(outputs.update)

        evaluate(program)
        return outputs

    return run


@pytest.fixture
def prod(declare: Declare, recorder: Recorder) -> Recorder:
    declare()
    return recorder


def test_the_monitors_are_the_alerts_the_backup_and_the_budget(prod: Recorder) -> None:
    queries = {name: monitor["query"] for name, monitor in prod.of_type(MONITOR).items()}
    assert queries == QUERIES | {
        "BackupFailed": '"kubernetes_state.cronjob.complete"'
        '.over("env:prod","kube_namespace:pipe","kube_cronjob:pipe-backup")'
        '.by("kube_cronjob").last(2).count_by_status()',
        "ErrorBudgetBurn": 'burn_rate("availability-id").over("30d")'
        '.long_window("1h").short_window("5m") > 14.4',
    }


def test_high_error_rate_is_the_guides_alert(prod: Recorder) -> None:
    assert prod.of_type(MONITOR)["HighErrorRate"] == {
        "name": "HighErrorRate (prod)",
        "type": "query alert",
        "query": QUERIES["HighErrorRate"],
        "message": "{{#is_alert}}Share of requests to pipe-api that fail: {{value}},"
        " critical at {{threshold}}. @pagerduty-pipe{{/is_alert}}\n"
        "{{#is_warning}}Share of requests to pipe-api that fail: {{value}},"
        " warning at {{warn_threshold}}.{{/is_warning}}\n"
        "{{#is_recovery}}Recovered: HighErrorRate in prod. @pagerduty-pipe{{/is_recovery}}\n"
        f"Runbook: {RUNBOOKS}high-error-rate.md\n"
        "@slack-pipe-prod",
        "tags": ["env:prod", "service:pipe-api", "severity:critical", "team:platform"],
        "priority": "1",
        "monitorThresholds": {"warning": "0.005", "critical": "0.01"},
        "onMissingData": "resolve",
        "renotifyInterval": 60,
        "renotifyStatuses": ["alert"],
        "evaluationDelay": 60,
        "requireFullWindow": False,
        "includeTags": True,
    }


def test_without_a_pager_no_message_has_an_empty_handle(declare: Declare, recorder: Recorder) -> None:
    declare("dev")
    for monitor in recorder.of_type(MONITOR).values():
        assert "@pagerduty" not in monitor["message"] and " {{/" not in monitor["message"]


def test_a_pager_is_called_at_critical_alerts_recoveries_and_reported_gaps(prod: Recorder) -> None:
    for name, monitor in (prod.of_type(MONITOR) | prod.of_type(TEST)).items():
        message: str = monitor["message"]
        calls = message.count("@pagerduty-pipe")
        if "severity:critical" in monitor["tags"]:
            assert calls == 2 + ("{{#is_no_data}}" in message), name
            assert "@pagerduty-pipe{{/is_alert}}" in message and "@pagerduty-pipe{{/is_recovery}}" in message
        else:
            assert calls == 0, name


def test_the_proxys_answers_are_counted_from_its_log(prod: Recorder) -> None:
    metrics = prod.of_type(LOGS_METRIC).values()
    proxy = "env:prod service:pipe-proxy"
    assert {metric["name"]: metric["filter"] for metric in metrics} == {
        "pipe.prod.proxy.requests": {"query": f"{proxy} @http.status_code:*"},
        "pipe.prod.proxy.errors": {"query": f"{proxy} @http.status_code:[500 TO 599]"},
    }
    assert {metric["compute"]["aggregationType"] for metric in metrics} == {"count"}
    query = prod.of_type(MONITOR)["HighProxyErrorRate"]["query"]
    assert all(metric["name"] in query for metric in metrics)


def test_each_type_of_monitor_decides_about_missing_data_and_reminds_of_it(prod: Recorder) -> None:
    keys = {"query alert": ["onMissingData"], "service check": ["notifyNoData"], "slo alert": []}
    for monitor in prod.of_type(MONITOR).values():
        decisions = {key: monitor[key] for key in ("onMissingData", "notifyNoData") if key in monitor}
        assert list(decisions) == keys[monitor["type"]]
        reported = (
            monitor["type"] == "service check" or decisions.get("onMissingData") == "show_and_notify_no_data"
        )
        assert ("{{#is_no_data}}" in monitor["message"]) is reported
        assert ("no data" in monitor["renotifyStatuses"]) is reported


def test_a_monitor_of_groups_ignores_new_ones_at_first_and_notifies_once_a_deployment(prod: Recorder) -> None:
    cpu = prod.of_type(MONITOR)["HighCpu"]
    assert (cpu["newGroupDelay"], cpu["notifyBies"]) == (300, ["kube_deployment"])


def test_reminders_can_be_disabled(declare: Declare, recorder: Recorder) -> None:
    declare(renotifyMinutes=0)
    for monitor in recorder.of_type(MONITOR).values():
        assert monitor["renotifyInterval"] == 0
        assert "renotifyStatuses" not in monitor


def test_availability_is_an_objective_on_requests(prod: Recorder) -> None:
    objective = prod.of_type(SLO)["availability"]
    scope = "{env:prod,service:pipe-api,!resource_name:get_/healthz}.as_count()"
    hits, errors = f"sum:trace.express.request.hits{scope}", f"sum:trace.express.request.errors{scope}"
    assert objective["type"] == "metric"
    assert objective["query"] == {"numerator": f"{hits} - {errors}", "denominator": hits}
    assert objective["thresholds"] == [{"timeframe": "30d", "target": 99.9, "warning": 99.95}]


def test_the_site_is_checked_from_outside_with_the_secret_header(prod: Recorder) -> None:
    check = prod.of_type(TEST)["SiteDown"]
    assert (check["type"], check["subtype"], check["status"]) == ("api", "http", "live")
    assert check["requestDefinition"] == {"method": "GET", "url": "https://pipe.dev/healthz"}
    assert check["requestHeaders"] == secret({"x-pipe-synthetic": "the-token"})
    assert {"type": "statusCode", "operator": "is", "target": "200"} in check["assertions"]
    assert check["locations"] == ["aws:ap-northeast-1"]
    assert check["optionsList"] == {
        "tickEvery": 60,
        "retry": {"count": 2, "interval": 1000},
        "monitorOptions": {"renotifyInterval": 60},
        "monitorPriority": 1,
    }
    del check["requestHeaders"]
    assert "the-token" not in repr(prod.inputs)


def test_old_tls_and_expiring_certificates_are_checked_from_outside(prod: Recorder) -> None:
    check = prod.of_type(TEST)["WeakTls"]
    assert check["subtype"] == "ssl"
    assert check["requestDefinition"] == {"host": "pipe.dev", "port": "443"}
    assert check["assertions"] == [
        {"type": "minTlsVersion", "operator": "moreThanOrEqual", "target": "1.2"},
        {"type": "certificate", "operator": "isInMoreThan", "target": "14"},
    ]


def dashboard(recorder: Recorder) -> dict[str, Any]:
    return json.loads(recorder.of_type(DASHBOARD)["monitoring"]["dashboard"])


def widgets(recorder: Recorder) -> Iterator[dict[str, Any]]:
    """Yield the definitions of all widgets of the dashboard, including widgets in groups."""
    pending = dashboard(recorder)["widgets"]
    while pending:
        definition = pending.pop(0)["definition"]
        pending = [*definition.get("widgets", []), *pending]
        yield definition


def test_the_dashboard_sets_every_field_that_datadog_would_add(prod: Recorder) -> None:
    fields = {"description", "notify_list", "restricted_roles", "template_variables"}
    assert dashboard(prod).keys() >= fields


def test_the_dashboard_shows_the_expressions_of_the_monitors(prod: Recorder) -> None:
    shown = {
        widget["title"]: widget["requests"][0]["q"]
        for widget in widgets(prod)
        if widget["type"] == "timeseries"
    }
    expressions = {name: query.partition(":")[2].rpartition(" ")[0][:-2] for name, query in QUERIES.items()}
    assert shown == expressions


def test_the_dashboard_draws_the_thresholds(prod: Recorder) -> None:
    markers = {widget["title"]: widget.get("markers") for widget in widgets(prod)}
    assert markers["DatabaseStorageLow"] == [
        {"value": "y = 10", "display_type": "error dashed", "label": "below 10"},
        {"value": "y = 20", "display_type": "warning dashed", "label": "below 20"},
    ]
    assert markers["PodRestarts"] == []


def test_the_dashboard_shows_the_objective_the_backup_and_all_monitors(prod: Recorder) -> None:
    by_type = {widget["type"]: widget for widget in widgets(prod)}
    assert by_type["slo"]["slo_id"] == "availability-id"
    assert by_type["check_status"]["tags"] == ["env:prod", "kube_namespace:pipe", "kube_cronjob:pipe-backup"]
    assert by_type["manage_status"]["query"] == 'tag:("env:prod" AND "service:pipe-api")'


def test_the_outputs_are_the_ids_of_monitors_and_the_address_of_the_dashboard(
    declare: Declare, recorder: Recorder
) -> None:
    outputs = declare()
    assert outputs["ids"] == {name: f"{name}-id" for name in recorder.of_type(MONITOR)}
    assert outputs["dashboard"] == "https://ap1.datadoghq.com/dashboard/abc-def-ghi/pipe-prod"


@pytest.mark.parametrize(
    ("site", "address"),
    [
        ("datadoghq.com", "https://app.datadoghq.com"),
        ("datadoghq.eu", "https://app.datadoghq.eu"),
        ("us5.datadoghq.com", "https://us5.datadoghq.com"),
    ],
)
def test_each_site_has_its_own_address(site: str, address: str) -> None:
    assert application(site) == address

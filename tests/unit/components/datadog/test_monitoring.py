import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from components.common.naming import Naming
from components.datadog.monitoring import Monitoring, MonitoringArgs, application
from components.settings.models.monitoring import Monitoring as Settings
from tests.support.components.fixtures import Recorder, evaluate, secret
from tests.unit.components.datadog.test_alert_catalog import QUERIES

MONITOR, SLO = "datadog:index/monitor:Monitor", "datadog:index/serviceLevelObjective:ServiceLevelObjective"
TEST, DASHBOARD = "datadog:index/syntheticsTest:SyntheticsTest", "datadog:index/dashboardJson:DashboardJson"
LOGS_METRIC = "datadog:index/logsMetric:LogsMetric"
RUNBOOKS = "https://github.com/pipe-dev/infrastructure/blob/main/docs/runbooks/"

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def declare(recorder: Recorder, topic: Callable[..., Any]) -> Declare:
    """Declares the monitoring of a stack and returns what it offers."""
    recorder.computed[DASHBOARD] = {"url": "/dashboard/abc-def-ghi/pipe-prod"}

    def run(stack: str = "prod", **changes: Any) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        naming = Naming(environment=stack, team="platform", account="1" * 12, region="ap-northeast-1")

        def program() -> pulumi.Output[Any]:
            made = Monitoring(
                "monitoring",
                MonitoringArgs(
                    settings=topic(Settings, "monitoring", stack, **changes),
                    naming=naming,
                    host="pipe.dev",
                    health_path="/healthz",
                    probe_paths=("/healthz",),
                    namespace="pipe",
                    database_identifier=f"pipe-{stack}-db",
                    synthetic_token=pulumi.Output.secret("the-token"),
                ),
            )
            return pulumi.Output.all(ids=made.monitor_ids, dashboard=made.dashboard_url).apply(seen.update)

        evaluate(program)
        return seen

    return run


def test_the_monitors_are_the_alerts_and_two_that_no_metric_can_say(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    queries = {name: monitor["query"] for name, monitor in recorder.of_type(MONITOR).items()}
    assert queries == QUERIES | {
        "BackupFailed": '"kubernetes_state.cronjob.complete"'
        '.over("env:prod","kube_namespace:pipe","kube_cronjob:pipe-backup")'
        '.by("kube_cronjob").last(2).count_by_status()',
        "ErrorBudgetBurn": 'burn_rate("availability-id").over("30d")'
        '.long_window("1h").short_window("5m") > 14.4',
    }


def test_high_error_rate_is_the_guides_alert(declare: Declare, recorder: Recorder) -> None:
    declare()
    assert recorder.of_type(MONITOR)["HighErrorRate"] == {
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


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_every_monitor_says_whose_it_is_what_to_do_and_whom_it_tells(
    declare: Declare, recorder: Recorder, topic: Callable[..., Any], stack: str
) -> None:
    declare(stack)
    notify = " ".join(topic(Settings, "monitoring", stack).notify)
    for name, monitor in (recorder.of_type(MONITOR) | recorder.of_type(TEST)).items():
        assert monitor["name"] == f"{name} ({stack})"
        assert {f"env:{stack}", "service:pipe-api", "team:platform"} < set(monitor["tags"])
        assert monitor["message"].endswith(notify)
        assert f"\nRunbook: {RUNBOOKS}" in monitor["message"]


def blocks(message: str, pager: str) -> set[str]:
    """Return the conditions of a message under which a pager is called; "always" for outside of all."""
    conditions = {
        condition
        for condition, text in re.findall(r"\{\{#(\w+)\}\}(.*?)\{\{/\1\}\}", message, re.DOTALL)
        if pager in text
    }
    rest = re.sub(r"\{\{#(\w+)\}\}.*?\{\{/\1\}\}", "", message, flags=re.DOTALL)
    return conditions | ({"always"} if pager in rest else set())


def test_only_critical_monitors_wake_people_and_never_with_a_warning(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    for name, monitor in (recorder.of_type(MONITOR) | recorder.of_type(TEST)).items():
        called = blocks(monitor["message"], "@pagerduty-pipe")
        if "severity:critical" not in monitor["tags"]:
            assert called == set(), name
            continue
        told = {"is_no_data"} if "{{#is_no_data}}" in monitor["message"] else set[str]()
        assert called == {"is_alert", "is_recovery"} | told, name


def test_where_nobody_is_woken_no_message_has_an_empty_handle(declare: Declare, recorder: Recorder) -> None:
    declare("dev")
    for monitor in recorder.of_type(MONITOR).values():
        assert "@pagerduty" not in monitor["message"] and " {{/" not in monitor["message"]


def test_what_the_proxy_answers_is_counted_from_its_log(declare: Declare, recorder: Recorder) -> None:
    declare()
    metrics = recorder.of_type(LOGS_METRIC)
    proxy = "env:prod service:pipe-proxy"
    assert {each["name"]: each["filter"] for each in metrics.values()} == {
        "pipe.prod.proxy.requests": {"query": f"{proxy} @http.status_code:*"},
        "pipe.prod.proxy.errors": {"query": f"{proxy} @http.status_code:[500 TO 599]"},
    }
    assert {each["compute"]["aggregationType"] for each in metrics.values()} == {"count"}
    query = recorder.of_type(MONITOR)["HighProxyErrorRate"]["query"]
    assert all(each["name"] in query for each in metrics.values())


def test_thresholds_agree_with_the_query(declare: Declare, recorder: Recorder) -> None:
    declare()
    for name, monitor in recorder.of_type(MONITOR).items():
        if monitor["type"] != "service check":
            _, comparator, critical = monitor["query"].rsplit(" ", 2)
            thresholds = monitor["monitorThresholds"]
            assert thresholds["critical"] == critical, name
            if "warning" in thresholds:
                warns_first = float(thresholds["warning"]) < float(critical)
                assert warns_first is (comparator == ">"), name


def test_severity_is_a_tag_and_a_priority(declare: Declare, recorder: Recorder) -> None:
    declare()
    for monitor in recorder.of_type(MONITOR).values():
        [severity] = [tag for tag in monitor["tags"] if tag.startswith("severity:")]
        assert monitor["priority"] == {"severity:critical": "1", "severity:warning": "3"}[severity]


def test_each_type_of_monitor_says_what_missing_data_means_if_it_can(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    for monitor in recorder.of_type(MONITOR).values():
        decided = {key: monitor[key] for key in ("onMissingData", "notifyNoData") if key in monitor}
        told = monitor["type"] == "service check" or decided.get("onMissingData") == "show_and_notify_no_data"
        assert (
            list(decided)
            == {
                "query alert": ["onMissingData"],
                "service check": ["notifyNoData"],
                "slo alert": [],
            }[monitor["type"]]
        )
        assert ("{{#is_no_data}}" in monitor["message"]) is told
        assert ("no data" in monitor["renotifyStatuses"]) is told


def test_a_monitor_of_groups_waits_for_new_ones_and_tells_once_a_deployment(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    cpu = recorder.of_type(MONITOR)["HighCpu"]
    assert (cpu["newGroupDelay"], cpu["notifyBies"]) == (300, ["kube_deployment"])


def test_where_reminders_are_off_there_are_none(declare: Declare, recorder: Recorder) -> None:
    declare(renotifyMinutes=0)
    for monitor in recorder.of_type(MONITOR).values():
        assert monitor["renotifyInterval"] == 0
        assert "renotifyStatuses" not in monitor


def test_availability_is_an_objective_on_requests(declare: Declare, recorder: Recorder) -> None:
    declare()
    objective = recorder.of_type(SLO)["availability"]
    scope = "{env:prod,service:pipe-api,!resource_name:get_/healthz}.as_count()"
    hits, errors = f"sum:trace.express.request.hits{scope}", f"sum:trace.express.request.errors{scope}"
    assert objective["type"] == "metric"
    assert objective["query"] == {"numerator": f"{hits} - {errors}", "denominator": hits}
    assert objective["thresholds"] == [{"timeframe": "30d", "target": 99.9, "warning": 99.95}]


def test_the_site_is_checked_from_outside_with_the_secret_header(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    check = recorder.of_type(TEST)["SiteDown"]
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


def test_old_tls_and_an_old_certificate_are_seen_from_outside(declare: Declare, recorder: Recorder) -> None:
    declare()
    check = recorder.of_type(TEST)["WeakTls"]
    assert check["subtype"] == "ssl"
    assert check["requestDefinition"] == {"host": "pipe.dev", "port": "443"}
    assert check["assertions"] == [
        {"type": "minTlsVersion", "operator": "moreThanOrEqual", "target": "1.2"},
        {"type": "certificate", "operator": "isInMoreThan", "target": "14"},
    ]


def test_the_token_is_in_no_plain_input(declare: Declare, recorder: Recorder) -> None:
    declare()
    del recorder.of_type(TEST)["SiteDown"]["requestHeaders"]
    assert "the-token" not in repr(recorder.inputs)


def widgets(recorder: Recorder) -> Iterator[dict[str, Any]]:
    """All widgets of the dashboard, those in groups too."""
    pending = json.loads(recorder.of_type(DASHBOARD)["monitoring"]["dashboard"])["widgets"]
    while pending:
        definition = pending.pop(0)["definition"]
        pending = [*definition.get("widgets", []), *pending]
        yield definition


def test_the_dashboard_leaves_nothing_for_datadog_to_add(declare: Declare, recorder: Recorder) -> None:
    declare()
    board = json.loads(recorder.of_type(DASHBOARD)["monitoring"]["dashboard"])
    said = ("description", "notify_list", "restricted_roles", "template_variables")
    assert [board.get(name) is not None for name in said] == [True] * len(said)


def test_the_dashboard_shows_what_the_monitors_measure(declare: Declare, recorder: Recorder) -> None:
    declare()
    shown = {
        widget["title"]: widget["requests"][0]["q"]
        for widget in widgets(recorder)
        if widget["type"] == "timeseries"
    }
    measured = {name: query.partition(":")[2].rpartition(" ")[0][:-2] for name, query in QUERIES.items()}
    assert shown == measured


def test_the_dashboard_draws_the_thresholds(declare: Declare, recorder: Recorder) -> None:
    declare()
    markers = {widget["title"]: widget.get("markers") for widget in widgets(recorder)}
    assert markers["DatabaseStorageLow"] == [
        {"value": "y = 10", "display_type": "error dashed", "label": "below 10"},
        {"value": "y = 20", "display_type": "warning dashed", "label": "below 20"},
    ]
    assert markers["PodRestarts"] == []


def test_the_dashboard_shows_the_objective_the_backup_and_all_monitors(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    by_type = {widget["type"]: widget for widget in widgets(recorder)}
    assert by_type["slo"]["slo_id"] == "availability-id"
    assert by_type["check_status"]["tags"] == ["env:prod", "kube_namespace:pipe", "kube_cronjob:pipe-backup"]
    assert by_type["manage_status"]["query"] == 'tag:("env:prod" AND "service:pipe-api")'


def test_people_get_the_ids_of_monitors_and_the_address_of_the_dashboard(
    declare: Declare, recorder: Recorder
) -> None:
    offered = declare()
    assert offered["ids"] == {name: f"{name}-id" for name in recorder.of_type(MONITOR)}
    assert offered["dashboard"] == "https://ap1.datadoghq.com/dashboard/abc-def-ghi/pipe-prod"


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

import json
from typing import Any

import pytest

from policies.catalog import RULES
from policies.datadog import MONITOR as TYPE
from policies.datadog import MONITOR_JSON, SYNTHETIC, QueryError, alerted, parse_query
from tests.policies.conftest import UNKNOWN, Said, changed, resource
from tests.policies.fixtures import DEPLOYMENT, MONITOR

MONITOR_RULES = [rule.name for rule in RULES if TYPE in rule.types]
JSON = {
    key: value
    for key, value in MONITOR.items()
    if key not in ("monitorThresholds", "renotifyInterval", "notifyNoData")
} | {
    "options": {
        "thresholds": {"critical": 0.01, "warning": 0.005},
        "renotify_interval": 30,
        "notify_no_data": False,
    }
}


def as_json(**changes: Any) -> dict[str, str]:
    return {"monitor": json.dumps(changed(JSON, **changes))}


@pytest.mark.parametrize("policy", MONITOR_RULES)
def test_a_good_monitor_passes_every_rule_in_both_forms(said: Said, policy: str) -> None:
    assert said(policy, TYPE, MONITOR) == []
    assert said(policy, MONITOR_JSON, as_json()) == []


@pytest.mark.parametrize(
    ("policy", "changes", "expected"),
    [
        (
            "alert-threshold-mismatch",
            {"monitorThresholds__critical": "0.02"},
            "monitorThresholds.critical is '0.02'; set it to 0.01, as the query has it",
        ),
        (
            "alert-threshold-mismatch",
            {"monitorThresholds__critical": None},
            "monitorThresholds.critical is not set; set it to 0.01, as the query has it",
        ),
        (
            "alert-threshold-mismatch",
            {"monitorThresholds__warning": "0.01"},
            "monitorThresholds.warning is '0.01'; set it to a number below 0.01, since the query alerts > it",
        ),
        (
            "alert-threshold-mismatch",
            {"monitorThresholds__criticalRecovery": "0.5"},
            (
                "monitorThresholds.criticalRecovery is '0.5'; set it to a number below 0.01, since "
                "the query alerts > it"
            ),
        ),
        (
            "alert-threshold-mismatch",
            {
                "query": "max(last_1d):min:cert.days{*} < 14",
                "monitorThresholds": {"critical": 14, "warning": 7},
            },
            "monitorThresholds.warning is 7; set it to a number above 14, since the query alerts < it",
        ),
        (
            "alert-without-target",
            {"message": "Somebody look, https://runbooks"},
            (
                "message is 'Somebody look, https://runbooks', which tells nobody of an alert; add "
                "a handle such as @.+"
            ),
        ),
        (
            "alert-critical-without-priority",
            {"priority": None},
            "priority is not set; set it to 1 or 2",
        ),
        ("alert-critical-without-priority", {"priority": "3"}, "priority is '3'; set it to 1 or 2"),
        (
            "alert-without-runbook",
            {"message": "@pagerduty-pipe"},
            r"message is without a runbook; add a link that matches https://\S+",
        ),
        (
            "alert-tags-missing",
            {"tags": ["env:prod", "severity:critical", "team"]},
            "tags is ['env:prod', 'severity:critical', 'team']; add service:…, team:…",
        ),
        ("alert-tags-missing", {"tags": None}, "tags is not set; add env:…, service:…, team:…, severity:…"),
        (
            "alert-no-data-undecided",
            {"notifyNoData": None},
            "notifyNoData is not set; set it to true, or say in onMissingData what happens",
        ),
        (
            "alert-no-data-undecided",
            {"notifyNoData": True, "noDataTimeframe": 9},
            "noDataTimeframe is 9; set it to 10 or more minutes, twice the query's window",
        ),
        (
            "alert-critical-not-renotified",
            {"renotifyInterval": 0},
            "renotifyInterval is 0; set it to minutes above 0",
        ),
        (
            "alert-critical-not-renotified",
            {"renotifyInterval": None, "tags": ["env:prod"]},
            "renotifyInterval is not set; set it to minutes above 0",
        ),
        (
            "alert-window-too-long",
            {"query": "min(last_10m):sum:errors{*} > 0.01"},
            "query is 'min(last_10m):sum:errors{*} > 0.01', 10 minutes; use at most 5",
        ),
        (
            "alert-query-unreadable",
            {"query": "min(last_5m):sum:errors{*}"},
            "query is 'min(last_5m):sum:errors{*}' (it ends without a comparison such as > 0.01); "
            "write it as expression > threshold",
        ),
        (
            "alert-query-unreadable",
            {"query": "min(last_5m:sum:errors{*} > 1"},
            (
                "query is 'min(last_5m:sum:errors{*} > 1' ('(' is not closed); write it as "
                "expression > threshold"
            ),
        ),
        ("alert-draft", {"draftStatus": "draft"}, "draftStatus is 'draft'; set it to 'published'"),
        ("alert-muted-monitor", {"silenced": {"*": 0}}, "silenced is {'*': 0}; remove it"),
    ],
)
def test_one_change_to_a_monitor_is_named(
    said: Said, policy: str, changes: dict[str, Any], expected: str
) -> None:
    assert said(policy, TYPE, changed(MONITOR, **changes)) == [expected]


def test_a_monitor_in_json_is_judged_alike(said: Said) -> None:
    assert said("alert-threshold-mismatch", MONITOR_JSON, as_json(options__thresholds__critical=0.02)) == [
        "monitor.options.thresholds.critical is 0.02; set it to 0.01, as the query has it"
    ]
    assert said(
        "alert-threshold-mismatch", MONITOR_JSON, as_json(options__thresholds__critical_recovery=1)
    ) == [
        "monitor.options.thresholds.critical_recovery is 1; set it to a number below 0.01, "
        "since the query alerts > it"
    ]
    assert said("alert-no-data-undecided", MONITOR_JSON, as_json(options__notify_no_data=None)) == [
        "monitor.options.notify_no_data is not set; set it to true, or say in onMissingData what happens"
    ]
    assert said("alert-threshold-mismatch", MONITOR_JSON, {"monitor": UNKNOWN}) == ["unknown: monitor"]


def test_the_targets_of_an_environment_are_configured(said: Said) -> None:
    assert said("alert-without-target", TYPE, MONITOR, targets=["@pagerduty-.*"]) == []
    assert said("alert-without-target", TYPE, MONITOR, targets=["@slack-dev", "@slack-qa"]) == [
        "message is for @pagerduty-pipe, which this environment does not have; use @slack-dev or @slack-qa"
    ]


def test_a_monitor_without_urgency_needs_neither_priority_nor_renotification(said: Said) -> None:
    calm = changed(MONITOR, tags=["severity:warning"], priority="3", renotifyInterval=None)
    assert said("alert-critical-without-priority", TYPE, calm) == []
    assert said("alert-critical-not-renotified", TYPE, calm) == []


def test_no_data_is_no_question_for_a_log_monitor(said: Said) -> None:
    assert said("alert-no-data-undecided", TYPE, changed(MONITOR, type="log alert", notifyNoData=None)) == []
    decided = changed(MONITOR, notifyNoData=None, onMissingData="resolve")
    assert said("alert-no-data-undecided", TYPE, decided) == []
    in_time = changed(MONITOR, notifyNoData=True, noDataTimeframe=10)
    assert said("alert-no-data-undecided", TYPE, in_time) == []


@pytest.mark.parametrize(
    ("text", "expression", "comparator", "threshold", "window"),
    [
        ("avg(last_5m):avg:a{*} > 1", "avg(last_5m):avg:a{*}", ">", 1, 5),
        ("avg(last_1h):avg:a{b:c} by {d} <= -2.5", "avg(last_1h):avg:a{b:c} by {d}", "<=", -2.5, 60),
        (
            "change(avg(last_5m),last_2h):avg:a{*} >= 1e3",
            "change(avg(last_5m),last_2h):avg:a{*}",
            ">=",
            1000,
            5,
        ),
        ('logs("status:error > 3").index("*").rollup("count").last("15m") > 10', None, ">", 10, 15),
        ('burn_rate("x").over("30d").long_window("1h").short_window("5m") > 14.4', None, ">", 14.4, 60),
        ("avg(last_1w):default_zero(a{*}) < .5", "avg(last_1w):default_zero(a{*})", "<", 0.5, 10080),
    ],
)
def test_queries_are_parsed(
    text: str, expression: str | None, comparator: str, threshold: float, window: int
) -> None:
    query = parse_query(text)
    assert (query.comparator, query.threshold, query.window) == (comparator, threshold, window)
    assert expression is None or query.expression == expression


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it ends without a comparison such as > 0.01"),
        ("> 1", "it ends without a comparison such as > 0.01"),
        ("a > b", "it ends without a comparison such as > 0.01"),
        ("a) > 1", "')' at position 1 closes nothing"),
        ("(a] > 1", "']' at position 2 closes nothing"),
        ("logs('x > 1", '"\'" is not closed'),
    ],
)
def test_what_is_no_query_says_why(text: str, fault: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(text)
    assert str(raised.value) == fault


@pytest.mark.parametrize(
    ("message", "handles"),
    [
        ("@slack-a and @b@pipe.dev", ["@slack-a", "@b@pipe.dev"]),
        ("{{#is_warning}}@slack-a{{/is_warning}}", []),
        ("{{#is_recovery}}@a-b{{/is_recovery}} {{#is_alert}}@c-d{{/is_alert}}", ["@c-d"]),
        ("{{^is_alert}}@a-b{{/is_alert}}{{^is_warning}}@c-d{{/is_warning}}", ["@c-d"]),
        ('{{#is_match "env" "prod"}}@a-b{{/is_match}}', ["@a-b"]),
        ("mail me at who@pipe.dev", []),
        ("{{#is_alert}}{{#is_warning}}@a-b{{/is_warning}}@c-d{{/is_alert}}", ["@c-d"]),
    ],
)
def test_who_is_told_of_an_alert(message: str, handles: list[str]) -> None:
    assert alerted(message) == handles


def test_a_downtime_ends(said: Said) -> None:
    kind, old = "datadog:index/downtimeSchedule:DowntimeSchedule", "datadog:index/downtime:Downtime"
    policy = "alert-muted-for-ever"
    assert said(policy, kind, {"oneTimeSchedule": {"end": "2026-01-01T00:00:00Z"}}) == []
    assert said(policy, kind, {"recurringSchedule": {"recurrences": []}}) == []
    assert said(policy, kind, {"oneTimeSchedule": {"start": "2026-01-01T00:00:00Z"}}) == [
        "oneTimeSchedule.end is not set; set it to the moment at which the work is over"
    ]
    assert said(policy, old, {"end": 1735689600}) == []
    assert said(policy, old, {"endDate": "2026-01-01"}) == []
    assert said(policy, old, {}) == ["endDate is not set; set it to the moment at which the work is over"]


REQUIRED = "alert-required-monitor-missing"


def test_every_required_monitor_exists(said_of_stack: Said) -> None:
    monitor = resource(TYPE, MONITOR)
    assert said_of_stack(REQUIRED, monitor) == []
    assert said_of_stack(REQUIRED, monitor, monitors=["HighErrorRate"], tags=["env:prod"]) == []


def test_a_removed_monitor_is_named(said_of_stack: Said) -> None:
    other = resource(TYPE, changed(MONITOR, name="HighErrorRates"))
    assert said_of_stack(REQUIRED, other, monitors=["HighErrorRate"]) == [
        "monitor HighErrorRate is missing; declare a datadog.Monitor whose name has HighErrorRate"
    ]
    foreign = resource(TYPE, changed(MONITOR, tags=["env:dev"]))
    assert said_of_stack(REQUIRED, foreign, monitors=["HighErrorRate"], tags=["env:prod", "a:b"]) == [
        "monitor HighErrorRate is missing; declare a datadog.Monitor whose name has HighErrorRate "
        "with the tags a:b, env:prod"
    ]


def test_a_synthetic_test_counts_as_a_monitor(said_of_stack: Said) -> None:
    test = resource(
        SYNTHETIC, {"name": "x", "tags": [], "optionsList": {"monitorName": "CertificateExpiry (prod)"}}
    )
    assert said_of_stack(REQUIRED, test, monitors=["CertificateExpiry"]) == []
    unnamed = resource(SYNTHETIC, {"name": "CertificateExpiry", "tags": []})
    assert said_of_stack(REQUIRED, unnamed, monitors=["CertificateExpiry"]) == []


def test_a_monitor_whose_name_is_unknown_is_counted(said_of_stack: Said) -> None:
    unknown = resource(TYPE, changed(MONITOR, name=UNKNOWN))
    assert said_of_stack(REQUIRED, unknown, monitors=["HighErrorRate"])[-1] == "unknown: name"


def test_an_slo_is_asked_for_by_configuration(said_of_stack: Said) -> None:
    slo = resource("datadog:index/serviceLevelObjective:ServiceLevelObjective", {"name": "x"})
    assert said_of_stack("alert-slo-missing") == []
    assert said_of_stack("alert-slo-missing", slo, required=True) == []
    assert said_of_stack("alert-slo-missing", required=True) == [
        "service level objective is missing; declare a datadog.ServiceLevelObjective"
    ]


UNCOVERED = "alert-deployment-uncovered"
WATCHED = resource("kubernetes:apps/v1:Deployment", DEPLOYMENT)


@pytest.mark.parametrize(
    "scope", ["kube_deployment:pipe-api", "kube_namespace:pipe,a:b", "kube_app_name:pipe-api} by {x"]
)
def test_a_deployment_is_covered_by_its_name_or_namespace(said_of_stack: Said, scope: str) -> None:
    monitor = resource(TYPE, changed(MONITOR, query=f"avg(last_5m):avg:cpu{{{scope}}} > 1"))
    assert said_of_stack(UNCOVERED, WATCHED, monitor) == []


def test_a_deployment_is_covered_by_its_datadog_service(said_of_stack: Said) -> None:
    labels = {"tags.datadoghq.com/service": "pipe-api"}
    watched = resource("kubernetes:apps/v1:Deployment", changed(DEPLOYMENT, metadata__labels=labels))
    monitor = resource(TYPE, changed(MONITOR, query="avg(last_5m):avg:hits{service:pipe-api,env:prod} > 1"))
    assert said_of_stack(UNCOVERED, watched, monitor) == []


def test_a_deployment_that_no_monitor_covers_is_named(said_of_stack: Said) -> None:
    monitor = resource(TYPE, changed(MONITOR, query="avg(last_5m):avg:cpu{kube_deployment:pipe-api-2} > 1"))
    assert said_of_stack(UNCOVERED, WATCHED, monitor) == [
        "metadata.name is 'pipe-api', which no monitor covers; let a monitor's query name "
        "kube_deployment:pipe-api"
    ]
    assert said_of_stack(UNCOVERED, WATCHED) == []


def test_an_unknown_query_may_cover_it(said_of_stack: Said) -> None:
    monitor = resource(TYPE, changed(MONITOR, query=UNKNOWN))
    assert said_of_stack(UNCOVERED, WATCHED, monitor) == ["unknown: query"]

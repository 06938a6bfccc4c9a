from typing import Any

import pytest

from policies.model.datadog_monitors import MONITOR as TYPE
from policies.model.datadog_monitors import MONITOR_JSON
from tests.support.policies.fixtures import MONITOR
from tests.support.policies.monitors import as_json
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, secret


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
    ],
)
def test_one_change_to_a_monitor_is_named(
    messages_of: MessagesOf, policy: str, changes: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, TYPE, changed(MONITOR, **changes)) == [expected]


def test_a_monitor_in_json_is_judged_alike(messages_of: MessagesOf) -> None:
    assert messages_of(
        "alert-threshold-mismatch", MONITOR_JSON, as_json(options__thresholds__critical=0.02)
    ) == ["monitor.options.thresholds.critical is 0.02; set it to 0.01, as the query has it"]
    assert messages_of(
        "alert-threshold-mismatch", MONITOR_JSON, as_json(options__thresholds__critical_recovery=1)
    ) == [
        "monitor.options.thresholds.critical_recovery is 1; set it to a number below 0.01, "
        "since the query alerts > it"
    ]
    assert messages_of("alert-threshold-mismatch", MONITOR_JSON, {"monitor": UNKNOWN}) == ["unknown: monitor"]


def test_a_window_is_at_most_what_is_configured(messages_of: MessagesOf) -> None:
    policy, long = "alert-window-too-long", changed(MONITOR, query="min(last_10m):sum:errors{*} > 0.01")
    expected = ["query is 'min(last_10m):sum:errors{*} > 0.01', 10 minutes; use at most 5"]
    assert messages_of(policy, TYPE, long) == []
    assert messages_of(policy, TYPE, long, minutes=5) == expected
    assert messages_of(policy, TYPE, long, byName={"HighErrorRate": 5}) == expected
    assert messages_of(policy, TYPE, long, byName={"HighErrorRate": 5}, minutes=4) == [
        expected[0].replace("most 5", "most 4")
    ]
    assert messages_of(policy, TYPE, long, byName={"ErrorRate": 5}) == []
    assert messages_of(policy, TYPE, changed(MONITOR, query="min(last_2d):sum:errors{*} > 0.01")) == [
        "query is 'min(last_2d):sum:errors{*} > 0.01', 2880 minutes; use at most 1440"
    ]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("process alert", "processes('nginx').over('env:a').rollup('count').last('2d') < 1"),
        ("database-monitoring alert", 'database-monitoring-queries("x").rollup("count").last("2d") < 1'),
        ("data-quality alert", 'data-quality("x").last("2d") < 1'),
        ("a kind of tomorrow", 'something("x").last("2d") < 1'),
    ],
)
def test_a_query_that_compares_is_judged_whatever_its_type(
    messages_of: MessagesOf, kind: str, query: str
) -> None:
    props = changed(MONITOR, type=kind, query=query, monitorThresholds={"critical": 2})
    assert messages_of("alert-threshold-mismatch", TYPE, props) == [
        "monitorThresholds.critical is 2; set it to 1, as the query has it"
    ]
    assert messages_of("alert-window-too-long", TYPE, props) == [
        f"query is {query!r}, 2880 minutes; use at most 1440"
    ]


POLICIES = ["alert-query-unreadable", "alert-threshold-mismatch", "alert-window-too-long"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_type_whose_queries_the_pack_cannot_read_does_not_pass(
    messages_of: MessagesOf, policy: str
) -> None:
    assert messages_of(policy, TYPE, changed(MONITOR, type="event alert", query="events('x')")) == [
        "unknown: query"
    ]
    assert messages_of(policy, TYPE, changed(MONITOR, type="composite", query="1 && 2")) == []


@pytest.mark.parametrize(
    ("query", "recovery", "side"),
    [("a > 0.01", "0.005", "below"), ("a > 0.01", "0.5", "below"), ("a < 0.001", 0.004, "above")],
)
def test_a_warning_s_recovery_comes_after_it(
    messages_of: MessagesOf, query: str, recovery: object, side: str
) -> None:
    critical = query.rpartition(" ")[2]
    limits = {"critical": critical, "warning": "0.005", "warningRecovery": recovery}
    assert messages_of(
        "alert-threshold-mismatch", TYPE, changed(MONITOR, query=query, monitorThresholds=limits)
    ) == [
        f"monitorThresholds.warningRecovery is {recovery!r}; set it to a number {side} the warning's '0.005'"
    ]


def test_neither_side_of_an_equality_is_well(messages_of: MessagesOf) -> None:
    limits = {"critical": 0, "warning": 1, "criticalRecovery": 2}
    props = changed(MONITOR, query="a == 0", monitorThresholds=limits)
    assert messages_of("alert-threshold-mismatch", TYPE, props) == []


def test_nothing_is_derived_from_a_secret_query(messages_of: MessagesOf) -> None:
    props = changed(
        MONITOR,
        query=secret("avg(last_2d):avg:x{*} > 777123"),
        monitorThresholds={"critical": 1, "warning": 777124},
        notifyNoData=True,
    )
    assert messages_of("alert-threshold-mismatch", TYPE, props) == [
        "monitorThresholds.critical is 1; set it to as the query has it",
        "monitorThresholds.warning is 777124; set it to a number below the query's threshold",
    ]
    assert messages_of("alert-window-too-long", TYPE, props) == [
        "query is [secret]; use at most 1440 minutes"
    ]
    assert messages_of("alert-no-data-undecided", TYPE, props) == [
        "noDataTimeframe is not set; set it to as many minutes as twice the query's window"
    ]
    broken = changed(MONITOR, query=secret("avg(last_2d]:a > 1"))
    assert messages_of("alert-query-unreadable", TYPE, broken) == [
        "query is [secret]; write it as expression > threshold"
    ]

"""Tests of the parser for monitor queries, and of the checks of monitors."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wire.request_bodies.datadog.monitors import validation_faults as faults
from sandbox.wire.request_bodies.datadog.queries import MINUTES, Query, QueryError, parse
from tests.support.rows import each_row

SPACES = st.sampled_from(["avg", "sum", "min", "max", "p95"])
METRICS = st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z][a-z0-9_]{0,8}){0,3}", fullmatch=True)
TAGS = st.from_regex(r"[a-z][a-z_]{0,7}", fullmatch=True)
NUMBERS = st.integers(-(10**9), 10**9) | st.decimals(-1000, 1000, places=3, allow_nan=False)
COMPARATORS = st.sampled_from([">", ">=", "<", "<="])


@st.composite
def series(draw: st.DrawFn) -> str:
    scope = draw(st.just("*") | st.lists(st.builds("{}:{}".format, TAGS, TAGS), min_size=1).map(",".join))
    method = draw(st.sampled_from(["", ".as_rate()", ".as_count()", ".rollup(sum, 60)", ".fill(zero)"]))
    return f"{draw(SPACES)}:{draw(METRICS)}{{{scope}}}{method}"


EXPRESSIONS = st.recursive(
    series() | st.integers(1, 10**9).map(str),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("default_zero({})".format, inner)
    ),
    max_leaves=6,
)


AGGREGATIONS = st.sampled_from(["avg", "sum", "min", "max", "percentile"])
UNITS = st.sampled_from(["m", "h", "d", "w"])


@given(AGGREGATIONS, st.integers(1, 99), UNITS, EXPRESSIONS, COMPARATORS, NUMBERS)
def test_every_metric_query_is_parsed(
    aggregation: str, length: int, unit: str, expression: str, comparator: str, threshold: Any
):
    query = f"{aggregation}(last_{length}{unit}):{expression} {comparator} {threshold:f}"
    parsed = parse(query)
    assert (parsed.comparator, parsed.threshold) == (comparator, float(threshold))
    assert parsed.minutes == (length * MINUTES[unit],)


@given(METRICS, st.lists(TAGS, min_size=1, unique=True))
def test_the_groups_of_a_query_are_parsed(metric: str, groups: list[str]):
    query = parse(f"avg(last_5m):avg:{metric}{{*}} by {{{','.join(groups)}}}.as_rate() > 1")
    assert query.groups == frozenset(groups)


@given(EXPRESSIONS, st.integers(0, 200))
def test_a_truncated_query_is_refused(expression: str, length: int):
    query = f"avg(last_5m):{expression} > 15"
    with pytest.raises(QueryError):
        parse(query[: min(length, len(query) - 2)])


@given(st.text(max_size=60))
def test_every_text_is_parsed_or_refused(text: str):
    for kind in ("metric", "check", "slo", "expression", "formula"):
        try:
            assert isinstance(parse(text, kind), Query)
        except QueryError as error:
            assert str(error).startswith("syntax error after ")


def test_a_change_alert_has_two_windows():
    assert parse("change(max(last_10m),last_1h):max:a.b{*} by {pod} > 3").minutes == (10, 60)


def test_a_service_check_is_parsed():
    query = '"app.ok".over("env:dev","kube_cronjob:backup").by("host").last(3).count_by_status()'
    assert parse(query, "check") == Query(
        last=3, strings=("app.ok", "env:dev", "kube_cronjob:backup", "host")
    )


def test_an_slo_alert_is_parsed():
    query = 'burn_rate("abc").over("30d").long_window("1h").short_window("5m") > 14.4'
    assert parse(query, "slo") == Query(">", 14.4, strings=("abc", "30d", "1h", "5m"))


SCOPES = ["*", "$cluster", "a:b,!c:d*", "a:b AND (c:d OR NOT e:f)", "a IN (b,c) AND d NOT IN (e)"]


@each_row("scope", SCOPES)
def test_a_scope_of_tags_is_parsed(scope: str):
    assert parse(f"avg(last_5m):avg:a{{{scope}}} by {{x}} > 1").groups == {"x"}


@each_row("formula", ["a", "a / (b + 1) * 100", "per_second(a)", "timeshift(a, -3600)"])
def test_a_formula_is_parsed(formula: str):
    assert parse(formula, "formula") == Query()


UNREADABLE = [
    ("errors > 1", "syntax error after ''"),
    ("avg(last_5x):avg:a{*} > 1", "syntax error after 'avg('"),
    ("avg(last_5m):avg:a > 1", "syntax error after 'avg(last_5m):avg:a'"),
    ("avg(last_5m):avg:a{} > 1", "syntax error after 'avg(last_5m):avg:a{'"),
    ("avg(last_5m):avg:a{,,} > 1", "syntax error after 'avg(last_5m):avg:a{'"),
    ("avg(last_5m):avg:a{a:b AND} > 1", "syntax error after 'avg(last_5m):avg:a{a:b AND'"),
    ("avg(last_5m):avg:a{a:b c:d} > 1", "syntax error after 'avg(last_5m):avg:a{a:b'"),
    ("avg(last_5m):foo(avg:a{*}) > 1", "syntax error after 'avg(last_5m):'"),
    ("avg(last_5m):avg:a{*}.as_rat() > 1", "syntax error after 'avg(last_5m):avg:a{*}'"),
    ("avg(last_5m):foo:a{*} > 1", "syntax error after 'avg(last_5m):'"),
    ("avg(last_5m):avg:a{*} >", "syntax error after 'avg(last_5m):avg:a{*} >'"),
    ("p95(last_5m):avg:a{*} > 1", "syntax error after ''"),
]


@each_row(("query", "message"), UNREADABLE)
def test_an_invalid_query_is_refused_with_the_text_before_the_mistake(query: str, message: str):
    with pytest.raises(QueryError) as error:
        parse(query)
    assert str(error.value) == message


MONITOR = {
    "type": "query alert",
    "query": "min(last_5m):sum:errors{env:dev} by {host}.as_rate() > 0.5",
    "message": "{{#is_alert}}{{value}}{{/is_alert}} @slack-pipe",
    "options": {"thresholds": {"critical": 0.5, "warning": 0.2}, "notify_by": ["host"]},
}
CHECK = {
    "type": "service check",
    "query": '"app.ok".over("env:dev").last(2).count_by_status()',
    "options": {"thresholds": {"ok": 1, "warning": 1, "critical": 2}},
}

INVALID = "The value provided for parameter 'query' is invalid: "
KNOWN = "metric alert, query alert, service check, slo alert"
SIMULTANEOUS = (
    "alert and alert recovery criteria are such that the monitor can be simultaneously in alert and alert "
    "recovery states"
)
RISING = {"critical": 0.5, "warning": 0.7}
FALLING = {"critical": 5, "warning": 4}

REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (MONITOR, {"query": "avg(last_1h):avg:a{*}"}, INVALID + "syntax error after 'avg(last_1h):avg:a{*}'"),
    (
        MONITOR,
        {"query": "avg(last_9w):avg:a{*} by {host} > 0.5"},
        "The evaluation window must be between 1 minute and 1 month; it is 90720 minutes",
    ),
    (
        MONITOR,
        {"options": {"thresholds": {"critical": 0.6}}},
        "Alert threshold (0.6) does not match that used in the query (0.5).",
    ),
    (MONITOR, {"options": {"thresholds": {"warning": 0.2}}}, "Alert status is required."),
    (
        MONITOR,
        {"options": {"thresholds": RISING}},
        "Warning threshold (0.7) must be less than the alert threshold (0.5).",
    ),
    (
        MONITOR,
        {"query": "avg(last_5m):avg:a{*} < 5", "options": {"thresholds": FALLING}},
        "Warning threshold (4) must be greater than the alert threshold (5).",
    ),
    (MONITOR, {"options": {"thresholds": {"critical": 0.5, "critical_recovery": 9}}}, SIMULTANEOUS),
    (
        MONITOR,
        {
            "query": "avg(last_5m):avg:a{*} < 5",
            "options": {"thresholds": {"critical": 5, "critical_recovery": 4}},
        },
        SIMULTANEOUS,
    ),
    (
        MONITOR,
        {"query": "avg(last_5m):avg:a{*} > 0.5", "options": {"new_group_delay": 60}},
        "The new_group_delay option can only be used for multi-alert monitors",
    ),
    (MONITOR, {"options": {"notify_by": ["pod"]}}, "notify_by: pod is not among the query's groups"),
    (
        MONITOR,
        {"type": "metric alert", "options": {"notify_by": ["pod"]}},
        "notify_by: pod is not among the query's groups",
    ),
    (MONITOR, {"query": "avg(last_5m):5 > 5", "options": {}}, INVALID + "it names no metric"),
    (MONITOR, {"message": "{{#is_alert}}x"}, "message: {{#is_alert}} is not closed"),
    (
        MONITOR,
        {"message": "{{#is_alert}}x{{/is_info}}"},
        "message: {{/is_info}} does not match an open block",
    ),
    (
        CHECK,
        {"options": {"thresholds": {"critical": 3}}},
        "Last field should be larger than or equal to max threshold defined in monitor options",
    ),
    (
        MONITOR,
        {"type": "rum alert"},
        f"the sandbox cannot check a monitor of the type rum alert; it can check {KNOWN}",
    ),
]


def test_a_valid_monitor_is_accepted():
    assert [*faults(MONITOR), *faults(CHECK)] == []


@each_row("comparator", ["==", "!="])
def test_a_warning_may_be_on_either_side_of_an_equality(comparator: str):
    for warning in (4, 6):
        query = f"avg(last_5m):avg:a{{*}} {comparator} 5"
        thresholds = {"critical": 5, "warning": warning}
        assert [*faults(MONITOR | {"query": query, "options": {"thresholds": thresholds}})] == []


@each_row(("monitor", "change", "message"), REFUSED)
def test_an_invalid_monitor_is_refused(monitor: dict[str, Any], change: dict[str, Any], message: str):
    assert list(faults(monitor | change)) == [message]

from typing import Any

import pytest

from policies.datadog import MONITOR as TYPE
from policies.datadog import MONITOR_JSON
from tests.policies.conftest import UNKNOWN, Said, changed
from tests.policies.fixtures import MONITOR
from tests.policies.monitors import as_json


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
    assert said("alert-threshold-mismatch", MONITOR_JSON, {"monitor": UNKNOWN}) == ["unknown: monitor"]


def test_a_window_is_at_most_what_is_configured(said: Said) -> None:
    policy, long = "alert-window-too-long", changed(MONITOR, query="min(last_10m):sum:errors{*} > 0.01")
    expected = ["query is 'min(last_10m):sum:errors{*} > 0.01', 10 minutes; use at most 5"]
    assert said(policy, TYPE, long) == []
    assert said(policy, TYPE, long, minutes=5) == expected
    assert said(policy, TYPE, long, byName={"HighErrorRate": 5}) == expected
    assert said(policy, TYPE, long, byName={"HighErrorRate": 5}, minutes=4) == [
        expected[0].replace("most 5", "most 4")
    ]
    assert said(policy, TYPE, long, byName={"ErrorRate": 5}) == []
    assert said(policy, TYPE, changed(MONITOR, query="min(last_2d):sum:errors{*} > 0.01")) == [
        "query is 'min(last_2d):sum:errors{*} > 0.01', 2880 minutes; use at most 1440"
    ]

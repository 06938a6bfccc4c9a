from typing import Any

import pytest

from policies.model.datadog_monitors import MONITOR as TYPE
from policies.model.datadog_monitors import MONITOR_JSON
from tests.support.policies.fixtures import MONITOR
from tests.support.policies.monitors import as_json
from tests.support.policies.pytest_fixtures import MessagesOf, changed


@pytest.mark.parametrize(
    ("policy", "changes", "expected"),
    [
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
        ("alert-draft", {"draftStatus": "draft"}, "draftStatus is 'draft'; set it to 'published'"),
        ("alert-muted-monitor", {"silenced": {"*": 0}}, "silenced is {'*': 0}; remove it"),
    ],
)
def test_one_change_to_a_monitor_is_named(
    messages_of: MessagesOf, policy: str, changes: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, TYPE, changed(MONITOR, **changes)) == [expected]


def test_a_monitor_in_json_is_judged_alike(messages_of: MessagesOf) -> None:
    assert messages_of("alert-draft", MONITOR_JSON, as_json(draft_status="draft")) == [
        "monitor.draft_status is 'draft'; set it to 'published'"
    ]
    assert messages_of("alert-no-data-undecided", MONITOR_JSON, as_json(options__notify_no_data=None)) == [
        "monitor.options.notify_no_data is not set; set it to true, or say in onMissingData what happens"
    ]


def test_no_data_is_no_question_for_an_objective(messages_of: MessagesOf) -> None:
    assert (
        messages_of("alert-no-data-undecided", TYPE, changed(MONITOR, type="slo alert", notifyNoData=None))
        == []
    )
    decided = changed(MONITOR, notifyNoData=None, onMissingData="resolve")
    assert messages_of("alert-no-data-undecided", TYPE, decided) == []
    in_time = changed(MONITOR, notifyNoData=True, noDataTimeframe=10)
    assert messages_of("alert-no-data-undecided", TYPE, in_time) == []


def test_a_downtime_ends(messages_of: MessagesOf) -> None:
    kind, old = "datadog:index/downtimeSchedule:DowntimeSchedule", "datadog:index/downtime:Downtime"
    policy = "alert-muted-for-ever"
    assert messages_of(policy, kind, {"oneTimeSchedule": {"end": "2026-01-01T00:00:00Z"}}) == []
    assert messages_of(policy, kind, {"recurringSchedule": {"recurrences": []}}) == []
    assert messages_of(policy, kind, {"oneTimeSchedule": {"start": "2026-01-01T00:00:00Z"}}) == [
        "oneTimeSchedule.end is not set; set it to the moment at which the work is over"
    ]
    assert messages_of(policy, old, {"end": 1735689600}) == []
    assert messages_of(policy, old, {"endDate": "2026-01-01"}) == []
    assert messages_of(policy, old, {}) == [
        "endDate is not set; set it to the moment at which the work is over"
    ]


@pytest.mark.parametrize("kind", ["log alert", "rum alert", "error-tracking alert"])
def test_a_monitor_of_events_says_what_their_absence_means(messages_of: MessagesOf, kind: str) -> None:
    bare = changed(MONITOR, type=kind, notifyNoData=None)
    assert messages_of("alert-no-data-undecided", TYPE, bare) == [
        "notifyNoData is not set; set it to true, or say in onMissingData what happens"
    ]
    assert messages_of("alert-no-data-undecided", TYPE, {**bare, "onMissingData": "resolve"}) == []


def test_a_service_check_has_no_on_missing_data(messages_of: MessagesOf) -> None:
    check = changed(MONITOR, type="service check", query='"a".over("*").last(2)', notifyNoData=None)
    assert messages_of("alert-no-data-undecided", TYPE, {**check, "onMissingData": "resolve"}) == [
        "notifyNoData is not set; set it to true or false"
    ]

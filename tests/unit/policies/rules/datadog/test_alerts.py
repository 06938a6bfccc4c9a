from typing import Any

import pytest

from policies.engine.catalog import RULES
from policies.model.datadog_monitors import MONITOR as TYPE
from policies.model.datadog_monitors import MONITOR_JSON
from tests.support.policies.fixtures import MONITOR
from tests.support.policies.monitors import as_json
from tests.support.policies.pytest_fixtures import MessagesOf, changed, secret

MONITOR_RULES = [rule.name for rule in RULES if TYPE in rule.types]


@pytest.mark.parametrize("policy", MONITOR_RULES)
def test_a_good_monitor_passes_every_rule_in_both_forms(messages_of: MessagesOf, policy: str) -> None:
    assert messages_of(policy, TYPE, MONITOR) == []
    assert messages_of(policy, MONITOR_JSON, as_json()) == []


@pytest.mark.parametrize(
    ("policy", "changes", "expected"),
    [
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
            "alert-critical-not-renotified",
            {"renotifyInterval": 0},
            "renotifyInterval is 0; set it to minutes above 0",
        ),
        (
            "alert-critical-not-renotified",
            {"renotifyInterval": None, "tags": ["env:prod"]},
            "renotifyInterval is not set; set it to minutes above 0",
        ),
    ],
)
def test_one_change_to_a_monitor_is_named(
    messages_of: MessagesOf, policy: str, changes: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, TYPE, changed(MONITOR, **changes)) == [expected]


def test_the_targets_of_an_environment_are_configured(messages_of: MessagesOf) -> None:
    assert messages_of("alert-without-target", TYPE, MONITOR, targets=["@pagerduty-.*"]) == []
    assert messages_of("alert-without-target", TYPE, MONITOR, targets=["@slack-dev", "@slack-qa"]) == [
        "message is for @pagerduty-pipe, which this environment does not have; use @slack-dev or @slack-qa"
    ]


def test_a_monitor_without_urgency_needs_neither_priority_nor_renotification(messages_of: MessagesOf) -> None:
    calm = changed(MONITOR, tags=["severity:warning"], priority="3", renotifyInterval=None)
    assert messages_of("alert-critical-without-priority", TYPE, calm) == []
    assert messages_of("alert-critical-not-renotified", TYPE, calm) == []


def test_a_handle_in_a_secret_message_is_not_named(messages_of: MessagesOf) -> None:
    props = changed(MONITOR, message=secret("@webhook-hunter2 https://x"))
    assert messages_of("alert-without-target", TYPE, props, targets=["@pagerduty"]) == [
        "message is for [secret], which this environment does not have; use @pagerduty"
    ]

"""Tests of the recipients that notification rules add, and of the runbooks of monitors."""

import pytest

from policies.model.datadog_monitors import MONITOR, monitor
from policies.model.datadog_notification_rules import NOTIFICATION_RULE, recipients
from policies.model.property_values import UnknownValueError
from tests.support.policies.pytest_fixtures import resource
from tests.support.rows import each_row

TAGS = ["env:prod", "service:api"]


@each_row(
    ("properties", "handles"),
    [
        ({"filter": {"tags": ["env:prod"]}, "recipients": ["slack-a"]}, ["@slack-a"]),
        ({"filter": {"scope": "env:prod AND service:api"}, "recipients": ["slack-a"]}, ["@slack-a"]),
        ({"filter": {"tags": ["env:dev"]}, "recipients": ["slack-a"]}, []),
        ({"filter": {}, "recipients": ["slack-a"]}, []),
        (
            {
                "filter": {"tags": ["env:prod"]},
                "conditionalRecipients": {
                    "fallbackRecipients": ["mail"],
                    "conditions": [
                        {"scope": "transition_type:is_alert", "recipients": ["pager"]},
                        {"scope": "transition_type:alert", "recipients": ["phone"]},
                        {"scope": "service:api", "recipients": ["team"]},
                        {"scope": "transition_type:is_warning", "recipients": ["chat"]},
                    ],
                },
            },
            ["@mail", "@pager", "@phone", "@team"],
        ),
    ],
)
def test_a_rule_adds_recipients_to_the_alerts_that_it_matches(
    properties: dict[str, object], handles: list[str]
) -> None:
    assert recipients(resource(NOTIFICATION_RULE, properties), TAGS) == handles


def test_a_scope_with_another_operator_is_unknown() -> None:
    rule = resource(NOTIFICATION_RULE, {"filter": {"scope": "env:prod OR env:dev"}})
    with pytest.raises(UnknownValueError):
        recipients(rule, TAGS)


def test_a_notebook_of_datadog_is_a_runbook_with_an_address() -> None:
    assets = [
        {"category": "runbook", "url": "/notebook/1"},
        {"category": "runbook", "url": "https://pipe.dev/runbook"},
        {"category": "other", "url": "https://pipe.dev/other"},
    ]
    assert monitor(resource(MONITOR, {"assets": assets})).runbooks == [
        "https://app.datadoghq.com/notebook/1",
        "https://pipe.dev/runbook",
    ]

"""Tests of the topic whose messages are e-mailed."""

import json

import pytest

from tests.support.components.iam import statements, verdict
from tests.support.foundation.baseline import EMAILS, DeclareBaseline, only

RULE = "arn:aws:events:ap-northeast-1:123456789012:rule/pipe-break-glass-use"
TOPIC = "arn:aws:sns:ap-northeast-1:123456789012:pipe-alerts"
KEY = ("aws:kms/key:Key", "alerts")


def test_each_address_is_subscribed(declare_baseline: DeclareBaseline) -> None:
    subscriptions = declare_baseline().of_type("aws:sns/topicSubscription:TopicSubscription")
    assert {name: (item["protocol"], item["endpoint"]) for name, item in subscriptions.items()} == {
        f"alerts-{email}": ("email", email) for email in EMAILS
    }


def test_messages_are_encrypted_with_a_rotating_key(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline()
    assert only(recorder, "aws:sns/topic:Topic")["kmsMasterKeyId"] == "arn:aws:mock:::alerts"
    assert recorder.inputs[KEY]["enableKeyRotation"] is True


@pytest.mark.parametrize(
    ("source", "account", "expected"),
    [
        (RULE, "123456789012", "allow"),
        (RULE.replace("pipe-break", "other"), "123456789012", "nothing"),
        (RULE.replace("123456789012", "999999999999"), "999999999999", "nothing"),
    ],
)
def test_only_rules_of_the_account_publish_and_use_the_key(
    declare_baseline: DeclareBaseline, source: str, account: str, expected: str
) -> None:
    recorder = declare_baseline()
    context = {"aws:SourceArn": source, "aws:SourceAccount": account}
    topic = only(recorder, "aws:sns/topic:Topic")["policy"]
    assert verdict([topic], "sns:Publish", TOPIC, context) == expected
    rules_use_key = statements(recorder.inputs[KEY]["policy"])["RulesUseKey"]
    document = json.dumps({"Statement": [rules_use_key]})
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert verdict([document], action, "*", context) == expected


def test_every_rule_has_a_target(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline()
    rules = {rule["name"] for rule in recorder.of_type("aws:cloudwatch/eventRule:EventRule").values()}
    targets = {
        target["rule"]: target["arn"]
        for target in recorder.of_type("aws:cloudwatch/eventTarget:EventTarget").values()
    }
    assert targets == {
        "pipe-guardduty-findings": "arn:aws:mock:::alerts",
        "pipe-failed-backups": "arn:aws:mock:::alerts",
        "pipe-database-failures": "arn:aws:mock:::alerts",
        "pipe-break-glass-use": "arn:aws:mock:::alerts",
        "pipe-break-glass-forward": "arn:aws:events:ap-northeast-1:123456789012:event-bus/default",
    }
    assert rules == set(targets)


def test_no_topic_is_declared_if_nothing_publishes(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(
        guardDuty={"enabled": False}, breakGlass={"principals": []}, serviceFailures=False
    )
    assert recorder.of_type("aws:sns/topic:Topic") == {}


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_the_key(declare_baseline: DeclareBaseline, protect: bool) -> None:
    assert (KEY in declare_baseline(protect=protect).protected) is protect

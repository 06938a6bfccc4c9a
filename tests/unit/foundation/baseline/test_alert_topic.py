"""Tests of the topic whose messages are e-mailed."""

import json

import pytest

from tests.support.components.iam import statements, verdict
from tests.support.foundation.baseline import EMAILS, DeclareBaseline, only

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


def test_rules_publish_and_use_the_key_without_any_context(declare_baseline: DeclareBaseline) -> None:
    """AWS supports no condition for EventBridge, neither in the topic's policy nor in the key's."""
    recorder = declare_baseline()
    topic = only(recorder, "aws:sns/topic:Topic")["policy"]
    assert verdict([topic], "sns:Publish", TOPIC, {}) == "allow"
    assert verdict([topic], "sns:Publish", TOPIC.replace("alerts", "other"), {}) == "nothing"
    assert verdict([topic], "sns:Subscribe", TOPIC, {}) == "nothing"
    [publish] = statements(topic).values()
    rules_use_key = statements(recorder.inputs[KEY]["policy"])["RulesUseKey"]
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert verdict([json.dumps({"Statement": [rules_use_key]})], action, "*", {}) == "allow"
    for statement in (publish, rules_use_key):
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}


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

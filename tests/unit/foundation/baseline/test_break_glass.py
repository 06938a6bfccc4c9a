"""Tests of the emergency role and of the alarm on its use."""

import json
from typing import Any

import pytest

from tests.support.components.fixtures import Recorder
from tests.support.components.iam import trust, verdict
from tests.support.foundation.baseline import USERS, DeclareBaseline, matches

ROLE = ("aws:iam/role:Role", "break-glass")
ROLE_ARN = "arn:aws:iam::123456789012:role/pipe-break-glass"
MFA = {"aws:MultiFactorAuthPresent": "true"}
TOKYO = {"aws:RequestedRegion": "ap-northeast-1"}


def assume(recorder: Recorder, context: dict[str, str]) -> str:
    statement = trust(recorder.inputs[ROLE]) | {"Resource": "*"}
    return verdict([json.dumps({"Statement": [statement]})], "sts:AssumeRole", "*", context)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (MFA | TOKYO, "allow"),
        (MFA | {"aws:RequestedRegion": "us-east-1"}, "allow"),
        (TOKYO, "nothing"),
        ({"aws:MultiFactorAuthPresent": "false"} | TOKYO, "nothing"),
        # No rule would see a session from here.
        (MFA | {"aws:RequestedRegion": "eu-west-1"}, "nothing"),
    ],
)
def test_a_session_needs_mfa_and_a_region_with_an_alarm(
    declare_baseline: DeclareBaseline, context: dict[str, str], expected: str
) -> None:
    assert assume(declare_baseline(), context) == expected


def test_only_named_users_are_trusted_for_a_short_session(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(breakGlass={"principals": USERS, "sessionHours": 2})
    assert trust(recorder.inputs[ROLE])["Principal"] == {"AWS": USERS}
    assert recorder.inputs[ROLE]["maxSessionDuration"] == 7200


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudtrail:StopLogging", "arn:aws:cloudtrail:ap-northeast-1:123456789012:trail/pipe-trail"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-trail-123456789012/AWSLogs/x"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::pipe-trail-123456789012-copy"),
        ("s3:BypassGovernanceRetention", "arn:aws:s3:::pipe-trail-123456789012-copy/AWSLogs/x"),
    ],
)
def test_the_records_are_kept_from_the_administrator(
    declare_baseline: DeclareBaseline, action: str, resource: str
) -> None:
    recorder = declare_baseline()
    [attached] = recorder.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    assert attached["policyArn"] == "arn:aws:iam::aws:policy/AdministratorAccess"
    policy = recorder.inputs["aws:iam/rolePolicy:RolePolicy", "break-glass"]["policy"]
    administrator = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    assert verdict([administrator, policy], action, resource, {}) == "deny KeepRecords"
    assert verdict([administrator, policy], "s3:PutBucketPolicy", "arn:aws:s3:::pipe-backup", {}) == "allow"


def assumed(role: str = ROLE_ARN) -> dict[str, Any]:
    """Return the members of CloudTrail's record that identify an AssumeRole."""
    return {
        "source": "aws.sts",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "readOnly": True,
            "userIdentity": {"type": "IAMUser", "arn": USERS[0]},
            "requestParameters": {"roleArn": role, "roleSessionName": "operator"},
        },
    }


def switched(role: str = "pipe-break-glass") -> dict[str, Any]:
    """Return the members of CloudTrail's record that identify a switch of roles in the console."""
    return {
        "source": "aws.signin",
        "detail-type": "AWS Console Sign In via CloudTrail",
        "detail": {
            "eventSource": "signin.amazonaws.com",
            "eventName": "SwitchRole",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": f"arn:aws:sts::123456789012:assumed-role/{role}/operator",
            },
            "requestParameters": None,
        },
    }


@pytest.mark.parametrize("rule", ["pipe-break-glass-use", "pipe-break-glass-forward"])
@pytest.mark.parametrize(
    ("event", "matched"),
    [
        (assumed(), True),
        (switched(), True),
        (assumed("arn:aws:iam::123456789012:role/pipe-operators"), False),
        (switched("pipe-break-glass-forward"), False),
        (assumed() | {"source": "aws.iam"}, False),
    ],
)
def test_each_use_of_the_role_is_published(
    declare_baseline: DeclareBaseline, rule: str, event: dict[str, Any], matched: bool
) -> None:
    assert matches(declare_baseline(), rule, event) is matched


def test_the_rules_see_read_only_events(declare_baseline: DeclareBaseline) -> None:
    for rule in declare_baseline().of_type("aws:cloudwatch/eventRule:EventRule").values():
        assert rule["state"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def test_the_global_endpoint_of_sts_is_watched_in_its_own_region(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline()
    for typ in ("aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"):
        assert "break-glass-global" in recorder.providers[typ, "break-glass-forward"]
        assert "break-glass-global" not in recorder.providers[typ, "break-glass-use"]
    assert recorder.inputs["pulumi:providers:aws", "break-glass-global"]["region"] == "us-east-1"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("arn:aws:events:us-east-1:123456789012:rule/pipe-break-glass-forward", "allow"),
        ("arn:aws:events:us-east-1:123456789012:rule/other", "nothing"),
    ],
)
def test_only_the_rule_sends_events_between_the_regions(
    declare_baseline: DeclareBaseline, source: str, expected: str
) -> None:
    recorder = declare_baseline()
    statement = trust(recorder.inputs["aws:iam/role:Role", "break-glass-forward"]) | {"Resource": "*"}
    context = {"aws:SourceArn": source, "aws:SourceAccount": "123456789012"}
    assert verdict([json.dumps({"Statement": [statement]})], "sts:AssumeRole", "*", context) == expected
    policy = recorder.inputs["aws:iam/rolePolicy:RolePolicy", "break-glass-forward"]["policy"]
    bus = "arn:aws:events:ap-northeast-1:123456789012:event-bus/default"
    assert verdict([policy], "events:PutEvents", bus, {}) == "allow"


def test_no_users_make_no_role(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(breakGlass={"principals": []})
    assert ROLE not in recorder.inputs

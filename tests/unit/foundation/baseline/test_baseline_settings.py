"""Tests of the settings of an account's guards."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.settings.json_schema import describe_allowed
from foundation.settings.models.baseline import Baseline, conflicts
from tests.support.foundation.baseline import EMAILS, settings


def test_only_the_addresses_are_required() -> None:
    baseline = Baseline.model_validate({"emails": EMAILS})
    assert baseline.emails == EMAILS
    assert not baseline.break_glass.principals


def test_every_guard_is_on_by_default() -> None:
    baseline = Baseline.model_validate({"emails": EMAILS})
    guards = [
        baseline.public_access_block,
        baseline.ebs_encryption,
        baseline.access_analyzer,
        baseline.guard_duty.enabled,
        baseline.guard_duty.eks_audit_logs,
        baseline.guard_duty.runtime_monitoring,
        baseline.guard_duty.rds_logins,
        baseline.guard_duty.s3_data_events,
        baseline.trail.enabled,
        baseline.budget.enabled,
        baseline.anomalies.enabled,
        baseline.password_policy.enabled,
    ]
    assert all(guards)
    assert baseline.trail.lock_mode == "COMPLIANCE"


@pytest.mark.parametrize(
    "changes",
    [
        {"emails": []},
        {"emails": ["platform"]},
        {"emails": [f"a{number}@pipe.dev" for number in range(11)]},
        {"breakGlass": {"principals": ["arn:aws:iam::123456789012:role/admin"]}},
        {"breakGlass": {"sessionHours": 13}},
        {"trail": {"lockMode": "NONE"}},
        {"passwordPolicy": {"minimumLength": 13}},
        {"anomalies": {"monitorArn": "default"}},
        {"guardDuty": {"alertSeverity": 0}},
        {"budget": {"actualPercents": [80, 80]}},
        {"budget": {"monthlyUsd": 0}},
    ],
)
def test_an_invalid_value_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def test_valid_settings_do_not_conflict() -> None:
    assert [*conflicts(settings())] == []


def test_a_record_is_not_deleted_before_its_lock_ends() -> None:
    baseline = settings(trail={"lockDays": 365, "retentionDays": 364})
    assert [*conflicts(baseline)] == [
        (("trail", "retentionDays"), 364, "at least 365, as in trail.lockDays", 365)
    ]


def test_the_emergency_role_needs_a_trail() -> None:
    allowed = (
        "true while breakGlass names principals, since the alarm on the role reads the events of a trail"
    )
    assert [*conflicts(settings(trail={"enabled": False}))] == [(("trail", "enabled"), False, allowed, True)]


def test_each_setting_has_a_description_and_allowed_values() -> None:
    schema = Baseline.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, node in model["properties"].items():
            assert node.get("description") or "$ref" in node, name
            assert "$ref" in node or describe_allowed(node), name

"""Tests of the e-mails about failures of AWS services."""

from typing import Any

import pytest

from tests.support.foundation.baseline import DeclareBaseline, matches


def backup_event(kind: str, state: str) -> dict[str, Any]:
    return {"source": "aws.backup", "detail-type": f"{kind} State Change", "detail": {"state": state}}


@pytest.mark.parametrize(
    ("kind", "state", "matched"),
    [
        ("Backup Job", "FAILED", True),
        ("Backup Job", "EXPIRED", True),
        ("Backup Job", "ABORTED", True),
        ("Copy Job", "FAILED", True),
        ("Copy Job", "PARTIAL", True),
        ("Copy Job", "COMPLETED", False),
        ("Backup Job", "RUNNING", False),
    ],
)
def test_backups_and_copies_that_did_not_complete_are_published(
    declare_baseline: DeclareBaseline, kind: str, state: str, matched: bool
) -> None:
    assert matches(declare_baseline(), "pipe-failed-backups", backup_event(kind, state)) is matched


@pytest.mark.parametrize(
    ("category", "matched"), [("failure", True), ("low storage", True), ("backup", False)]
)
def test_failures_of_databases_are_published(
    declare_baseline: DeclareBaseline, category: str, matched: bool
) -> None:
    event = {
        "source": "aws.rds",
        "detail-type": "RDS DB Instance Event",
        "detail": {"EventCategories": [category], "SourceType": "DB_INSTANCE"},
    }
    assert matches(declare_baseline(), "pipe-database-failures", event) is matched


def test_failures_are_not_published_if_the_setting_is_off(declare_baseline: DeclareBaseline) -> None:
    rules = declare_baseline(serviceFailures=False).of_type("aws:cloudwatch/eventRule:EventRule")
    assert {rule["name"] for rule in rules.values()} == {
        "pipe-guardduty-findings",
        "pipe-break-glass-use",
        "pipe-break-glass-forward",
    }

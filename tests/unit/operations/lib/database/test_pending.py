"""Tests of the changes of a database that wait, and of its maintenance window."""

from datetime import UTC, datetime

import pytest

from operations.lib.database.pending import Pending, window


@pytest.mark.parametrize(
    ("text", "now", "start", "end"),
    [
        ("sat:20:30-sat:21:30", "2026-11-27T15:00", "2026-11-28T20:30", "2026-11-28T21:30"),
        ("sat:20:30-sat:21:30", "2026-11-28T20:30", "2026-11-28T20:30", "2026-11-28T21:30"),
        ("sat:20:30-sat:21:30", "2026-11-28T21:30", "2026-12-05T20:30", "2026-12-05T21:30"),
        ("sun:23:30-mon:00:30", "2026-11-30T00:10", "2026-11-29T23:30", "2026-11-30T00:30"),
        ("sun:23:30-mon:00:30", "2026-11-30T00:30", "2026-12-06T23:30", "2026-12-07T00:30"),
    ],
)
def test_the_window_that_is_open_or_comes_next(text: str, now: str, start: str, end: str) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert window(text, moment(now)) == (moment(start), moment(end))


def test_each_change_says_when_it_takes_effect_by_itself() -> None:
    actions = (
        {"Action": "system-update", "Description": "Security", "CurrentApplyDate": datetime(2026, 12, 5, 20)},
        {"Action": "db-upgrade", "Description": "PostgreSQL 17.8"},
    )
    assert Pending({"MultiAZ": True}, ("pipe-dev-db-postgres17",), actions).lines() == [
        "MultiAZ: True, in the maintenance window",
        "parameters of pipe-dev-db-postgres17: only after a reboot, never by RDS",
        "maintenance system-update: Security, on 2026-12-05",
        "maintenance db-upgrade: PostgreSQL 17.8, when somebody applies it",
    ]
    assert not Pending({}, (), ())

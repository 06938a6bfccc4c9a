"""Tests of the checks before a deployment and of their record."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from operations.delivery import checks
from operations.lib.command_line import Options
from operations.lib.errors import RefusedError
from operations.lib.run_log import RunLog

REAL = Options("dev", "real", False, True, {})
TREE = "1" * 40
PASS = {"at": "2026-11-28T10:00:00Z", "seconds": 1.5}
ALL = dict.fromkeys(checks.COMMANDS, PASS)
MAKE = [" ".join(command) for command in checks.COMMANDS.values()]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Provide the list of the commands that the checks run, for a checkout with the content TREE."""
    commands: list[str] = []

    def follow(_log: RunLog, *command: str, only: Collection[str]) -> None:
        assert only == checks.VARIABLES
        commands.append(" ".join(command))

    repository = MagicMock()
    repository.return_value.content.return_value = TREE
    repository.return_value.changed.return_value = []
    monkeypatch.setattr(checks, "Repository", repository)
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(RunLog, "follow", follow)
    return commands


def run(record: Any = None, *, only_passed: bool = False) -> None:
    if record is not None:
        (checks.ROOT / ".runs").mkdir(exist_ok=True)
        (checks.ROOT / checks.RECORD).write_text(record if isinstance(record, str) else json.dumps(record))
    checks.run(RunLog("deploy", REAL), REAL, only_passed=only_passed)


def test_a_check_that_has_passed_runs_only_after_the_content_changes(commands: list[str]) -> None:
    run()
    assert commands == MAKE
    run()
    assert commands == MAKE
    recorded = json.loads((checks.ROOT / checks.RECORD).read_text())
    run({"2" * 40: recorded[TREE]})
    assert commands == MAKE * 2


@pytest.mark.parametrize(
    "record",
    [
        "{",
        "[]",
        {TREE: []},
        {TREE: ALL | {"tests": {"at": "2026-11-28T10:00:00Z"}}},
        {TREE: ALL | {"tests": PASS | {"at": "now\n::add-mask::x"}}},
        {TREE: ALL | {"tests": PASS | {"at": "2026-11-28T10:00:00Z\n"}}},
        {TREE: ALL | {"tests": PASS | {"more": 1}}},
    ],
    ids=["no-json", "list", "no-checks", "no-duration", "text", "line-break", "unknown-key"],
)
def test_a_record_that_is_not_valid_counts_for_nothing(commands: list[str], record: Any) -> None:
    run(record)
    assert commands == MAKE


def test_a_job_with_credentials_runs_no_check(commands: list[str]) -> None:
    run({TREE: ALL}, only_passed=True)
    passed = {name: PASS for name in ALL if name != "tests"}
    message = r"^\.runs/checks\.json does not say that make [\w-]+ has passed for this content; "
    for record in ({TREE: passed}, {}, "{"):
        with pytest.raises(RefusedError, match=message):
            run(record, only_passed=True)
    assert commands == []


def test_the_checks_run_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "Repository", MagicMock())
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "COMMANDS", {"environment": ("env",)})
    names = ["AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "PULUMI_CONFIG_PASSPHRASE", "VERCEL_TOKEN", "GH_TOKEN"]
    for name in (*names, "SSH_AUTH_SOCK", "KUBECONFIG", "CLOUDFLARE_API_TOKEN", "DD_API_KEY"):
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("SANDBOX_DOWNLOADS", "never")
    log = RunLog("deploy", REAL)
    log.runner.variables["KUBECONFIG"] = "planted"
    checks.run(log, REAL)
    output = capfd.readouterr().out
    assert "SANDBOX_DOWNLOADS=never" in output and "PATH=" in output
    assert "planted" not in output

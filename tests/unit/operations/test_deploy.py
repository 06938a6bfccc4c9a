"""Tests of a deployment's journal and of its rollback."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from operations import deploy
from operations.deploy import Journal
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog
from tests.support.operations.deploying import NEW
from tests.support.operations.environment import OLD

REAL = Options("dev", "real", False, True, {"edge": {"frontendHost": "app-dev.pipe.dev"}})


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    return tmp_path


class Run:
    """A run whose log has a fake npm, Vercel and Pulumi, and whose cluster is not reached."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = RunLog("deploy", REAL)
        self.served = "dpl_old"
        """ID of the deployment that Vercel serves."""
        self.journals: list[Journal | None] = []
        """The journal's file at each deployment to Vercel."""
        self.failures: dict[str, BaseException] = {}
        """Errors by the command that raises them, after its effect."""
        self.commands: list[str] = []
        monkeypatch.setattr(self.log, "follow", self._follow)
        monkeypatch.setattr(self.log.runner, "read", self._read)
        monkeypatch.setattr(deploy, "bring_up", self._step("pulumi up"))
        monkeypatch.setattr(deploy, "undo_api", self._step("undo the API"))
        monkeypatch.setattr(deploy.health, "check_deployment", self._step("check"))
        monkeypatch.setattr(deploy, "Releases", MagicMock())

    def _follow(self, *command: str, only: object = None) -> None:
        if command[0] == "npm":
            self._run(" ".join(["npm", *command[3:]]))
            return
        name, *arguments = command[5:]
        if name == "deploy":
            self.journals.append(deploy.read_journal("dev"))
            self.served = "dpl_new"
        elif name == "rollback":
            [self.served] = arguments
        self._run(f"vercel {name}")

    def _read(self, *command: str) -> str:
        assert command[5] == "inspect"
        return json.dumps({"id": self.served})

    def _step(self, name: str) -> Callable[..., str]:
        def step(*_: object) -> str:
            return self._run(name)

        return step

    def _run(self, command: str) -> str:
        self.commands.append(command)
        if command in self.failures:
            raise self.failures[command]
        return ""

    def deploy(self, journal: Journal) -> str:
        """Deploy without checks beforehand; return the error, or an empty text."""
        arguments = argparse.Namespace(skip_checks=True, version=None, skip_frontend=False, soak=0.0)
        nothing: Any = MagicMock()
        try:
            deploy.deploy(self.log, nothing, REAL, arguments, nothing, journal)
        except FailedError as error:
            return str(error)
        return ""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def new_journal() -> Journal:
    return Journal("1.1.0", "real", before=OLD, migrates=True, image=NEW)


def test_a_journal_is_read_as_it_was_saved() -> None:
    assert deploy.read_journal("dev") is None
    new_journal().save(REAL)
    assert deploy.read_journal("dev") == new_journal()


ENTRIES = asdict(new_journal())
"""The entries of a journal's file."""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (json.dumps(ENTRIES)[:-20], "JSONDecodeError"),
        ("", "JSONDecodeError"),
        ("[]", "KeyError"),
        (
            json.dumps({name: ENTRIES[name] for name in ("version", "target", "before", "migrates")}),
            "KeyError",
        ),
        (json.dumps(ENTRIES | {"unknown": 1}), "TypeError"),
    ],
    ids=["truncated", "empty", "list", "older", "newer"],
)
def test_a_file_that_is_not_a_journal_is_refused_and_kept(text: str, error: str) -> None:
    file = deploy.journal_file("dev")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(RefusedError) as raised:
        deploy.read_journal("dev")
    assert str(raised.value) == (
        f".runs/dev/unfinished.json is not a journal of a deployment ({error}); to start a new deployment:"
        " git checkout Pulumi.dev.yaml && rm .runs/dev/unfinished.json"
    )
    assert file.read_text() == text


def test_a_journal_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(file: Path) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_text", forbid)
    with pytest.raises(RefusedError) as raised:
        deploy.read_journal("dev")
    assert str(raised.value) == (
        ".runs/dev/unfinished.json, the journal of an interrupted deployment, cannot be read (Permission"
        " denied); to make it readable: sudo chown -R $USER .runs/dev"
    )


def test_the_frontend_to_restore_is_recorded_before_vercel_gets_the_new_one(run: Run) -> None:
    assert run.deploy(new_journal()) == ""
    [journal] = run.journals
    assert journal and journal.has_started_frontend and not journal.frontend
    assert journal.previous_frontend == "dpl_old"
    assert run.served == "dpl_new"
    assert deploy.read_journal("dev") is None


def test_a_frontend_that_fails_after_vercel_serves_it_is_rolled_back(run: Run) -> None:
    run.failures["vercel deploy"] = FailedError("vercel failed")
    message = "vercel failed\nThe previous frontend is served, and this run did not change the API."
    assert run.deploy(new_journal()) == message
    assert run.served == "dpl_old"
    assert run.commands == ["npm ci", "npm run build", "vercel deploy", "vercel rollback"]


def test_a_frontend_that_cannot_be_rolled_back_is_reported(run: Run) -> None:
    run.failures["vercel deploy"] = FailedError("vercel failed")
    run.failures["vercel rollback"] = FailedError("no answer")
    message = "vercel failed\nNot rolled back: the new frontend may still be served: no answer"
    assert run.deploy(new_journal()) == message


def test_a_frontend_that_cannot_be_built_causes_no_rollback(run: Run) -> None:
    run.failures["npm run build"] = FailedError("npm failed")
    assert run.deploy(new_journal()) == "npm failed"
    assert run.commands == ["npm ci", "npm run build"]


def test_an_interrupted_frontend_is_deployed_again_and_the_one_before_it_is_restored(run: Run) -> None:
    run.failures["vercel deploy"] = KeyboardInterrupt()
    journal = new_journal()
    with pytest.raises(KeyboardInterrupt):
        run.deploy(journal)
    assert (run.served, deploy.read_journal("dev")) == ("dpl_new", journal)
    run.served = "dpl_interrupted"
    run.failures = {"check": FailedError("unhealthy")}
    assert "Rolled back: dev runs 1.0.0 again" in run.deploy(journal)
    assert run.served == "dpl_old"


@pytest.mark.parametrize("step", ["pulumi up", "check"])
def test_a_refusal_after_the_first_change_is_a_failure_and_rolls_back(run: Run, step: str) -> None:
    run.failures[step] = RefusedError("refused")
    assert run.deploy(new_journal()) == "refused\nRolled back: dev runs 1.0.0 again"
    assert run.commands[-2:] == ["undo the API", "vercel rollback"]
    assert run.served == "dpl_old"

"""Tests of a deployment and of its rollback, with fakes of Vercel, Pulumi and the cluster."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from operations.delivery import deploy, failed_deployment
from operations.delivery.journal import Journal, read_journal
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog
from operations.lib.services import frontend
from tests.support.operations.deploying import NAME, NEW, ConfigMaps, interrupted, new_journal
from tests.support.operations.environment import DIGEST, OLD

REAL = Options("dev", "real", False, True, {"edge": {"frontendHost": "app-dev.pipe.dev"}})
NEXT = f"{NAME}:1.2.0@{DIGEST}"


pytestmark = pytest.mark.usefixtures("root")


class Run:
    """A run with a fake Vercel and Pulumi, and a cluster that keeps the journal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = RunLog("deploy", REAL)
        self.served = "dpl_old"
        """ID of the deployment that Vercel serves."""
        self.cluster = ConfigMaps()
        self.journals: list[Journal | None] = []
        """Journal in the cluster at each deployment to Vercel."""
        self.failures: dict[str, BaseException] = {}
        """Errors that a command raises after it has taken effect, by command."""
        self.commands: list[str] = []
        self.outputs: list[str] = []
        """First outputs of `vercel inspect`; later outputs name the served deployment."""
        monkeypatch.setattr(self.log, "follow", self._follow)
        monkeypatch.setattr(self.log.runner, "read", self._read)
        monkeypatch.setattr(deploy, "bring_up", self._step("pulumi up"))
        monkeypatch.setattr(failed_deployment, "restore_api", self._step("undo the API"))
        monkeypatch.setattr(deploy.health, "check_deployment", self._step("check"))
        monkeypatch.setattr(deploy, "Releases", MagicMock())

    def _follow(self, *command: str, only: object = None) -> None:
        name, *arguments = command[5:]
        if name == "deploy":
            self.journals.append(read_journal(self.cluster, "dev"))
            self.served = "dpl_new"
        elif name == "rollback":
            [self.served] = arguments
        self._run(f"vercel {name}")

    def _read(self, *command: str) -> str:
        assert command[5] == "inspect"
        return self.outputs.pop(0) if self.outputs else json.dumps({"id": self.served})

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
        """Deploy without checks beforehand; return the error, or an empty string."""
        arguments = argparse.Namespace(skip_checks=True, version=None, skip_frontend=False, soak=0.0)
        nothing: Any = MagicMock()
        try:
            deploy.deploy(self.log, self.cluster, REAL, arguments, nothing, journal)
        except FailedError as error:
            return str(error)
        return ""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_the_frontend_to_restore_is_recorded_before_vercel_gets_the_new_one(run: Run) -> None:
    assert run.deploy(new_journal()) == ""
    [journal] = run.journals
    assert journal and journal.has_started_frontend and not journal.frontend
    assert journal.previous_frontend == "dpl_old"
    assert run.served == "dpl_new"
    assert read_journal(run.cluster, "dev") is None


def test_a_frontend_that_fails_after_vercel_serves_it_is_rolled_back(run: Run) -> None:
    run.failures["vercel deploy"] = FailedError("vercel failed")
    message = "vercel failed\nThe previous frontend is served, and this run did not change the API."
    assert run.deploy(new_journal()) == message
    assert run.served == "dpl_old"
    assert run.commands == ["vercel deploy", "vercel rollback"]


def test_a_frontend_that_cannot_be_rolled_back_is_reported(run: Run) -> None:
    run.failures["vercel deploy"] = FailedError("vercel failed")
    run.failures["vercel rollback"] = FailedError("no answer")
    message = "vercel failed\nNot rolled back: the new frontend may still be served: no answer"
    assert run.deploy(new_journal()) == message


@pytest.mark.parametrize(
    ("output", "error"), [("Fetching", "JSONDecodeError"), ("{}", "KeyError"), ("[]", "TypeError")]
)
def test_an_unexpected_output_of_vercel_rolls_the_frontend_back(run: Run, output: str, error: str) -> None:
    run.outputs = [json.dumps({"id": "dpl_old"}), output]
    message = f"the output of vercel inspect names no deployment ({error}); to see it: vercel --cwd "
    assert run.deploy(new_journal()).startswith(message)
    assert run.served == "dpl_old"


def test_a_frontend_without_a_build_is_refused_before_any_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    for name in frontend.VERCEL_VARIABLES:
        monkeypatch.setenv(name, "set")
    output = tmp_path / "frontend" / ".vercel" / "output"
    with pytest.raises(RefusedError) as raised:
        frontend.check(REAL)
    assert str(raised.value) == (
        f"{output} has no build of the frontend, which a job of the workflow Deploy creates (python -m"
        " tools.build_frontend): build it, set FRONTEND to its folder, or add --skip-frontend"
    )
    output.mkdir(parents=True)
    (output / "config.json").write_text("{}")
    frontend.check(REAL)


def test_the_locked_cli_is_used_where_it_is_installed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def follow(*command: str, only: object) -> None:
        commands.append(command)

    monkeypatch.setattr(run.log, "follow", follow)
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    frontend.deploy(run.log, REAL, "")
    own = tmp_path / "tools" / "vercel" / "node_modules" / ".bin" / "vercel"
    own.parent.mkdir(parents=True)
    own.touch()
    frontend.deploy(run.log, REAL, "")
    assert [command[0] for command in commands] == ["vercel", str(own)]
    assert commands[1][5:] == ("deploy", "--prebuilt", "--prod", "--yes")


def test_an_interrupted_frontend_is_deployed_again_and_the_one_before_it_is_restored(run: Run) -> None:
    run.failures["vercel deploy"] = KeyboardInterrupt()
    journal = new_journal()
    with pytest.raises(KeyboardInterrupt):
        run.deploy(journal)
    assert (run.served, read_journal(run.cluster, "dev")) == ("dpl_new", journal)
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


def test_a_rollback_after_another_deployment_was_given_up_restores_the_frontend_before_both(
    run: Run, dev_file: Path
) -> None:
    journal = Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)
    deploy.give_up(run.log, REAL, interrupted(), journal)
    assert dev_file.read_text() == f"config:\n  pipe:api:\n    image: {OLD}\n    migrate: true\n"
    assert (journal.alerts, journal.errors, journal.has_baseline) == (["Before"], ["before #"], True)
    run.served = "dpl_given_up"
    run.failures["check"] = FailedError("unhealthy")
    assert run.deploy(journal) == "unhealthy\nRolled back: dev runs 1.0.0 again"
    assert run.commands.count("vercel deploy") == 1
    assert run.served == "dpl_old"


@pytest.mark.parametrize(
    "changes",
    [{"before": NEXT}, {"target": "sandbox"}, {"has_started_frontend": False, "frontend": False}],
    ids=["committed", "sandbox", "no-frontend"],
)
def test_a_given_up_deployment_that_left_no_frontend_of_its_own_changes_no_journal(
    run: Run, dev_file: Path, changes: dict[str, Any]
) -> None:
    journal = Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)
    deploy.give_up(run.log, REAL, replace(interrupted(), **changes), journal)
    assert journal == Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)


@pytest.mark.parametrize(
    ("committed", "version", "target", "continues"),
    [
        (OLD, "1.1.0", "real", True),
        (NEW, "1.1.0", "real", True),
        (OLD, "1.2.0", "real", False),
        (OLD, "1.1.0", "sandbox", False),
        (NEXT, "1.1.0", "real", False),
    ],
    ids=["uncommitted", "committed", "another-version", "sandbox", "replaced-since"],
)
def test_the_same_deployment_continues_unless_another_one_followed(
    committed: str, version: str, target: str, continues: bool
) -> None:
    journal = Journal(version, target, committed, migrates=True, image=committed)
    assert deploy.continues(interrupted(), journal) is continues


def test_a_journal_that_cannot_be_deleted_after_a_rollback_hides_no_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise FailedError("no answer")

    monkeypatch.setattr(run.cluster, "delete", fail)
    run.failures["check"] = FailedError("unhealthy")
    assert run.deploy(new_journal()) == "unhealthy\nRolled back: dev runs 1.0.0 again"

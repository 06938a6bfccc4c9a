"""Tests of a deployment's journal, of its rollback, and of the message after Ctrl-C."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from operations.delivery import deploy
from operations.delivery.deploy import Journal
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog
from operations.lib.services import frontend
from tests.support.operations.deploying import NAME, NEW
from tests.support.operations.environment import DIGEST, OLD

REAL = Options("dev", "real", False, True, {"edge": {"frontendHost": "app-dev.pipe.dev"}})
NEXT = f"{NAME}:1.2.0@{DIGEST}"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    monkeypatch.setattr(deploy.stack_file, "ROOT", tmp_path)
    return tmp_path


class Run:
    """A run with a fake Vercel and Pulumi, and without a cluster."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = RunLog("deploy", REAL)
        self.served = "dpl_old"
        """ID of the deployment that Vercel serves."""
        self.journals: list[Journal | None] = []
        """Journal in the file at each deployment to Vercel."""
        self.failures: dict[str, BaseException] = {}
        """Errors that a command raises after it has taken effect, by command."""
        self.commands: list[str] = []
        self.outputs: list[str] = []
        """First outputs of `vercel inspect`; later outputs name the served deployment."""
        monkeypatch.setattr(self.log, "follow", self._follow)
        monkeypatch.setattr(self.log.runner, "read", self._read)
        monkeypatch.setattr(deploy, "bring_up", self._step("pulumi up"))
        monkeypatch.setattr(deploy, "undo_api", self._step("undo the API"))
        monkeypatch.setattr(deploy.health, "check_deployment", self._step("check"))
        monkeypatch.setattr(deploy, "Releases", MagicMock())

    def _follow(self, *command: str, only: object = None) -> None:
        name, *arguments = command[5:]
        if name == "deploy":
            self.journals.append(deploy.read_journal("dev"))
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
"""Entries in the file of a journal."""


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


def interrupted(**changes: Any) -> Journal:
    """Return the journal of a deployment of 1.1.0 that was interrupted after its frontend."""
    journal = replace(new_journal(), has_started_frontend=True, frontend=True, previous_frontend="dpl_old")
    return replace(journal, alerts=["Before"], errors=["before #"], has_baseline=True, **changes)


@pytest.fixture
def stack_file(root: Path) -> Path:
    file = root / "Pulumi.dev.yaml"
    file.write_text(f"config:\n  pipe:api:\n    image: {NEW}\n    migrate: false\n")
    return file


def test_a_rollback_after_another_deployment_was_given_up_restores_the_frontend_before_both(
    run: Run, stack_file: Path
) -> None:
    journal = Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)
    deploy.give_up(run.log, REAL, interrupted(), journal)
    assert stack_file.read_text() == f"config:\n  pipe:api:\n    image: {OLD}\n    migrate: true\n"
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
    run: Run, stack_file: Path, changes: dict[str, Any]
) -> None:
    journal = Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)
    deploy.give_up(run.log, REAL, replace(interrupted(), **changes), journal)
    assert journal == Journal("1.2.0", "real", before=OLD, migrates=True, image=NEXT)


RESTORE = "To restore the previous frontend: vercel rollback dpl_old"
AGAIN = "To continue, run the same command again. To give up the deployment, "


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, [f"The new frontend is served. {RESTORE}", f"{AGAIN}restore the previous frontend."]),
        (
            {"frontend": False},
            [f"The new frontend may be served. {RESTORE}", f"{AGAIN}restore the previous frontend."],
        ),
        (
            {"previous_frontend": ""},
            ["The new frontend is served. No frontend was served before.", f"{AGAIN}do nothing."],
        ),
        ({"has_started_frontend": False, "frontend": False}, [f"{AGAIN}do nothing."]),
    ],
    ids=["served", "unknown", "first", "no-frontend"],
)
def test_the_message_after_ctrl_c_names_the_frontend(
    run: Run, stack_file: Path, changes: dict[str, Any], lines: list[str]
) -> None:
    stack_file.write_text(stack_file.read_text().replace(NEW, OLD))
    template = {"spec": {"containers": [{"name": "api", "image": OLD}]}}
    cluster = MagicMock()
    cluster.get.return_value = {
        "spec": {"replicas": 3, "template": template},
        "status": {"updatedReplicas": 3},
    }
    with run.log.step("frontend"):
        message = deploy.stopped(run.log, cluster, REAL, replace(interrupted(), **changes))
    assert message.splitlines() == ["stopped; dev runs 1.0.0 in 3 of 3 pods", *lines]


def test_the_message_after_ctrl_c_names_the_frontend_when_the_cluster_does_not_answer(run: Run) -> None:
    cluster = MagicMock()
    cluster.get.side_effect = FailedError("no answer")
    message = deploy.stopped(run.log, cluster, REAL, interrupted())
    assert message.splitlines() == [
        "stopped; the cluster did not report which version runs: no answer",
        f"The new frontend is served. {RESTORE}",
        "To continue, run the same command again.",
    ]

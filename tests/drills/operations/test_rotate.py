"""Tests of rotate.sh: the sandbox's settings, and the commit of new passwords."""

import subprocess
from pathlib import Path

import pytest
import yaml

from operations import rotate
from operations.lib.command_line import Options
from operations.lib.run_log import RunLog
from tests.support.operations.environment import DeployEnvironment
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world

COPY = """\
config:
  pipe:api: { logLevel: debug, since: 18:30 }
  pipe:appPassword: { secure: v1:a }
  pipe:migratePassword: { secure: v1:b }
  pipe:backupPassword: { secure: v1:c }
  pipe:datadogApiKey: { secure: v1:d }
encryptionsalt: v1:e
"""


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_the_sandbox_only_the_three_passwords_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    monkeypatch.setattr(rotate, "ROOT", tmp_path)
    file = tmp_path / ".sandbox" / "dev" / "Pulumi.dev.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(COPY)
    chosen = Options("dev", "sandbox", dry_run, True, {})
    rotate.set_passwords(RunLog("rotate", chosen), chosen)
    left = yaml.load(file.read_text(), yaml.BaseLoader)
    expected = yaml.load(COPY, yaml.BaseLoader)
    if not dry_run:
        for key in rotate.KEYS:
            del expected["config"][f"pipe:{key}"]
    assert left == expected
    assert "18:30" in file.read_text()


COMMIT = """\
from operations import rotate
from operations.lib.command_line import Options
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog

chosen = Options("dev", "real", False, True, {})
steps = RunLog("rotate", chosen)
with steps.step("commit"):
    rotate.commit(steps, Repository(steps.runner, chosen), chosen)
"""


def commit(world: DeployEnvironment) -> "subprocess.CompletedProcess[str]":
    """Commit a new password, as a rotation does."""
    file = world.root / "Pulumi.dev.yaml"
    file.write_text(
        file.read_text().replace("config:\n", "config:\n  pipe:appPassword:\n    secure: v1:new\n", 1)
    )
    return subprocess.run(
        [world.root / ".venv" / "bin" / "python", "-c", COMMIT],
        cwd=world.root,
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_new_passwords_are_committed_and_pushed(world: DeployEnvironment) -> None:
    done = commit(world)
    assert done.returncode == 0, done.stderr
    assert "secure: v1:new" in world.git("show", "origin/main:Pulumi.dev.yaml")
    assert world.git("log", "-1", "--format=%s", "origin/main") == "New passwords in dev"
    assert world.git("status", "--porcelain", "--untracked-files=no") == ""


def test_a_rotation_that_cannot_commit_the_new_passwords_keeps_the_old_logins(
    world: DeployEnvironment,
) -> None:
    theirs = (world.root / "Pulumi.dev.yaml").read_text() + "# theirs\n"
    world.others_push("Theirs", {"Pulumi.dev.yaml": theirs})
    world.git("fetch", "--quiet")
    done = commit(world)
    message = "others have changed Pulumi.dev.yaml meanwhile, so the new passwords are not committed:"
    message += " git pull --rebase, and rotate again"
    assert done.stderr.splitlines()[-1] == f"operations.lib.errors.FailedError: {message}"

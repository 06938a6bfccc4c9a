"""Tests of the check of an upstream that does not respond, with repositories on this machine."""

import subprocess
from pathlib import Path

import pytest

from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import RefusedError
from operations.lib.repository import Repository

SETTINGS = {"service": {"environment": "dev"}}


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Provide a checkout whose branch has an upstream."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    git(tmp_path, "clone", "--quiet", "origin", "work")
    git(tmp_path / "work", "commit", "--quiet", "--allow-empty", "--message=Start")
    git(tmp_path / "work", "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    monkeypatch.chdir(tmp_path / "work")
    options = Options("dev", "real", False, True, SETTINGS)
    return Repository(CommandRunner(print), options)


def test_a_recovery_goes_on_while_the_upstream_does_not_respond(checkout: Repository, tmp_path: Path) -> None:
    lines: list[str] = []
    checkout.check_upstream_if_it_responds(lines.append)
    assert lines == []
    (tmp_path / "origin").rename(tmp_path / "down")
    checkout.check_upstream_if_it_responds(lines.append)
    [line] = lines
    assert line.startswith("the upstream does not respond, so a commit may have to be pushed by hand: ")
    with pytest.raises(RefusedError, match="could not be fetched"):
        checkout.check_upstream()


def test_a_checkout_that_has_diverged_is_refused(checkout: Repository, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "origin", "other")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "--message=Theirs")
    git(tmp_path / "other", "push", "--quiet")
    git(tmp_path / "work", "commit", "--quiet", "--allow-empty", "--message=Mine")
    with pytest.raises(RefusedError, match="have diverged"):
        checkout.check_upstream_if_it_responds(print)

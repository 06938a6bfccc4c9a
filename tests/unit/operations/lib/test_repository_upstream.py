"""Tests of the check of an upstream that does not respond, with repositories on this machine."""

import subprocess
from pathlib import Path

import pytest

from operations.lib import stack_file
from operations.lib.checkout import BOT
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


PERSON = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "x"), ("EMAIL", "person@example.com"))
}


def test_a_command_that_pushes_refuses_a_person_who_may_not_push_to_the_upstream(
    checkout: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PERSON.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RefusedError) as raised:
        checkout.check_committer()
    assert str(raised.value) == (
        "this command pushes a commit, and only github-actions[bot] may push to origin/main, but git would"
        " commit as x <person@example.com>. Run it with the workflow Operate. If the workflow does not run,"
        " leave the branch (git switch --detach), run the command again, and bring its commit to main in a"
        " pull request before the next deployment"
    )
    dry_run = Options("dev", "real", True, True, SETTINGS)
    Repository(CommandRunner(print, dry_run=True), dry_run).check_committer()
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", BOT)
    checkout.check_committer()


def test_a_checkout_without_a_branch_needs_neither_the_upstream_nor_the_right_to_push(
    checkout: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PERSON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stack_file, "ROOT", tmp_path / "work")
    file = tmp_path / "work" / "Pulumi.dev.yaml"
    file.write_text("config:\n  pipe:api:\n    image: registry/pipe/api:1\n    migrate: true\n")
    git(tmp_path / "work", "add", "--all")
    git(tmp_path / "work", "commit", "--quiet", "--message=File")
    git(tmp_path / "work", "switch", "--quiet", "--detach")
    (tmp_path / "origin").rename(tmp_path / "down")
    detached = Repository(CommandRunner(print), Options("dev", "real", False, True, SETTINGS))
    detached.check_committer()
    detached.check_upstream()
    assert detached.commit("Roll dev back to 0", "registry/pipe/api:0", migrate=True) == (
        "not pushed: the branch has no upstream; push it, or the next deployment undoes this one"
    )
    assert "registry/pipe/api:0" in detached.text()

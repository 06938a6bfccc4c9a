"""Tests of the identity with which deployments are committed; the drills test the repository itself."""

import os
import subprocess
from pathlib import Path

import pytest

from operations.lib import repository as repositories
from operations.lib import stack_file
from operations.lib.checkout import BOT
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import RefusedError
from operations.lib.repository import Repository

PERSON, MERGED = "person@example.com", "noreply@github.com"
"""Committers of a person's push, and of a pull request that GitHub merged."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", "-b", "main", tmp_path], check=True)
    return tmp_path


def identity(mail: str) -> dict[str, str]:
    names = {f"GIT_{role}_NAME": "x" for role in ("AUTHOR", "COMMITTER")}
    mails = {"GIT_AUTHOR_EMAIL": BOT, "GIT_COMMITTER_EMAIL": mail}  # Anybody can be the author.
    return names | mails | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def commit(root: Path, version: str, committer: str) -> None:
    """Commit a stack file with an image."""
    (root / "Pulumi.dev.yaml").write_text(f"config:\n  pipe:api:\n    image: registry/pipe/api:{version}\n")
    for arguments in (("add", "--all"), ("commit", "--quiet", "--message", f"Deploy {version} to dev")):
        subprocess.run(["git", *arguments], cwd=root, env=os.environ | identity(committer), check=True)


def checkout(root: Path, target: str = "real", *, committer: str = BOT, dry_run: bool = False) -> Repository:
    programs = CommandRunner(print, dry_run=dry_run)
    programs.variables |= {"GIT_DIR": str(root / ".git"), "GIT_WORK_TREE": str(root), **identity(committer)}
    return Repository(programs, Options("dev", target, dry_run, True, {}))


def test_only_commits_of_the_bot_name_images_of_a_real_stack(root: Path) -> None:
    for version, committer in (("1", BOT), ("2", MERGED), ("3", PERSON), ("4", BOT)):
        commit(root, version, committer)
    assert [image.rpartition(":")[2] for image in checkout(root).images()] == ["4", "1"]
    assert [image.rpartition(":")[2] for image in checkout(root, "sandbox").images()] == ["4", "3", "2", "1"]


def test_a_person_cannot_deploy_to_a_real_stack(root: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        checkout(root, committer=PERSON).check_bot()
    assert str(raised.value) == (
        "deployments are commits of github-actions[bot], but git would commit as x <person@example.com>. Push"
        " to main instead: then the workflow Deploy deploys dev"
    )
    checkout(root).check_bot()
    checkout(root, "sandbox", committer=PERSON).check_bot()
    checkout(root, committer=PERSON, dry_run=True).check_bot()


def test_the_workflows_commit_as_the_bot() -> None:
    folder = Path(repositories.__file__).parents[2] / ".github" / "workflows"
    for name in ("deploy-stack.yml", "operate.yml"):
        text = (folder / name).read_text()
        assert text.count(f"_EMAIL: {BOT}\n") == 2 and text.count("_NAME: github-actions[bot]\n") == 2

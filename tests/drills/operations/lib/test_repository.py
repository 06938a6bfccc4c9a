"""Tests that deployments, commits and the upstream repository agree."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from operations.lib import stack_file
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import RefusedError
from operations.lib.repository import Repository
from tests.support.operations.deploying import NAME, NEW, deploy
from tests.support.operations.environment import OLD, ROOT, DeployEnvironment, git_identity, registry
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as world


def test_uncommitted_changes_are_not_deployed(world: DeployEnvironment) -> None:
    with (world.root / "Pulumi.stg.yaml").open("a") as file:
        file.write("# changed\n")
    done = deploy(world, "--version", "1.1.0")
    assert done.returncode == 2
    assert "not committed: Pulumi.stg.yaml" in done.stderr


def test_a_user_without_a_git_identity_cannot_deploy_roll_back_or_rotate(world: DeployEnvironment) -> None:
    for name in list(world.environment):
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER")):
            del world.environment[name]
    world.git("config", "user.useConfigOnly", "true")
    for command in (("deploy.sh", "dev", "--skip-frontend"), ("rollback.sh", "dev"), ("rotate.sh", "dev")):
        done = world.run(*command)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "git has no user.name or no user.email" in done.stderr and "user.email ADDRESS" in done.stderr
        assert world.asked() == []


def test_a_user_without_the_right_to_push_can_roll_back_but_not_deploy(world: DeployEnvironment) -> None:
    between = f"{NAME}:1.0.5@sha256:" + "c" * 64
    world.cluster.set_image(between)
    world.git("remote", "set-url", "--push", "origin", str(world.root / "forbidden"))
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 2
    assert "origin accepts no push from here, but each deployment pushes a commit" in done.stderr
    assert world.asked() == []
    done = world.run("rollback.sh", "dev", "--keep-schema")
    assert done.returncode == 1 and world.cluster.image() == OLD
    assert "the rollback continues, but its commit may have to be pushed by hand" in done.stdout


def chosen(target: str, root: Path) -> Repository:
    programs = CommandRunner(print)
    programs.variables |= {"GIT_DIR": str(root / ".git"), "GIT_WORK_TREE": str(root), **git_identity()}
    return Repository(programs, Options("dev", target, False, True, {}))


def test_a_sandbox_lists_uncommitted_files_and_refuses_an_edited_stack_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "-m", "Start"),
    ):
        (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text())
        (tmp_path / "x").write_text("x")
        subprocess.run(["git", *arguments], cwd=tmp_path, env=os.environ | git_identity(), check=True)
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    shown: list[str] = []
    chosen("sandbox", tmp_path).check(shown.append)
    assert shown == []
    (tmp_path / "x").write_text("y")
    chosen("sandbox", tmp_path).check(shown.append)
    assert shown == ["not committed: x; the sandbox gets these changes without a commit"]
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("logLevel: debug", "logLevel: info"))
    with pytest.raises(RefusedError, match=r"would include your changes to Pulumi\.dev\.yaml"):
        chosen("sandbox", tmp_path).check(shown.append)


def test_only_image_and_secrets_of_the_stack_file_may_be_uncommitted(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    file = world.root / "Pulumi.dev.yaml"
    text = file.read_text().replace("config:\n", "config:\n  pipe:appPassword:\n    secure: v1:a\n", 1)
    file.write_text(text)
    world.git("commit", "--quiet", "--all", "-m", "A secret")
    file.write_text(
        text.replace(OLD, NEW).replace("v1:a", "v1:b").replace("logLevel: debug", "logLevel: info")
    )
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 2
    assert "not committed: Pulumi.dev.yaml" in done.stderr
    assert world.asked() == [] and world.cluster.image() == OLD
    file.write_text(text.replace(OLD, NEW).replace("v1:a", "v1:b"))
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.git("show", "origin/main:Pulumi.dev.yaml") == file.read_text().strip()
    assert world.git("status", "--porcelain", "--untracked-files=no") == ""


def test_a_rollback_from_an_older_checkout_restores_the_deployed_version_and_changes_no_other_file(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    between = f"{NAME}:1.0.5@sha256:" + "c" * 64
    text = (world.root / "Pulumi.dev.yaml").read_text().replace(OLD, between) + "# theirs\n"
    engine = world.root / "operations" / "lib" / "pulumi_up.py"
    tested = engine.read_text()
    world.others_push(
        "Deploy 1.0.5 to dev", {"Pulumi.dev.yaml": text, "operations/lib/pulumi_up.py": "untested\n"}
    )
    world.cluster.set_image(between)
    head = world.git("rev-parse", "HEAD")
    world.outside.check = ["failed"]
    # Another commit arrives while the new version is rolled out.
    identity = shlex.join(f"{name}={value}" for name, value in git_identity().items())
    theirs = f"cd {world.root.parent}/theirs && echo x > x && git add x && git commit --quiet -m Meanwhile"
    theirs = f"env {identity} sh -c '{theirs} && git push --quiet'"
    world.answer("make", f'#!/bin/sh\n[ "$1" != current ] || {theirs}\n')
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 1
    assert "Rolled back: dev runs 1.0.5 again" in done.stderr
    assert world.cluster.image() == world.file_image() == between
    assert (world.git("rev-parse", "HEAD"), engine.read_text()) == (head, tested)
    subjects = world.git("log", "--format=%s", "origin/main").splitlines()
    expected = ["Roll dev back to 1.0.5", "Deploy 1.1.0 to dev", "Meanwhile", "Deploy 1.0.5 to dev", "Start"]
    assert subjects == expected
    kept = text.strip().replace("migrate: true", "migrate: false")
    assert world.git("show", "origin/main:Pulumi.dev.yaml") == kept
    assert world.git("show", "--stat", "--format=", "origin/main").startswith("Pulumi.dev.yaml | 4 ++--")


def test_commits_that_would_never_be_pushed_are_not_deployed(world: DeployEnvironment) -> None:
    world.others_push("Theirs", {"x": "x"})
    world.git("commit", "--quiet", "--allow-empty", "-m", "Mine")
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 2
    assert "the checkout and origin/main have diverged" in done.stderr
    assert world.asked() == []


def test_a_commit_older_than_the_last_deployment_is_not_deployed(world: DeployEnvironment) -> None:
    registry(world, pushed=True)
    start = world.git("rev-parse", "HEAD")
    world.git("commit", "--quiet", "--allow-empty", "-m", "Newer")
    world.git("push", "--quiet")
    newer = world.git("rev-parse", "HEAD")
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    assert world.git("ls-remote", "origin", "deployed/dev").split()[0] == newer
    world.git("reset", "--quiet", "--hard", start)
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 2
    message = (
        f"error: the commit {newer[:12]} was deployed to dev and is newer than this checkout: git pull\n"
    )
    assert done.stderr == message
    assert world.asked() == []
    world.git("reset", "--quiet", "--hard", newer)
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0


def test_a_push_of_only_a_deployment_skips_workflows_and_one_with_other_commits_does_not(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    world.git("commit", "--quiet", "--allow-empty", "-m", "Mine")
    assert deploy(world, "--version", "1.1.0", "--skip-frontend").returncode == 0
    assert world.git("log", "--format=%s", "origin/main").splitlines()[:2] == ["Deploy 1.1.0 to dev", "Mine"]
    assert "[skip ci]" not in world.git("log", "-1", "--format=%B", "origin/main")
    assert world.run("rollback.sh", "dev", "--keep-schema").returncode == 0
    message = world.git("log", "-1", "--format=%B", "origin/main")
    assert message.startswith("Roll dev back to 1.0.0\n") and message.endswith("\n\n[skip ci]")


def test_a_commit_that_cannot_be_pushed_fails_the_deployment_without_a_rollback(
    world: DeployEnvironment,
) -> None:
    registry(world, pushed=True)
    up = (world.bin / "answers" / "pulumi").read_text().partition("\n")[2]
    world.answer("pulumi", f'#!/bin/sh\n[ "$1" = stack ] || rm -rf {world.root.parent}/origin\n{up}')
    done = deploy(world, "--version", "1.1.0", "--skip-frontend")
    assert done.returncode == 1
    assert "only the push of the commit failed" in done.stderr
    assert world.cluster.image() == world.file_image() == NEW
    assert world.git("log", "-1", "--format=%s") == "Deploy 1.1.0 to dev"
    done = deploy(world, "--version", "1.2.0", "--skip-frontend")
    assert done.returncode == 2
    assert "names the deployed image and could not be fetched" in done.stderr

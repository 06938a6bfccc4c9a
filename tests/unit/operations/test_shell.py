"""Tests of all shell scripts in the repository, and of the installation of programs."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from operations.__main__ import COMMANDS as operations_commands
from operations.__main__ import main
from tests.support.drills import tools
from tests.support.rows import each_row

ROOT = Path(__file__).parents[3]
COMMANDS = sorted((ROOT / "scripts").glob("*.sh"))
CI = [ROOT / ".ci" / name for name in ("run", "install", "own", "namespaces")]
OTHERS = [*sorted((ROOT / "components" / "kubernetes" / "assets").glob("*.sh")), *CI]


def test_the_scripts_of_the_data_exist() -> None:
    assert {"migrate.sh", "restore.sh", "rotate.sh"} <= {command.name for command in COMMANDS}


@pytest.mark.drill
@pytest.mark.parametrize("script", [*COMMANDS, *OTHERS], ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run([tools.find("shellcheck"), script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@each_row("script", [*COMMANDS, *OTHERS], ids=lambda path: path.name)
def test_a_script_ends_at_the_first_failure(script: Path) -> None:
    strict = "set -euo pipefail" if "bash" in script.read_text().splitlines()[0] else "set -eu"
    assert f"\n{strict}\n" in script.read_text()


@each_row("command", COMMANDS, ids=lambda path: path.name)
def test_a_command_prints_its_help(capsys: pytest.CaptureFixture[str], command: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command.stem, "--help"])
    output = capsys.readouterr().out
    assert ended.value.code == 0
    assert output.startswith(f"usage: scripts/{command.name}")
    for text in ("--dry-run", "--yes", "TARGET", "exit codes"):
        assert text in output


def test_a_script_runs_its_command_from_any_folder(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "drift.sh"
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: scripts/drift.sh")


def test_no_script_runs_a_committed_program_of_the_packages(tmp_path: Path) -> None:
    for name in ("scripts/drift.sh", "Makefile", ".venv/bin/python", ".venv/.ready"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\necho it runs\n")
        (tmp_path / name).chmod(0o755)
    for name in ("scripts/drift.sh", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)

    def run() -> tuple[int, str, str]:
        done = subprocess.run(tmp_path / "scripts" / "drift.sh", capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert run() == (0, "it runs\n", "")
    for command in ("init --quiet", "add --force .venv/bin/python"):
        subprocess.run(["git", "-C", tmp_path, *command.split()], check=True)
    code, output, message = run()
    assert (code, output) == (2, "")
    assert "git tracks .venv, whose programs anybody may have written; run git rm -r .venv" in message


def test_the_scripts_differ_only_in_the_name_of_the_command() -> None:
    """Compare their commands: a comment names the module, whose folder differs."""
    texts = {
        "\n".join(
            line.replace(f" {command.stem} ", " COMMAND ")
            for line in command.read_text().splitlines()
            if not line.startswith("#")
        )
        for command in COMMANDS
    }
    assert len(texts) == 1


def test_packages_of_ci_are_sorted_and_include_those_of_the_drills() -> None:
    packages = (ROOT / ".ci" / "packages").read_text().split()
    assert packages == sorted(set(packages))
    needed = {package for package in tools.PACKAGES.values() if "nodejs" not in package}
    assert needed <= set(packages)


def lacking(*programs: str) -> Callable[..., str | None]:
    """Return a `shutil.which` for a machine on which only these programs are missing."""

    def which(name: str, mode: int = os.F_OK, path: str | None = None) -> str | None:
        return None if name in programs else f"/usr/bin/{name}"

    return which


@pytest.mark.parametrize("installs", [True, False])
def test_root_on_debian_installs_missing_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installs: bool
) -> None:
    commands: list[list[object]] = []

    def run(command: list[object], check: bool) -> None:
        commands.append(command)
        if installs:
            monkeypatch.setattr(tools.shutil, "which", lacking())

    monkeypatch.setattr(tools.os, "geteuid", lambda: 0)
    monkeypatch.setattr(tools.subprocess, "run", run)
    monkeypatch.setattr(tools.shutil, "which", lacking("nginx", "npm"))
    assert tools.main() == (0 if installs else 2)
    assert commands == [[ROOT / ".ci" / "install", "nginx-light", "nodejs", "npm"]]
    assert ("error: the drills need nginx, npm" in capsys.readouterr().err) is not installs


def test_missing_programs_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lacking("nginx", "aws", "apt-get"))
    assert tools.main() == 2
    assert (
        capsys.readouterr().err == "error: the drills need aws, nginx: apt-get install awscli nginx-light\n"
    )
    tools.find.cache_clear()
    with pytest.raises(pytest.fail.Exception, match="nginx is missing: apt-get install nginx-light"):
        tools.find("nginx")
    tools.find.cache_clear()


def test_every_script_runs_the_command_of_its_name() -> None:
    assert {command.stem for command in COMMANDS} == set(operations_commands)
    for command in COMMANDS:
        assert f'-m operations {command.stem} "$@"' in command.read_text()

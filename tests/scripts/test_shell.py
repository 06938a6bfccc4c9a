"""Every shell script of the repository."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.drills import tools

ROOT = Path(__file__).parents[2]
COMMANDS = sorted((ROOT / "scripts").glob("*.sh"))
CI = [ROOT / ".ci" / name for name in ("run", "install", "own", "namespaces")]
OTHERS = [*sorted((ROOT / "components" / "assets").glob("*.sh")), *CI]


def test_the_commands_of_the_data_are_there() -> None:
    assert {"migrate.sh", "restore.sh", "rotate.sh"} <= {command.name for command in COMMANDS}


@pytest.mark.parametrize("script", [*COMMANDS, *OTHERS], ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run([tools.find("shellcheck"), script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", [*COMMANDS, *OTHERS], ids=lambda path: path.name)
def test_the_first_failure_ends_a_script(script: Path) -> None:
    strict = "set -euo pipefail" if "bash" in script.read_text().splitlines()[0] else "set -eu"
    assert f"\n{strict}\n" in script.read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
def test_a_command_explains_itself_from_any_folder(command: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: scripts/{command.name}")
    for word in ("--dry-run", "--yes", "TARGET", "exit codes"):
        assert word in done.stdout


def test_what_ci_installs_is_sorted_and_has_what_the_drills_run() -> None:
    packages = (ROOT / ".ci" / "packages").read_text().split()
    assert packages == sorted(set(packages))
    wanted = {package for package in tools.PACKAGES.values() if "nodejs" not in package}
    assert wanted <= set(packages)


def test_a_machine_without_the_programs_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str, path: str) -> None:
        return None

    monkeypatch.setattr(tools.shutil, "which", nothing)
    assert tools.main() == 2
    tools.find.cache_clear()
    with pytest.raises(pytest.fail.Exception, match="nginx is missing: apt-get install nginx-light"):
        tools.find("nginx")
    tools.find.cache_clear()

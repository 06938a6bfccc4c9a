"""What jobs run before the tests and the review: scripts that change the machine, on a made-up one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that come first; `sudo` is one."""
    program(tmp_path, "sudo", 'exec "$@"')
    return tmp_path


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def namespaces(machine: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CI / "namespaces", machine / "setting"], capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip


def test_namespaces_are_allowed_where_the_system_forbids_them(machine: Path) -> None:
    (machine / "setting").write_text("1\n")
    done = namespaces(machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine / "setting").read_text() == "0\n"


def test_a_system_without_the_setting_is_left_as_it_is(machine: Path) -> None:
    program(machine, "sudo", "exit 9")
    assert namespaces(machine).returncode == 0
    assert not (machine / "setting").exists()


def test_where_a_program_could_not_be_cut_off_it_does_not_run(machine: Path) -> None:
    program(machine, "unshare", "exit 1")
    done = namespaces(machine)
    assert done.returncode == 2 and "would have the network open" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="gives a folder away, as a container's root can")
def test_git_works_in_a_checkout_that_was_somebody_elses(tmp_path: Path) -> None:
    def git(*words: str) -> int:
        return subprocess.run(["git", "-C", tmp_path, *words], capture_output=True, check=False).returncode

    (tmp_path / ".ci").mkdir()
    shutil.copy(CI / "own", tmp_path / ".ci" / "own")
    assert git("init") == 0
    os.chown(tmp_path, 65534, 65534)
    assert git("status") != 0
    subprocess.run([tmp_path / ".ci" / "own"], check=True)
    assert git("status") == 0

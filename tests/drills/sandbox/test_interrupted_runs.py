"""Tests of killed, stopped and simultaneous runs on a project with the file provider."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from sandbox.cli import FLAGS_VARIABLE
from sandbox.engine.lock import add_holder, hold, remove_dead_locks, started_at
from sandbox.errors import CommandError
from tests.support.sandbox.project import Project

SLOW = {"cup": {"size": 1}, "slow": {"seconds": 3}}


def engine_of(process: "subprocess.Popen[str]") -> int:
    """Return the PID of the engine that a running command has started."""
    children = psutil.Process(process.pid).children()
    return next(child.pid for child in children if child.name() == "pulumi")


def pending(project: Project) -> list[str]:
    """Return the types of the pending operations in the state."""
    file = project.folder / "state" / ".pulumi" / "stacks" / "pipe" / "dev.json"
    latest = cast(dict[str, Any], json.loads(file.read_text())["checkpoint"]["latest"])
    return [operation["type"] for operation in latest.get("pending_operations", [])]


@pytest.mark.parametrize("victims", ["both", "engine", "sandbox"])
def test_the_up_after_a_kill_adopts_an_interrupted_creation(project: Project, victims: str) -> None:
    project.things(**SLOW)
    process = project.start("up")
    project.wait_for_creation("slow")
    engine = engine_of(process)
    if victims != "sandbox":
        os.kill(engine, signal.SIGKILL)
    if victims != "engine":
        process.kill()
    process.communicate(timeout=60)

    code, output = project.run("up")
    while code == 2 and "is in use" in output:  # The engine of a killed sandbox ends a moment later.
        code, output = project.run("up")
    assert code == 0, output
    assert f"removed the lock of a dead process: process {engine} on {socket.gethostname()}" in output
    assert "the last run was interrupted while creating slow; refreshing the state first" in output
    assert project.creations() == ["cup created", "slow adopted", "slow created"]
    assert len(list((project.folder / "targets").glob("*.json"))) == 2
    assert pending(project) == []
    assert project.run("up") and project.summary()["changes"] == {"same": 4}


def test_the_down_after_a_kill_converges(project: Project) -> None:
    project.things(**SLOW)
    process = project.start("up")
    project.wait_for_creation("slow")
    os.kill(engine_of(process), signal.SIGKILL)
    process.communicate(timeout=60)
    assert pending(project) == ["creating"]
    code, output = project.run("down")
    assert (code, pending(project)) == (0, []), output


def test_a_state_that_is_written_once_lacks_the_operations_of_a_killed_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FLAGS_VARIABLE, "--providers stand-ins --written-once")
    project.things(**SLOW)
    process = project.start("up")
    project.wait_for_creation("slow")
    os.kill(engine_of(process), signal.SIGKILL)
    process.communicate(timeout=60)
    assert pending(project) == []
    project.things(cup={"size": 1})
    code, output = project.run("up")
    assert code == 0, output
    assert project.run("preview") and project.summary()["changes"] == {"same": 3}


def commands_with(root: Path) -> list[bytes]:
    """Return the command lines of running processes that contain a folder's path."""
    commands: list[bytes] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # The process may have ended.
            commands.append(file.read_bytes())
    return [command for command in commands if str(root).encode() in command]


def test_no_policy_pack_outlives_its_engine(project: Project) -> None:
    project.things(**SLOW)
    process = project.start("up")
    project.wait_for_creation("slow")
    os.kill(engine_of(process), signal.SIGKILL)
    process.communicate(timeout=60)
    end = time.monotonic() + 60
    while commands_with(project.root) and time.monotonic() < end:
        time.sleep(0.1)
    assert commands_with(project.root) == []


def test_the_second_of_two_runs_names_the_first_one(project: Project) -> None:
    project.things(cup={"size": 1}, slow={"seconds": 15})  # longer than two commands on a busy machine
    process = project.start("up")
    project.wait_for_creation("slow")
    code, output = project.run("preview")
    assert code == 2
    assert output.startswith(f"error: {project.folder} is in use: `up` by process {process.pid} since ")
    assert f"Wait for it, or stop it: `kill -INT {process.pid}`" in output
    code, output = project.run("clean")
    assert code == 2 and "is in use" in output
    first, _ = process.communicate(timeout=60)
    assert process.returncode == 0, first


def test_an_engine_that_outlives_its_sandbox_holds_the_stack(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    with hold(tmp_path, "up") as descriptor:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"up 10:20:30 {dead.pid}".encode(), 0)
        os.lseek(descriptor, 0, os.SEEK_END)
        add_holder(descriptor, os.getpid())
        with pytest.raises(CommandError) as fault, hold(tmp_path, "down"):
            pass
    assert str(fault.value) == (
        f"{tmp_path} is in use: `up` by process {os.getpid()} since 10:20:30. "
        f"Wait for it, or stop it: `kill -INT {os.getpid()}`"
    )
    with hold(tmp_path, "down"):
        assert (tmp_path / "lock").read_text().startswith("down ")


@pytest.mark.parametrize("content", ["", "up 10:20:30 0", "up 10:20:30 {dead}"])
def test_no_process_is_named_if_the_lock_names_no_live_one(tmp_path: Path, content: str) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    with hold(tmp_path, "up"):
        (tmp_path / "lock").write_text(content.format(dead=dead.pid))
        with pytest.raises(CommandError) as fault, hold(tmp_path, "down"):
            pass
    assert str(fault.value) == f"{tmp_path} is in use by another run. Wait for it."


def test_the_first_ctrl_c_finishes_running_operations(project: Project) -> None:
    project.things(**SLOW)
    process = project.start("up")
    project.wait_for_creation("slow")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "stopping: running operations are finished first" in output
    assert "up of dev was stopped" in output
    assert pending(project) == []
    code, output = project.run("up")
    assert (code, project.creations()) == (0, ["cup created", "slow created"]), output


def test_the_second_ctrl_c_ends_the_run_and_the_next_run_converges(project: Project) -> None:
    project.things(cup={"size": 1}, slow={"seconds": 120})
    process = project.start("up")
    project.wait_for_creation("slow")
    process.send_signal(signal.SIGINT)
    while "stopping" not in (process.stdout.readline() if process.stdout else ""):
        pass
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=100)
    assert process.returncode == 130
    project.things(cup={"size": 1}, slow={"seconds": 0})
    code, output = project.run("up")
    assert (code, pending(project)) == (0, []), output
    assert project.creations() == ["cup created", "slow adopted", "slow created"]


def lock_file(folder: Path, pid: int, host: str, ago: timedelta = timedelta()) -> Path:
    """Write a lock file in the engine's format, whose timestamp has nanoseconds; return its path."""
    file = folder / "8f14e45f.json"
    timestamp = f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:%S}.123456789Z"
    file.write_text(json.dumps({"pid": pid, "username": "me", "hostname": host, "timestamp": timestamp}))
    return file


def test_the_lock_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    file = lock_file(tmp_path, process.pid, socket.gethostname())
    [removed] = remove_dead_locks(tmp_path)
    assert removed.startswith(f"process {process.pid} on {socket.gethostname()} since 20")
    assert not file.exists()


def test_the_lock_of_a_live_process_stays(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        file = lock_file(tmp_path, process.pid, socket.gethostname(), ago=timedelta(seconds=-1))
        with pytest.raises(
            CommandError, match=f"the state is locked by process {process.pid} on .* `kill -INT"
        ):
            remove_dead_locks(tmp_path)
        process.kill()
    assert file.exists()


def test_a_lock_older_than_the_process_with_its_pid_is_removed(tmp_path: Path) -> None:
    file = lock_file(tmp_path, os.getpid(), socket.gethostname(), ago=timedelta(days=365))
    assert len(remove_dead_locks(tmp_path)) == 1
    assert not file.exists()


def test_the_lock_of_another_machine_stays_and_is_explained(tmp_path: Path) -> None:
    file = lock_file(tmp_path, 1, "elsewhere")
    with pytest.raises(CommandError) as fault:
        remove_dead_locks(tmp_path)
    assert "locked by process 1 on elsewhere since" in str(fault.value)
    assert f"If that process has ended, delete {file} and run this again." in str(fault.value)
    assert file.exists()


def test_the_start_of_a_live_process_is_returned() -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        started = started_at(process.pid)
        assert started and abs(started - datetime.now(UTC).timestamp()) < 25
        process.kill()
    assert started_at(process.pid) is None


def test_a_required_stack_whose_run_was_killed_is_completed_first(project: Project) -> None:
    project.require_base(role={"size": 1, "seconds": 30})
    running = project.start("up")
    project.wait_for_creation("role")
    running.kill()
    running.communicate()
    code, output = project.run("up")
    while code == 2 and "is in use" in output:  # The engine of the killed sandbox ends a moment later.
        code, output = project.run("up")
    assert code == 0, output
    assert "the last run was interrupted while creating role; refreshing the state first" in output
    assert "base/dev is up: " in output
    assert project.creations() == ["cup created", "jug created", "role adopted", "role created"]

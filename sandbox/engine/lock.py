"""The lock that allows only one run of a stack at a time, and the removal of the engine's stale locks."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import psutil

from sandbox.errors import CommandError


@contextmanager
def hold(folder: Path, operation: str) -> Generator[int]:
    """Hold the lock of a stack's folder while the body runs; yield the lock's file descriptor.

    A process that inherits the descriptor holds the lock, too. If another process holds the lock, raise
    CommandError, whose message names that process.
    """
    file = folder / "lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not try_lock(descriptor):
            raise CommandError(_holder_message(file))
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{operation} {datetime.now():%H:%M:%S} {os.getpid()}".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file; return False if another process holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def hold_file(file: Path, tick: Callable[[], None] = lambda: None) -> Generator[None]:
    """Wait for a file's lock and hold it while the body runs; call `tick` repeatedly during the wait."""
    with file.open("w") as lock_file:
        while not try_lock(lock_file.fileno()):
            tick()
            time.sleep(0.1)
        yield


def add_holder(descriptor: int, pid: int) -> None:
    """Add the ID of another process that holds the lock to the lock file."""
    os.write(descriptor, f" {pid}".encode())


def _holder_message(file: Path) -> str:
    operation, since, *pids = (file.read_text() or "run now").split()
    pid = next((pid for pid in pids if started_at(int(pid)) is not None), None)
    if pid is None:  # The holder has not written its PID yet, or is about to end.
        return f"{file.parent} is in use by another run. Wait for it."
    holder = f"{file.parent} is in use: `{operation}` by process {pid} since {since}"
    return f"{holder}. Wait for it, or stop it: `kill -INT {pid}`"


def remove_dead_locks(folder: Path) -> list[str]:
    """Remove the engine's locks that dead processes left; return a description of each process.

    If a live process or another machine holds a lock, raise CommandError; `pulumi cancel` would delete it.
    """
    removed: list[str] = []
    for file in sorted(folder.glob("*.json")):
        text = file.read_text()
        if not text.endswith("}"):  # Truncated by a full disk: the engine never held this lock.
            file.unlink()
            continue
        lock = cast(dict[str, Any], json.loads(text))
        pid, host, since = int(lock["pid"]), str(lock["hostname"]), datetime.fromisoformat(lock["timestamp"])
        owner = f"process {pid} on {host} since {since.astimezone():%Y-%m-%d %H:%M:%S}"
        if host != socket.gethostname():
            raise CommandError(
                f"the state is locked by {owner}, which this machine cannot check. "
                f"If that process has ended, delete {file} and run this again."
            )
        started = started_at(pid)
        # A process that started after the lock was written has reused the PID of a dead process. The two
        # seconds allow for a clock that was set after the boot, from which the kernel counts.
        if started is not None and started <= since.timestamp() + 2:
            raise CommandError(f"the state is locked by {owner}. Wait for it, or stop it: `kill -INT {pid}`")
        file.unlink()
        removed.append(owner)
    return removed


def started_at(pid: int) -> float | None:
    """Return the start time of a process in seconds since 1970; None if it is dead or a zombie."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None

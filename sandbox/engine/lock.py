"""One run of a stack at a time, and locks of the engine whose process is dead."""

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
    """Hold the lock of a stack's folder; a fault names who has it. Who inherits the descriptor has it too."""
    file = folder / "lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not take(descriptor):
            raise CommandError(_held(file))
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{operation} {datetime.now():%H:%M:%S} {os.getpid()}".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def take(descriptor: int) -> bool:
    """Lock an open file, unless somebody else has; whether it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone(file: Path, tick: Callable[[], None] = lambda: None) -> Generator[None]:
    """One at a time; `tick` is called often while another one is waited for."""
    with file.open("w") as opened:
        while not take(opened.fileno()):
            tick()
            time.sleep(0.1)
        yield


def note(descriptor: int, pid: int) -> None:
    """Name one more process that keeps the lock."""
    os.write(descriptor, f" {pid}".encode())


def _held(file: Path) -> str:
    operation, since, *pids = (file.read_text() or "run now").split()
    pid = next((pid for pid in pids if started_at(int(pid)) is not None), None)
    if pid is None:  # it has not written yet who it is, or is about to end
        return f"{file.parent} is in use by another run. Wait for it."
    who = f"{file.parent} is in use: `{operation}` by process {pid} since {since}"
    return f"{who}. Wait for it, or stop it with: kill -INT {pid}"


def clear_dead(folder: Path) -> list[str]:
    """Remove the engine's locks of dead processes (`pulumi cancel` takes live ones too); whose, in words."""
    removed: list[str] = []
    for file in sorted(folder.glob("*.json")):
        text = file.read_text()
        if not text.endswith("}"):  # cut short by a full disk, so nobody's
            file.unlink()
            continue
        lock = cast(dict[str, Any], json.loads(text))
        pid, host, since = int(lock["pid"]), str(lock["hostname"]), datetime.fromisoformat(lock["timestamp"])
        who = f"process {pid} on {host} since {since.astimezone():%Y-%m-%d %H:%M:%S}"
        if host != socket.gethostname():
            raise CommandError(
                f"the state is locked by {who}, which this machine cannot look at. "
                f"If that process is over, delete {file} and run this again."
            )
        started = started_at(pid)
        # A process that started after the lock was written got the number of a dead one. Two seconds of
        # grace: the kernel counts from boot, and the clock may have been set since.
        if started is not None and started <= since.timestamp() + 2:
            raise CommandError(f"the state is locked by {who}. Wait for it, or stop it with: kill -INT {pid}")
        file.unlink()
        removed.append(who)
    return removed


def started_at(pid: int) -> float | None:
    """When a process started, in seconds since 1970; None if it is dead, or nobody has seen its end yet."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None

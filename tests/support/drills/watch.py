"""Observers of a running command: secrets in processes' arguments, and an open database session."""

import subprocess
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.drills import tools
from tests.support.drills.postgres import Server

NEW_SECONDS = 2.0
"""Age in seconds until which a process may still start another program in its place."""


@contextmanager
def arguments(secrets: Iterable[str]) -> Generator[list[str]]:
    """Yield a list that collects the arguments of processes if they contain a secret.

    New processes are read about a hundred times per second; a process that ends sooner may be missed. The
    arguments of processes that are older than two seconds rarely change: they are read five times per second.
    """
    needles = [secret.encode() for secret in secrets]
    assert needles and all(len(needle) >= 8 for needle in needles)
    exposed: list[str] = []
    rounds = 0
    over = threading.Event()

    def look() -> None:
        nonlocal rounds
        first_seen: dict[int, float] = {}
        while not over.is_set():
            now = time.monotonic()
            first_seen = {pid: first_seen.get(pid, now) for pid in psutil.pids()}
            for pid, since in first_seen.items():
                if now - since > NEW_SECONDS and rounds % 20:
                    continue
                try:
                    command = Path("/proc", str(pid), "cmdline").read_bytes()
                except OSError:
                    continue
                if any(needle in command for needle in needles):
                    exposed.append(command.replace(b"\0", b" ").decode(errors="replace"))
            rounds += 1
            over.wait(0.01)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield exposed
    finally:
        over.set()
        thread.join()
        assert rounds > 0


@contextmanager
def session(server: Server) -> Generator["subprocess.Popen[str]"]:
    """Yield a process with an idle database session, and kill the process at the end."""
    command = [tools.find("psql"), "-X", "-q", "-d", "pipe_db", "-c", "SELECT pg_sleep(600)"]
    process = subprocess.Popen(
        command, env=server.superuser() | {"PGUSER": "pipe_admin"}, text=True, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        while "pg_sleep(600)" not in server.sql(
            "SELECT query FROM pg_stat_activity WHERE usename = 'pipe_admin'"
        ):
            assert time.monotonic() < end
        yield process
    finally:
        process.kill()
        process.wait()

"""What goes on while something runs: secrets in the arguments of processes, open sessions."""

import subprocess
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from tests.support.drills import tools
from tests.support.drills.postgres import Server


@contextmanager
def arguments(secrets: Iterable[str]) -> Generator[list[str]]:
    """Yields what is found: the arguments of processes that named a secret. Every process is looked at some
    hundred times a second, those that end sooner aside."""
    needles = [secret.encode() for secret in secrets]
    assert needles and all(len(needle) >= 8 for needle in needles)
    found: list[str] = []
    looked = 0
    over = threading.Event()

    def look() -> None:
        nonlocal looked
        while not over.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = process.read_bytes()
                except OSError:
                    continue
                if any(needle in words for needle in needles):
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
            looked += 1
            over.wait(0.01)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        assert looked > 0


@contextmanager
def session(server: Server) -> Generator["subprocess.Popen[str]"]:
    """An open session of the database that does nothing; it ends when it is ended."""
    words = [tools.find("psql"), "-X", "-q", "-d", "pipe_db", "-c", "SELECT pg_sleep(600)"]
    process = subprocess.Popen(
        words, env=server.superuser() | {"PGUSER": "pipe_admin"}, text=True, stderr=subprocess.PIPE
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

"""Tests that SIGKILL at ten moments of a backup, a restore or a swap leaves intact data."""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.drills import data
from tests.support.drills.pod import Pod
from tests.support.drills.service import Service

MOMENTS = 10


@pytest.fixture(scope="module")
def filled(service: Service) -> Iterator[Service]:
    """Provide the service with some tables and one backup."""
    data.fill(service.server, 20_000)
    pod = service.backup()
    assert pod.run() == 0, pod.log
    yield service


def killed_after(pod: Pod, seconds: float) -> int:
    """Run a pod, kill it after `seconds` unless it ends sooner, and return its exit code."""
    timer = threading.Timer(seconds, pod.kill)
    timer.start()
    try:
        return pod.run()
    finally:
        timer.cancel()


def killed(make: Callable[[], Pod], seconds: float) -> int:
    """Kill a pod after `seconds`; if it ends sooner, kill the next pod earlier. Return the number of ends."""
    sooner = 0
    while killed_after(make(), seconds) == 0:
        sooner, seconds = sooner + 1, seconds * 0.6
        assert sooner < 10
    return sooner


def timed(pod: Pod) -> float:
    start = time.monotonic()
    assert pod.run() == 0, pod.log
    return time.monotonic() - start


def moments(whole: float) -> list[float]:
    return [whole * (number + 0.5) / MOMENTS for number in range(MOMENTS)]


def test_latest_dump_is_intact_whenever_a_backup_is_killed(filled: Service) -> None:
    possible = ["1"]
    for number, moment in enumerate(moments(timed(filled.backup()))):
        filled.server.sql(f"UPDATE settings SET value = '{100 + number}' WHERE key = 'key 1'")
        sooner = killed(filled.backup, moment)
        possible = [*([] if sooner else possible), str(100 + number)]
        dump, checksum = filled.bucket.read("latest.dump")
        assert hashlib.sha256(dump).hexdigest() == checksum, f"killed after {moment:.2f} s"
    # The dump can be restored, and comes from a backup that may have finished.
    pod = filled.restore("20240101t000000")
    assert pod.run() == 0, pod.log
    value = filled.server.sql(
        "SELECT value FROM settings WHERE key = 'key 1'", "pipe_db_restored_20240101t000000"
    )
    assert value in possible


def test_the_live_database_is_untouched_whenever_a_restore_is_killed(filled: Service) -> None:
    before = data.hashes(filled.server)
    number = itertools.count()
    for moment in moments(timed(filled.restore("20240102t000000"))):
        killed(lambda: filled.restore(f"20240102t0001{next(number):02}"), moment)
        assert data.hashes(filled.server) == before, f"killed after {moment:.2f} s"
    # The next restore deletes what the killed restore left, and succeeds.
    wait_for_no_session(filled)
    pod = filled.restore("20240103t000000")
    assert pod.run() == 0, pod.log
    left = filled.server.sql("SELECT datname FROM pg_database WHERE datname ~ 'restored'", "postgres")
    assert left == "pipe_db_restored_20240103t000000"


def wait_for_no_session(service: Service) -> None:
    """Wait until no server process still works for a killed client."""
    end = time.monotonic() + 60
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname ~ 'restored'"
    while service.server.sql(query, "postgres") != "0":
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_live_database_is_either_the_old_or_the_new_one_whenever_a_swap_is_killed(
    filled: Service,
) -> None:
    server = filled.server
    old = data.hashes(server)
    pod = filled.restore("20240201t000000")
    assert pod.run() == 0, pod.log
    server.sql("UPDATE settings SET value = '\"restored\"'", "pipe_db_restored_20240201t000000")
    new = data.hashes(server, "pipe_db_restored_20240201t000000")
    assert new != old
    whole = timed(filled.swap("20240201t000000"))
    back = (
        "BEGIN; ALTER DATABASE pipe_db RENAME TO pipe_db_restored_20240201t000000;"
        "ALTER DATABASE pipe_db_before_20240201t000000 RENAME TO pipe_db; COMMIT"
    )
    server.sql(back, "postgres")
    codes: list[int] = []
    for moment in moments(whole):
        codes.append(killed_after(filled.swap("20240201t000000"), moment))
        time.sleep(0.2)  # The server may still be working.
        current = data.hashes(server)
        names = server.sql(
            "SELECT datname FROM pg_database WHERE datname ~ '^pipe_db_(r|b).*20240201'", "postgres"
        )
        assert (current, names) in [
            (old, "pipe_db_restored_20240201t000000"),
            (new, "pipe_db_before_20240201t000000"),
        ], f"killed after {moment:.3f} s"
        if current == new:  # Swap the databases back for the next moment.
            server.sql(back, "postgres")
    assert any(codes), codes

"""How backup and restore grow from 10,000 to 1,000,000 rows: the jobs' own scripts on a real PostgreSQL.

Medians. Seconds include what does not grow: the AWS command line starts four times in a backup, once in a
restore.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from statistics import median

from tests.support.drills import data
from tests.support.drills.pod import Pod
from tests.support.drills.service import Service

ROWS = (10_000, 100_000, 1_000_000)


def seconds(*pods: Pod) -> float:
    """Wall-clock seconds of pods that have to succeed."""
    start = time.perf_counter()
    for pod in pods:
        if pod.run():
            sys.exit(f"error: a job failed:\n{pod.log}")
    return time.perf_counter() - start


def measure(rows: int, runs: int) -> tuple[int, int, float, float]:
    """Rows, bytes of the dump, seconds of a backup, seconds of a restore with its swap."""
    service = Service()
    try:
        filled = data.fill(service.server, rows)
        backups = [seconds(service.backup()) for _ in range(runs)]
        size = len(service.bucket.read("latest.dump")[0])
        stamps = [f"20240101t0000{number:02}" for number in range(runs)]
        restores = [seconds(service.restore(stamp), service.swap(stamp)) for stamp in stamps]
        return filled, size, median(backups), median(restores)
    finally:
        service.stop()


def main(say: Callable[[str], None] = lambda text: print(text, flush=True)) -> None:
    """Prints a line a size, then what a row costs; fails if that is more with many rows than with some."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.data", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each size, after which the median is taken")
    runs = parser.parse_args().runs
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request to the bucket
    say(f"{'rows':>10} {'dump':>10} {'backup':>10} {'restore':>10}")
    found: list[tuple[int, int, float, float]] = []
    for rows in ROWS:
        found.append(measure(rows, runs))
        filled, size, backup, restore = found[-1]
        say(f"{filled:>10,} {size / 1e6:>7.1f} MB {backup:>8.2f} s {restore:>8.2f} s")
    _, middle, large = found
    for name, column in (("backup", 2), ("restore", 3)):
        each = (large[column] - middle[column]) / (large[0] - middle[0]) * 1e6
        say(f"{name}: {each:.1f} µs a row between the last two sizes")
        if large[column] > 2 * middle[column] * large[0] / middle[0]:
            sys.exit(f"error: {name} grows more than twice as fast as the data")


if __name__ == "__main__":
    main()

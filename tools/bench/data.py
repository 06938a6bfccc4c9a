"""Benchmark of backup and restore with 10,000 to 1,000,000 rows, by the Jobs' scripts on a real PostgreSQL.

The values are medians. Each includes a constant time: the AWS CLI starts four times in a backup and once in a
restore.
"""

import argparse
import logging
import sys
import time
from statistics import median

from tests.support.drills import data
from tests.support.drills.pod import Pod
from tests.support.drills.service import Service

ROWS = (10_000, 100_000, 1_000_000)


def time_pods(*pods: Pod) -> float:
    """Return the wall-clock seconds that pods take one after another; exit if a pod fails."""
    start = time.perf_counter()
    for pod in pods:
        if pod.run():
            sys.exit(f"error: a job failed:\n{pod.log}")
    return time.perf_counter() - start


def measure(rows: int, runs: int) -> tuple[int, int, float, float]:
    """Return the number of rows, the size of the dump in bytes, and the median seconds of backup and restore.

    A restore includes the swap of the databases.
    """
    service = Service()
    try:
        row_count = data.fill(service.server, rows)
        backups = [time_pods(service.backup()) for _ in range(runs)]
        size = len(service.bucket.read("latest.dump")[0])
        stamps = [f"20240101t0000{number:02}" for number in range(runs)]
        restores = [time_pods(service.restore(stamp), service.swap(stamp)) for stamp in stamps]
        return row_count, size, median(backups), median(restores)
    finally:
        service.stop()


def main() -> None:
    """Print one line per size, and the additional time per row.

    Exit with an error if, between the last two sizes, the time grows more than twice as fast as the number of
    rows.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.bench.data", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each median (default: 3)")
    runs = parser.parse_args().runs
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # It would log every request to the bucket.
    print(f"{'rows':>10} {'dump':>10} {'backup':>10} {'restore':>10}", flush=True)
    measurements: list[tuple[int, int, float, float]] = []
    for rows in ROWS:
        measurements.append(measure(rows, runs))
        row_count, size, backup, restore = measurements[-1]
        print(f"{row_count:>10,} {size / 1e6:>7.1f} MB {backup:>8.2f} s {restore:>8.2f} s", flush=True)
    _, middle, large = measurements
    for name, column in (("backup", 2), ("restore", 3)):
        growth = (large[column] - middle[column]) / (large[0] - middle[0]) * 1e6
        print(f"{name}: {growth:.1f} µs a row between the last two sizes", flush=True)
        if large[column] > 2 * middle[column] * large[0] / middle[0]:
            sys.exit(f"error: the time of a {name} grows more than twice as fast as the rows")


if __name__ == "__main__":
    main()

"""Measurement of the peak memory of a sandbox's run, including its child processes and targets."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

LIMIT_GIB = 3


def measure_peak(command: list[str], cwd: Path, folder: Path) -> int:
    """Return the peak memory, in bytes, of a command, its descendants and the targets in a stack's folder.

    Memory that processes share counts once (PSS). If the command fails, this process exits with an error.
    """
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = watch_peak(process, folder)
    if process.returncode != 0:
        raise SystemExit(f"error: {' '.join(command)} failed ({process.returncode})")
    return most


def watch_peak(process: "subprocess.Popen[Any]", folder: Path) -> int:
    """Watch a running process until it ends, and return its peak memory as `measure_peak` does."""
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(_bytes, _tree(process.pid, folder / "targets.json"))))
        time.sleep(0.5)
    return most


def _tree(root: int, targets: Path) -> set[int]:
    """Return the IDs of a process, the processes in the targets' process group, and all descendants."""
    parents: dict[int, int] = {}
    groups: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, parent, group, *_ = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # The process ended in the meantime.
        parents[int(stat.parent.name)], groups[int(stat.parent.name)] = int(parent), int(group)
    leader = json.loads(targets.read_text())["pid"] if targets.exists() else None
    tree = {root} | {pid for pid, group in groups.items() if group == leader}
    while children := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= children
    return tree


def _bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

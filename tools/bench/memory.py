"""How much memory a run in the sandbox takes with all that it starts: the most at any moment."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

LIMIT_GIB = 3


def peak(command: list[str], cwd: Path, folder: Path) -> int:
    """Bytes of a command, its children, and the targets of a stack's folder; shared pages count once."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = watched(process, folder)
    if process.returncode != 0:
        raise SystemExit(f"error: {' '.join(command)} failed ({process.returncode})")
    return most


def watched(process: "subprocess.Popen[Any]", folder: Path) -> int:
    """The same of a command that runs, until it ends."""
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(_bytes, _tree(process.pid, folder / "targets.json"))))
        time.sleep(0.5)
    return most


def _tree(root: int, targets: Path) -> set[int]:
    """A process and what it started, and the group of the targets."""
    parents: dict[int, int] = {}
    groups: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, parent, group, *_ = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(stat.parent.name)], groups[int(stat.parent.name)] = int(parent), int(group)
    leader = json.loads(targets.read_text())["pid"] if targets.exists() else None
    found = {root} | {pid for pid, group in groups.items() if group == leader}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

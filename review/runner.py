"""The base brought up and the head previewed on it, by the sandbox's commands; stacks run side by side."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from review.render import tell

COMMANDS = {"base": "up", "head": "preview"}
# What a command leaves; the log of a preview is its plan.
KEPT = ("events.jsonl", "engine.log", "summary.json", "ledger.jsonl")


@dataclass(frozen=True)
class Job:
    """A stack to look at: the trees of both sides, its project in each, a folder for all that is written.

    Of each side: `<side>.code` (its command's exit code), `<side>.errors`, and what is KEPT, as `<side>-…`;
    the state, `hidden` (what stands for secrets), `trouble` (why it did not end).
    """

    name: str
    trees: tuple[Path, Path]
    projects: tuple[Path | None, Path | None]
    folder: Path


def run(jobs: Sequence[Job], minutes: float) -> None:
    """Run all jobs side by side, for so long at most."""
    tell(f"{', '.join(job.name for job in jobs)}: evaluating the base, then the head on its state")
    with ThreadPoolExecutor(len(jobs) or 1) as pool:
        list(pool.map(partial(_look, minutes, time.monotonic() + minutes * 60), jobs))


def _look(minutes: float, until: float, job: Job) -> None:
    """Bring the base up, then preview the head on its state, but for what has been done already."""
    job.folder.mkdir(parents=True, exist_ok=True)
    env = os.environ | {"PIPE_POLICY_LEDGER": str(job.folder / "ledger.jsonl")}
    for (side, command), tree, project in zip(COMMANDS.items(), job.trees, job.projects, strict=True):
        ended = job.folder / f"{side}.code"
        if not project or ended.exists():
            continue
        words = (sys.executable, "-m", "sandbox", command, job.name, "--throwaway", "--targets", "none",
                 "--project", tree, "--folder", job.folder)  # fmt: skip
        with (job.folder / "log").open("a") as log, (job.folder / f"{side}.errors").open("w") as errors:
            left = until - time.monotonic()
            try:
                done = subprocess.run(words, stdout=log, stderr=errors, env=env, timeout=left)
            except subprocess.TimeoutExpired:
                (job.folder / "trouble").write_text(f"stopped after {minutes:g} minutes, the time limit")
                tell(f"{job.name}: {side} stopped after {minutes:g} minutes, the time limit")
                return
        for file in filter(Path.exists, (job.folder / name for name in KEPT)):
            file.rename(job.folder / f"{side}-{file.name}")
        ended.write_text(f"{done.returncode}")
        tell(f"{job.name}: {side} evaluated")

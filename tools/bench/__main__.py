"""Benchmark of the program and the sandbox: medians, and ratios to a reference from the same run.

`make bench` deletes the sandbox of each measured stack before and after, so that each measurement starts from
nothing.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sandbox.cli import FLAGS_VARIABLE
from tools.bench.memory import LIMIT_GIB, measure_peak

ROOT = Path(__file__).parents[2]
EMPTY = Path(__file__).parent / "empty"
EAGER = "import pulumi, pulumi_aws, pulumi_kubernetes, pulumi_cloudflare, pulumi_datadog"
"""Imports whose time is the reference for the evaluation's share."""

LIMIT_SHARE = 0.25
"""Largest ratio of the processor time of the program's evaluation to that of the eager imports."""

LIMITS = {"up": 60, "second up": 10, "second preview": 6}
"""Largest number of seconds of operations on two idle cores. The first up includes the start of its targets,
and the others compare everything with the targets.
"""


def time_command(command: list[str], cwd: Path = ROOT) -> float:
    """Return the wall-clock seconds of a command; exit if it fails."""
    start = time.perf_counter()
    process = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    duration = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(
            f"error: {' '.join(command)} failed ({process.returncode}):\n{process.stdout}{process.stderr}"
        )
    return duration


def median(measure: Callable[[], float], runs: int) -> float:
    """Return the median of `runs` measurements, after one uncounted run that fills the caches."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def python(*arguments: str) -> list[str]:
    """Return the command that runs the current Python interpreter with the arguments."""
    return [sys.executable, *arguments]


def cpu_time(command: list[str]) -> float:
    """Return the processor seconds of a command, which are hardly affected by what else runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    time_command(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_life(project: Path, stack: str, runs: int, *flags: str) -> dict[str, float]:
    """Return the median seconds of preview, up, a second preview, a second up, and down of a stack.

    The first preview and the first up start from nothing, so they include the start of their targets.
    """

    def command(name: str) -> float:
        return time_command(python("-m", "sandbox", name, stack, "--project", str(project), "--yes", *flags))

    steps = ("up", "second preview", "second up", "down")
    durations: dict[str, list[float]] = {step: [] for step in ("preview", *steps)}
    for _ in range(runs):
        command("clean")
        durations["preview"].append(command("preview"))
        command("clean")
        for step in steps:
            durations[step].append(command(step.rpartition(" ")[2]))
    command("clean")
    return {step: statistics.median(values) for step, values in durations.items()}


def print_row(name: str, value: float, reference: float, description: str) -> None:
    """Print a measurement in seconds, its ratio to a reference, and what the reference is."""
    print(f"{name:<28} {value:8.2f} s {value / reference:8.2f}  {description}", flush=True)


def main() -> None:
    """Measure everything and print a table; if a measurement exceeds its limit, exit with an error."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--stack", default="dev", help="the stack to measure (default: dev)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each median (default: 3)")
    args = parser.parse_args()
    os.environ.setdefault(FLAGS_VARIABLE, "--providers stand-ins")  # They are the same on every machine.

    print(f"{'measurement':<28} {'median':>10} {'ratio':>8}  to", flush=True)
    imports = median(lambda: cpu_time(python("-c", EAGER)), args.runs)
    print_row("eager import of four SDKs", imports, imports, "itself (processor time)")
    evaluation = python("-m", "tools.bench.evaluation", args.stack)
    share = median(lambda: cpu_time(evaluation), args.runs)
    print_row("evaluation of the program", share, imports, f"eager import; at most {LIMIT_SHARE:.2f}")
    empty = measure_life(EMPTY, "empty", args.runs, "--no-policies")
    program = measure_life(ROOT, args.stack, args.runs)
    for step, duration in empty.items():
        print_row(f"{step}, empty program", duration, duration, "itself")
    for step, duration in program.items():
        print_row(f"{step}, {args.stack}", duration, empty[step], "the empty program")
    for step, limit in LIMITS.items():
        print_row(f"{step}, {args.stack}", program[step], limit, f"{limit} s, the limit on two idle cores")
    time_command(python("-m", "sandbox", "clean", args.stack))
    folder = ROOT / ".sandbox" / args.stack
    memory = measure_peak(python("-m", "sandbox", "up", args.stack), ROOT, folder) / 2**30
    time_command(python("-m", "sandbox", "clean", args.stack))
    print(
        f"{'memory of up with all targets':<28} {memory:7.2f} GiB {memory / LIMIT_GIB:7.2f}  {LIMIT_GIB} GiB",
        flush=True,
    )
    if errors := list(exceeded_limits(share / imports, program, memory)):
        sys.exit("\n".join(errors))


def exceeded_limits(share: float, seconds: Mapping[str, float], gib: float) -> Iterator[str]:
    """Yield an error for each limit that the evaluation's share, a step's time or an up's memory exceeds."""
    if share > LIMIT_SHARE:
        yield f"error: the evaluation takes more than {LIMIT_SHARE:.0%} of the time of the eager imports"
    for step, limit in LIMITS.items():
        if seconds[step] > limit:
            yield f"error: the {step} takes more than {limit} s"
    if gib > LIMIT_GIB:
        yield f"error: an up takes more than {LIMIT_GIB} GiB of memory"


if __name__ == "__main__":
    main()

"""`make bench`: medians and ratios, each figure with what it is compared with, measured in one run.

The sandbox of a measured stack is forgotten before and after: `make bench` starts from nothing.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.bench.memory import LIMIT_GIB, peak

ROOT = Path(__file__).parents[2]
EMPTY = Path(__file__).parent / "empty"
EAGER = "import pulumi, pulumi_aws, pulumi_kubernetes, pulumi_cloudflare, pulumi_datadog"
"""The imports that the share of the evaluation is measured against."""

LIMIT_SHARE = 0.3
"""What the evaluation of the program may take of the eager imports."""

LIMIT_SECONDS = 60
"""What an up from nothing may take, the start of its targets included."""

"""What an up may take with the targets, the engine and the policy pack."""


def seconds(command: list[str], cwd: Path = ROOT) -> float:
    """Wall-clock seconds of a command that has to succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return took


def median(measure: Callable[[], float], runs: int) -> float:
    """The median of some runs, after one that fills the caches."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def python(*words: str) -> list[str]:
    return [sys.executable, *words]


def evaluation(stack: str) -> float:
    """Seconds that the program needs for imports and registration, as it says itself."""
    printed = subprocess.run(
        python("-m", "tools.bench.evaluation", stack), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return float(json.loads(printed.splitlines()[-1])["seconds"])


def eager() -> float:
    """Seconds of the four imports alone, the interpreter's start left out."""
    code = f"import time; start = time.perf_counter(); {EAGER}; print(time.perf_counter() - start)"
    return float(subprocess.run(python("-c", code), capture_output=True, text=True, check=True).stdout)


def life(project: Path, stack: str, runs: int, *flags: str) -> dict[str, float]:
    """Medians of one stack in the sandbox; preview and up are from nothing, their targets' start included."""

    def command(name: str) -> float:
        return seconds(python("-m", "sandbox", name, stack, "--project", str(project), "--yes", *flags))

    found: dict[str, list[float]] = {"preview": [], "up": [], "second up": [], "down": []}
    for _ in range(runs):
        command("clean")
        found["preview"].append(command("preview"))
        command("clean")
        for step, name in (("up", "up"), ("second up", "up"), ("down", "down")):
            found[step].append(command(name))
    command("clean")
    return {step: statistics.median(values) for step, values in found.items()}


def row(name: str, value: float, against: float, what: str) -> None:
    print(f"{name:<28} {value:8.2f} s {value / against:8.2f}  {what}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--stack", default="dev", help="whose program is measured (default: dev)")
    parser.add_argument("--runs", type=int, default=3, help="runs behind each median (default: 3)")
    args = parser.parse_args()

    print(f"{'what':<28} {'median':>10} {'ratio':>8}  to", flush=True)
    imports = median(eager, args.runs)
    row("eager import of four SDKs", imports, imports, "itself")
    share = median(lambda: evaluation(args.stack), args.runs)
    row("evaluation of the program", share, imports, f"eager import; at most {LIMIT_SHARE:.2f}")
    empty = life(EMPTY, "empty", args.runs, "--no-policies")
    ours = life(ROOT, args.stack, args.runs)
    for step, took in empty.items():
        row(f"{step}, empty program", took, took, "itself")
    for step, took in ours.items():
        row(f"{step}, {args.stack}", took, empty[step], "the empty program")
    row(
        f"up, {args.stack}",
        ours["up"],
        LIMIT_SECONDS,
        f"{LIMIT_SECONDS} s, its limit with two cores to itself",
    )
    seconds(python("-m", "sandbox", "clean", args.stack))
    folder = ROOT / ".sandbox" / args.stack
    took = peak(python("-m", "sandbox", "up", args.stack), ROOT, folder) / 2**30
    seconds(python("-m", "sandbox", "clean", args.stack))
    print(
        f"{'memory of up with all targets':<28} {took:7.2f} GiB {took / LIMIT_GIB:7.2f}  {LIMIT_GIB} GiB",
        flush=True,
    )
    if over := list(passed(share / imports, ours["up"], took)):
        sys.exit("\n".join(over))


def passed(share: float, seconds: float, gib: float) -> Iterator[str]:
    """The limits that the figures pass: of the evaluation's share, of an up's time and of its memory."""
    if share > LIMIT_SHARE:
        yield f"error: the evaluation takes more than {LIMIT_SHARE:.0%} of the eager imports"
    if seconds > LIMIT_SECONDS:
        yield f"error: an up takes more than {LIMIT_SECONDS} s"
    if gib > LIMIT_GIB:
        yield f"error: an up takes more than {LIMIT_GIB} GiB"


if __name__ == "__main__":
    main()

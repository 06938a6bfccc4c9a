"""Benchmark of a review, with six sequential previews of the same program as the reference.

`python -m tools.bench.review` prints both times and their ratio. It also prints how long the rendering of a
report on 2,000 resources takes. The previews import the SDKs eagerly
(PIPE_LAZY_SDK=0) and run without the policy pack.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from review.render import renderings
from sandbox.workspace.stack_files import secret_settings
from tests.support.review import samples
from tools.bench.__main__ import ROOT, median, print_row, python, time_command

STACKS = ("dev", "stg", "prod")
LIMIT_SHARE = 0.4
"""Largest ratio of the time of a review to the time of six previews."""

LIMIT_RENDERING = 5.0
"""Largest number of seconds for rendering 2,000 changed resources in all formats."""


def copy_repository(to: Path) -> Path:
    """Copy the working tree, commit the copy as the base, change each stack file, and return the copy.

    The stack files of the copy have encrypted secrets, as those of a deployed stack. Without them, a review
    also runs the programs without the values that it invents.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    lines = [f"\n  {name}:\n    secure: v1:c2VjcmV0:c2VjcmV0\n" for name in sorted(secret_settings(ROOT))]
    for stack in STACKS:
        file = to / f"Pulumi.{stack}.yaml"
        file.write_text(file.read_text().replace("config:", "config:" + "".join(lines), 1))
    git = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*git, *command], cwd=to, check=True)
    for stack in STACKS:
        file = to / f"Pulumi.{stack}.yaml"
        file.write_text(file.read_text().replace("graceSeconds: 30", "graceSeconds: 40"))
    return to


def time_review(tree: Path) -> float:
    """Return the seconds that a review takes; exit if its report does not contain the change."""
    start = time.perf_counter()
    command = python("-m", "review", "HEAD", "--tree", str(tree), "--repository", str(tree))
    command += [word for stack in STACKS for word in ("--stack", stack)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if process.returncode not in (0, 1) or "terminationGracePeriodSeconds" not in process.stdout:
        sys.exit(f"error: the review failed ({process.returncode}):\n{process.stdout}{process.stderr}")
    return time.perf_counter() - start


def time_previews(tree: Path) -> float:
    """Return the seconds that two previews per stack take, one after another."""
    flags = ("--project", str(tree), "--no-policies", "--providers", "stand-ins", "--targets", "none")
    os.environ["PIPE_LAZY_SDK"] = "0"
    try:
        commands = [python("-m", "sandbox", "preview", stack, *flags) for stack in STACKS]
        return sum(map(time_command, commands * 2))
    finally:
        del os.environ["PIPE_LAZY_SDK"]


def time_rendering() -> float:
    """Return the seconds that all five renderings of 2,000 changed resources with 2,000 findings take."""
    operations = ("create", "update", "replace", "delete")
    changes = [samples.change(number, operations[number % 4]) for number in range(2000)]
    report = samples.report(changes=changes, findings=[samples.finding(number) for number in range(2000)])
    start = time.perf_counter()
    for render in (
        renderings.render_terminal,
        renderings.render_markdown,
        renderings.render_html,
        renderings.render_json,
        renderings.render_sarif,
    ):
        render(report)
    return time.perf_counter() - start


def main() -> None:
    """Measure everything and print a table; if a measurement exceeds its limit, exit with an error."""
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_repository(Path(folder))
        previews = time_previews(tree)
        print_row("six previews, eager", previews, previews, "itself")
        review = median(lambda: time_review(tree), 3)
        print_row("review of three stacks", review, previews, f"six previews; at most {LIMIT_SHARE}")
    rendering = median(time_rendering, 3)
    print_row("rendering 2,000 resources", rendering, LIMIT_RENDERING, f"{LIMIT_RENDERING:.0f} s; at most 1")
    if review > LIMIT_SHARE * previews or rendering > LIMIT_RENDERING:
        sys.exit("error: the review or the rendering exceeds its time limit")


if __name__ == "__main__":
    main()

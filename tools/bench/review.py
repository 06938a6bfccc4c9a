"""What a review costs, against six plain previews of the same program one after another.

`python -m tools.bench.review` prints both and their ratio, which may be 0.4 at most, and what rendering a
report on 2,000 resources takes. The plain previews import the SDKs eagerly (PIPE_LAZY_SDK=0), without a
policy pack.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from review.render import renderings
from tests.support.review import samples
from tools.bench.__main__ import ROOT, median, python, row, seconds

STACKS = ("dev", "stg", "prod")
MOST = 0.4
"""The share of six plain previews that a review may take."""

RENDERED = 5.0
"""Seconds in which 2,000 changed resources have to be rendered, in every form."""


def repository(to: Path) -> Path:
    """The working tree in a repository whose only commit is the base; each stack file is changed."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, done.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    git = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*git, *words], cwd=to, check=True)
    for stack in STACKS:
        file = to / f"Pulumi.{stack}.yaml"
        file.write_text(file.read_text().replace("graceSeconds: 30", "graceSeconds: 40"))
    return to


def review(tree: Path) -> float:
    """Seconds of a whole review; a report is needed, whatever it says."""
    begun = time.perf_counter()
    words = python("-m", "review", "HEAD", "--tree", str(tree))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 1) or "terminationGracePeriodSeconds" not in done.stdout:
        sys.exit(f"error: the review failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begun


def previews(tree: Path) -> float:
    """Seconds of two plain previews of each stack, one after another."""
    flags = ("--project", str(tree), "--no-policies")
    os.environ |= {"PIPE_LAZY_SDK": "0", "TARGETS": "none"}
    try:
        commands = [python("-m", "sandbox", "preview", stack, *flags) for stack in STACKS]
        return sum(map(seconds, commands * 2))
    finally:
        del os.environ["PIPE_LAZY_SDK"], os.environ["TARGETS"]


def rendering() -> float:
    """Seconds of all five renderings of 2,000 changed resources with 2,000 findings."""
    ops = ("create", "update", "replace", "delete")
    changes = [samples.change(number, ops[number % 4]) for number in range(2000)]
    report = samples.report(changes=changes, findings=[samples.finding(number) for number in range(2000)])
    begun = time.perf_counter()
    for form in (
        renderings.render_terminal,
        renderings.render_markdown,
        renderings.render_html,
        renderings.render_json,
        renderings.render_sarif,
    ):
        form(report)
    return time.perf_counter() - begun


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        tree = repository(Path(folder))
        plain = previews(tree)
        row("six plain previews, eager", plain, plain, "itself")
        took = median(lambda: review(tree), 3)
        row("review of three stacks", took, plain, f"six plain previews; at most {MOST}")
    drawn = median(rendering, 3)
    row("rendering 2,000 resources", drawn, RENDERED, "5 s; at most 1")
    if took > MOST * plain or drawn > RENDERED:
        sys.exit("error: the review is slower than it may be")


if __name__ == "__main__":
    main()

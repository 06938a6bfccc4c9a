"""Checks before a deployment, as the guide requires: lint, tests, security scan, performance test, documents.

Each check is a target of the Makefile. A check that has passed is skipped until the committed content
changes, even if the next deployment is to another stack.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from operations.lib import command_line
from operations.lib.command_line import ROOT, Options
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform

COMMANDS = {
    "format, lint and types": ("make", "check"),
    "tests": ("make", "test-all"),
    "security scan": ("make", "scan"),
    "performance test": ("make", "bench"),
    "documents are current": ("make", "current"),
}
"""Command of each check, by its title."""
RECORD = Path(".runs") / "checks.json"
"""File that maps the hash of the committed content to the checks that passed."""


def run(log: RunLog, options: Options) -> None:
    """Run the checks that have not yet passed for the committed content; stop at the first failure."""
    repository = Repository(log.runner, options)
    tree = repository.content() if not repository.changed() else ""
    passes: dict[str, Any] = _read().get(tree, {})
    for name, command in COMMANDS.items():
        with log.step(name):
            if name in passes:
                log.line(f"{shlex.join(command)}: passed at {passes[name]['at']} for the same content")
                continue
            start = time.monotonic()
            log.follow(*command)
            if tree and not options.dry_run:
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                passes[name] = {"at": at, "seconds": round(time.monotonic() - start, 1)}
                _write(tree, passes)


def _read() -> dict[str, Any]:
    try:
        return json.loads((ROOT / RECORD).read_text())
    except (OSError, ValueError):
        return {}


def _write(tree: str, passes: dict[str, Any]) -> None:
    (ROOT / RECORD).parent.mkdir(exist_ok=True)
    (ROOT / RECORD).write_text(json.dumps({tree: passes}, indent=2) + "\n")


def build_parser() -> argparse.ArgumentParser:
    return command_line.parser("checks", __doc__ or "")


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)

    def work(log: RunLog) -> str:
        run(log, options)
        return "every check passed"

    return perform("checks", options, work)


if __name__ == "__main__":
    sys.exit(main())

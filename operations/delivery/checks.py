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

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from operations.lib import command_line
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import RefusedError
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services.frontend import HARMLESS

COMMANDS = {
    "format, lint and types": ("make", "check"),
    "tests": ("make", "test-all"),
    "security scan": ("make", "scan"),
    "performance test": ("make", "bench"),
    "documents are current": ("make", "current"),
}
"""Command of each check, by its title."""
VARIABLES = HARMLESS | {
    *("USER", "LOGNAME", "SHELL", "TERM", "TZ", "XDG_CACHE_HOME", "KUBEBUILDER_ASSETS"),
    *("GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"),
    *("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "WHEELS", "PYTHON"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "SSL_CERT_DIR"),
    *("SANDBOX_DOWNLOADS", "SANDBOX_FLAGS"),
}
"""Environment variables of the checks. They run the tests and what these install, and need no account.

A deployment from a person's machine has credentials of all clouds, which the tests of a merged pull request
must not read here. Files such as ~/.aws/credentials stay readable for them.
"""
RECORD = Path(".runs") / "checks.json"
"""File that maps the hash of the committed content to the checks that passed."""


class Pass(BaseModel):
    """A check that has passed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    """Time of its end, in UTC."""
    seconds: float
    """Duration of the check."""


def run(log: RunLog, options: Options, *, only_passed: bool = False) -> None:
    """Run the checks that have not yet passed for the committed content; stop at the first failure.

    With `only_passed`, refuse to run any: a job of a workflow that has credentials must not run the tests.
    """
    repository = Repository(log.runner, options)
    tree = repository.content() if not repository.changed() else ""
    passes = _read(tree)
    for name, command in COMMANDS.items():
        with log.step(name):
            if name in passes:
                log.line(f"{shlex.join(command)}: passed at {passes[name].at} for the same content")
                continue
            if only_passed:
                raise RefusedError(
                    f"{RECORD} does not say that {shlex.join(command)} has passed for this content; the job"
                    " that runs the checks, without credentials, hands the file over"
                )
            start = time.monotonic()
            log.follow(*command, only=VARIABLES)
            if tree and not options.dry_run:
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                passes[name] = Pass(at=at, seconds=round(time.monotonic() - start, 1))
                _write(tree, passes)


def _read(tree: str) -> dict[str, Pass]:
    """Return the checks that passed for a content; a record that is not valid counts for nothing.

    In a workflow, the record comes from another job, which runs tests.
    """
    try:
        record = TypeAdapter(dict[str, dict[str, Pass]]).validate_json((ROOT / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record.get(tree, {})


def _write(tree: str, passes: dict[str, Pass]) -> None:
    (ROOT / RECORD).parent.mkdir(exist_ok=True)
    record = {tree: {name: check.model_dump() for name, check in passes.items()}}
    (ROOT / RECORD).write_text(json.dumps(record, indent=2) + "\n")


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

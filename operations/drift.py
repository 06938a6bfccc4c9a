"""Comparison of a stack with its program by `pulumi preview --refresh --expect-no-changes`.

Changes of the database that RDS has not applied count as drift too, since the server runs without them.
The result is written to .runs/drift/STACK.json, from which `python -m tools.drift_issue` opens, updates or
closes an issue. The exit code is 0 after a comparison, with or without drift, and 1 if the comparison failed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from operations.lib import command_line, secret_masking
from operations.lib.command_line import ROOT, Options
from operations.lib.database.instances import Instances, identifier
from operations.lib.database.pending import pending
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog, perform

FOLDER = ROOT / ".runs" / "drift"
UNEXPECTED = "no changes were expected but changes were proposed"
"""Message with which the engine reports drift."""
LINES = 200
"""Number of the last output lines that the result keeps."""


def build_parser() -> argparse.ArgumentParser:
    return command_line.parser("drift", __doc__ or "")


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if options.target == "sandbox":
        raise RefusedError(
            f"only real stacks are checked for drift, and TARGET is sandbox. To compare the sandbox with its"
            f" program: make preview STACK={options.stack}"
        )
    return perform("drift", options, lambda log: work(log, options))


def work(log: RunLog, options: Options) -> str:
    """Compare the stack and save the result; return the final message.

    Raises FailedError if the comparison was not possible.
    """
    stack, lines, why = options.stack, list[str](), ""
    command = ["pulumi", "preview", "--refresh", "--expect-no-changes", "--diff", "--non-interactive"]
    command += ["--stack", stack, "--policy-pack", "policies"]
    command += ["--policy-pack-config", f"policies/config/{stack}.json"]
    with log.step("pulumi preview --refresh --expect-no-changes"):
        if options.dry_run:
            log.runner.change(*command)
            return "nothing was compared"
        try:
            secret_masking.hide(log.runner, stack)
            for line in log.runner.lines(*command):
                lines.append(line)
                log.line(line)
            state = "agrees"
        except FailedError as error:
            why = str(error)
            state = "drifted" if any(UNEXPECTED in line for line in lines) else "unknown"
    with log.step("pending changes of the database"):
        if state == "unknown":
            log.skip("the comparison failed")
        elif waiting := pending_lines(log, options):
            lines += waiting
            state = "drifted"
        save({"stack": stack, "state": state, "lines": (lines or why.splitlines())[-LINES:]})
        log.results["state"] = state
    if state == "unknown":
        raise FailedError(f"{stack} could not be compared with its program: {why}")
    return f"{stack}: {state}"


def pending_lines(log: RunLog, options: Options) -> list[str]:
    """Return a line for each pending change of the database, and a line with the remedy.

    The list is empty if nothing is pending, or if RDS does not respond.
    """
    rds, name = Instances(log, options), identifier(options)
    try:
        instance = rds.find(name)
        lines = pending(rds, instance).lines() if instance else []
    except FailedError as error:
        log.skip(str(error))
        return []
    for line in lines:
        log.line(line)
    advice = f"to apply the pending changes of {name}: scripts/database.sh {options.stack} apply"
    return [*(f"pending in {name}: {line}" for line in lines), advice] if lines else []


def save(comparison: dict[str, Any]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{comparison['stack']}.json").write_text(
        json.dumps(comparison, indent=2, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())

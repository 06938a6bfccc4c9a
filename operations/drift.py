"""Whether a stack is what its program says: pulumi preview --refresh --expect-no-changes.

What it finds is kept in .runs/drift/STACK.json, from which `python -m tools.drift_issue` opens an issue.
It ends with 0 whether the stack agrees or has drifted, which it says, and with 1 where nobody could look.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from operations.lib import options, secret_masking
from operations.lib.command_runner import Failed
from operations.lib.options import ROOT, Options, Refused
from operations.lib.run_log import Steps, perform

FOLDER = ROOT / ".runs" / "drift"
UNEXPECTED = "no changes were expected but changes were proposed"
"""The engine's words."""
LINES = 200


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    given = options.parser("drift", __doc__ or "").parse_args(words)
    chosen = options.options(given)
    if chosen.target == "sandbox":
        raise Refused(f"a sandbox drifts only if somebody changes it: make preview STACK={chosen.stack}")
    return perform("drift", chosen, lambda steps: work(steps, chosen))


def work(steps: Steps, chosen: Options) -> str:
    """Drift is no failure of the look; that nobody could look is."""
    stack, lines, why = chosen.stack, list[str](), ""
    words = ["pulumi", "preview", "--refresh", "--expect-no-changes", "--diff", "--non-interactive"]
    words += ["--stack", stack, "--policy-pack", "policies"]
    words += ["--policy-pack-config", f"policies/config/{stack}.json"]
    with steps.step("pulumi preview --refresh --expect-no-changes"):
        if chosen.dry_run:
            steps.programs.change(*words)
            return "nothing was asked"
        try:
            secret_masking.hide(steps.programs, stack)
            for line in steps.programs.lines(*words):
                lines.append(line)
                steps.line(line)
            state = "agrees"
        except Failed as error:
            why = str(error)
            state = "drifted" if any(UNEXPECTED in line for line in lines) else "unknown"
        keep({"stack": stack, "state": state, "lines": (lines or why.splitlines())[-LINES:]})
        steps.results["state"] = state
        if state == "unknown":
            raise Failed(f"nobody knows whether {stack} has drifted: {why}")
    return f"{stack}: {state}"


def keep(found: dict[str, Any]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{found['stack']}.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())

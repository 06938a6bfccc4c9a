"""What the working tree would change in a real stack: `pulumi preview` with the policy pack, as a review.

The report goes to .runs/STACK/preview: review.md, review.html, review.sarif, review.json.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.lib import options, secret_masking
from operations.lib.command_runner import Failed
from operations.lib.options import ROOT, Options, Refused
from operations.lib.run_log import Steps, perform


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    given = options.parser("preview", __doc__ or "").parse_args(words)
    chosen = options.options(given)
    if chosen.target == "sandbox":
        raise Refused(f"make preview STACK={chosen.stack} previews the sandbox, and make review reviews")
    return perform("preview", chosen, lambda steps: work(steps, chosen))


def work(steps: Steps, chosen: Options) -> str:
    """Preview, then review; a preview that fails is reviewed, too."""
    folder = ROOT / ".runs" / chosen.stack / "preview"
    folder.mkdir(parents=True, exist_ok=True)
    plan, events, ledger, masks = (
        folder / name for name in ("plan.json", "events.jsonl", "ledger.jsonl", "masks")
    )
    masks.unlink(missing_ok=True)  # of a run that was killed: its rights are not known
    try:
        if not chosen.dry_run:
            with steps.step("secrets to mask"):
                masks.touch(0o600, exist_ok=False)
                masks.write_text("\n".join(secret_masking.hide(steps.programs, chosen.stack)))
        with steps.step("pulumi preview"):
            failed = preview(steps, chosen, plan, events, ledger)
        found = [str(file) for file in (plan, events, ledger) if file.exists() and file.stat().st_size]
        with steps.step("review"):
            words = [sys.executable, "-m", "review", "--output", str(folder), "--mask", str(masks)]
            words += ["--events", *found]
            steps.follow(*words)
    finally:
        for file in (plan, events, ledger, masks):
            file.unlink(missing_ok=True)  # they are what the report was made from, secrets among it
    if failed:
        raise Failed(f"{failed}\nThe report says why: {folder / 'review.md'}")
    return f"the report is in {folder}"


def preview(steps: Steps, chosen: Options, plan: Path, events: Path, ledger: Path) -> str:
    """How the preview failed, if it did; its plan, events and the policies' ledger go into files."""
    stack = chosen.stack
    words = ["pulumi", "preview", "--json", "--show-sames", f"--event-log={events}", "--non-interactive"]
    words += ["--stack", stack, "--policy-pack", "policies"]
    words += ["--policy-pack-config", f"policies/config/{stack}.json"]
    if chosen.dry_run:
        steps.programs.change(*words)
        return ""
    more = {"PULUMI_DEBUG_COMMANDS": "true", "PIPE_POLICY_LEDGER": str(ledger)}  # the first shows --event-log
    steps.programs.variables |= more
    steps.line(shlex.join(words))
    with plan.open("w") as output:
        try:
            for line in steps.programs.lines(*words, output=output):
                steps.line(line)
        except Failed as error:
            return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())

"""What the working tree would change in a real stack: `pulumi preview` with the policy pack, as a review.

The report goes to .runs/STACK/preview: review.md, review.html, review.sarif, review.json.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from scripts import options
from scripts.options import ROOT, Options, Refused
from scripts.process import Failed
from scripts.steps import Steps, perform

CREDENTIAL = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)$")
"""How the environment's variables are called that hold one."""


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
                masks.write_text("\n".join(secrets(steps, chosen.stack)))
        with steps.step("pulumi preview"):
            code = preview(steps, chosen, plan, events, ledger)
        found = [str(file) for file in (plan, events, ledger) if file.exists() and file.stat().st_size]
        with steps.step("review"):
            words = [sys.executable, "-m", "review", "--output", str(folder), "--mask", str(masks)]
            words += ["--events", *found]
            steps.follow(*words)
    finally:
        for file in (plan, events, ledger, masks):
            file.unlink(missing_ok=True)  # they are what the report was made from, secrets among it
    if code:
        raise Failed(f"pulumi preview ended with {code}; the report says why: {folder / 'review.md'}")
    return f"the report is in {folder}"


def secrets(steps: Steps, stack: str) -> set[str]:
    """What no report may show, line by line: the stack's secrets, and the credentials of whoever previews."""
    said = steps.programs.read("pulumi", "config", "--show-secrets", "--json", "--stack", stack)
    found = {value for name, value in os.environ.items() if CREDENTIAL.search(name)}
    for each in json.loads(said).values():
        if each.get("secret"):
            found |= {*texts(each.get("objectValue", each["value"]))}
    return {line for value in found for line in value.splitlines() if line}


def texts(value: Any) -> Iterator[str]:
    """All texts in a value of JSON, but for names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts([*cast(dict[str, Any], value).values()])
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from texts(each)


def preview(steps: Steps, chosen: Options, plan: Path, events: Path, ledger: Path) -> int:
    """The preview's exit code; its plan, events and the policies' ledger go into files."""
    stack = chosen.stack
    words = ["pulumi", "preview", "--json", "--show-sames", f"--event-log={events}", "--non-interactive"]
    words += ["--stack", stack, "--policy-pack", "policies"]
    words += ["--policy-pack-config", f"policies/config/{stack}.json"]
    if chosen.dry_run:
        steps.programs.change(*words)
        return 0
    more = {"PULUMI_DEBUG_COMMANDS": "true", "PIPE_POLICY_LEDGER": str(ledger)}  # the first shows --event-log
    steps.line(shlex.join(words))
    with plan.open("w") as out:
        try:
            return subprocess.run(
                words, env=os.environ | more, stdout=out, stdin=subprocess.DEVNULL
            ).returncode
        except FileNotFoundError:
            raise Failed("pulumi is not installed, or not in PATH") from None


if __name__ == "__main__":
    sys.exit(main())

"""Publication of drift as a GitHub issue: python -m tools.drift_issue FOLDER STACK…

The issue is open while a stack differs from its program or cannot be compared. FOLDER contains the result of
scripts/drift.sh for each stack; the state of a stack without a result is unknown. The program
needs `gh`, GH_TOKEN and GH_REPO. It uses only the standard library, since nothing is installed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TITLE = "Drift: a stack differs from its program"
LONGEST = 60_000
"""Largest number of characters of all comparisons' outputs in the issue; GitHub accepts 65,536 in all."""
STATES = {
    "agrees": "agrees with its program",
    "drifted": "differs from its program",
    "unknown": "could not be compared with its program",
}
"""Description of each state."""


def main(arguments: list[str]) -> int:
    """Open, update or close the issue, as the results require; return 2 for wrong arguments, else 0."""
    if len(arguments) < 2:
        usage = "usage: python -m tools.drift_issue FOLDER STACK…"
        print(f"{usage} (FOLDER has the results of scripts/drift.sh)", file=sys.stderr)
        return 2
    folder, *stacks = arguments
    results = [result(Path(folder), stack) for stack in stacks]
    differing = [entry for entry in results if entry["state"] != "agrees"]
    number = existing()
    if differing and number:
        gh("issue", "edit", str(number), "--body-file", "-", stdin=body(results))
        print(f"updated issue {number}")
    elif differing:
        print(gh("issue", "create", "--title", TITLE, "--body-file", "-", stdin=body(results)).strip())
    elif number:
        gh("issue", "close", str(number), "--comment", "All stacks agree with their program again.")
        print(f"closed issue {number}")
    else:
        print("no drift and no open issue about drift")
    return 0


def result(folder: Path, stack: str) -> dict[str, Any]:
    """Return the result for a stack; without a readable result, one with the state `unknown`."""
    for file in folder.rglob(f"{stack}.json"):
        try:
            return json.loads(file.read_text())
        except ValueError:
            break
    return {"stack": stack, "state": "unknown", "lines": ["There is no result: see the workflow's log."]}


def existing() -> int | None:
    """Return the number of the open issue with TITLE that this workflow has opened, or None."""
    arguments = (
        "--app",  # Anybody may open an issue with this title.
        "github-actions",
        "--state",
        "open",
        "--limit",
        "100",
        "--search",
        f'in:title "{TITLE}"',
        "--json",
        "number,title",
    )
    listed: list[dict[str, Any]] = json.loads(gh("issue", "list", *arguments))
    return next((entry["number"] for entry in listed if entry["title"] == TITLE), None)


def body(results: list[dict[str, Any]]) -> str:
    """Return the issue's text: one line per stack, then the output for each stack that does not agree.

    A long output is shortened to its end.
    """
    parts = [
        "In the nightly drift check, not every stack agrees with its program. If a stack differs, either"
        " change the program to match the stack, or revert the stack's changes: `pulumi up --refresh`.",
        "",
    ]
    parts += [f"- **{entry['stack']}** {STATES[entry['state']]}" for entry in results]
    differing = [entry for entry in results if entry["state"] != "agrees"]
    limit = LONGEST // max(1, len(differing))
    for entry in differing:
        text = "\n".join(entry["lines"]).replace("```", "'''")
        shown = text if len(text) <= limit else f"… the last {limit} characters:\n{text[-limit:]}"
        parts += [
            "",
            f"<details><summary>{entry['stack']}</summary>",
            "",
            "```",
            shown,
            "```",
            "",
            "</details>",
        ]
    return "\n".join(parts) + "\n"


def gh(*arguments: str, stdin: str = "") -> str:
    completed = subprocess.run(["gh", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if completed.returncode:
        command, error = " ".join(arguments[:2]), completed.stderr.strip()
        sys.exit(f"error: gh {command} failed with exit code {completed.returncode}: {error}")
    return completed.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

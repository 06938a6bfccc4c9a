"""Issue about drift, opened, updated or closed: python -m tools.drift_issue FOLDER STACK….

FOLDER has a result of scripts/drift.sh for each stack; a stack without one is unknown. Needs `gh`, GH_TOKEN
and GH_REPO; only the standard library, so that it runs where nothing is installed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TITLE = "Drift: a stack is not what its program says"
LONGEST = 60_000
STATES = {
    "agrees": "is what the program says",
    "drifted": "differs",
    "unknown": "could not be compared: the look at it failed",
}


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        usage = "usage: python -m tools.drift_issue FOLDER STACK…, the folder with files of scripts/drift.sh"
        print(usage, file=sys.stderr)
        return 2
    folder, *stacks = arguments
    results = [result(Path(folder), stack) for stack in stacks]
    wrong = [entry for entry in results if entry["state"] != "agrees"]
    number = existing()
    if wrong and number:
        gh("issue", "edit", str(number), "--body-file", "-", stdin=body(results))
        print(f"updated issue {number}")
    elif wrong:
        print(gh("issue", "create", "--title", TITLE, "--body-file", "-", stdin=body(results)).strip())
    elif number:
        gh("issue", "close", str(number), "--comment", "All stacks are what the program says again.")
        print(f"closed issue {number}")
    else:
        print("no drift, and no issue about it")
    return 0


def result(folder: Path, stack: str) -> dict[str, Any]:
    """Return the result of a stack; unknown if the comparison failed or was interrupted."""
    for file in folder.rglob(f"{stack}.json"):
        try:
            return json.loads(file.read_text())
        except ValueError:
            break
    return {"stack": stack, "state": "unknown", "lines": ["There is no result: see the run of the workflow."]}


def existing() -> int | None:
    """Return the number of the open issue with the title, or None."""
    arguments = (
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
    """Return the issue's text: a line for each stack, then the differences, shortened to the last lines."""
    parts = [
        "Found by the nightly drift check. Either change the program to what is there, or put it back:"
        " `pulumi up --refresh`.",
        "",
    ]
    parts += [f"- **{entry['stack']}** {STATES[entry['state']]}" for entry in results]
    wrong = [entry for entry in results if entry["state"] != "agrees"]
    room = LONGEST // max(1, len(wrong))
    for entry in wrong:
        text = "\n".join(entry["lines"]).replace("```", "'''")
        shown = text if len(text) <= room else f"… the last {room} characters:\n{text[-room:]}"
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
        sys.exit(f"error: gh {command} ended with {completed.returncode}: {error}")
    return completed.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

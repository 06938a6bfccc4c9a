"""Opens, updates or closes the one issue about drift: python -m tools.drift_issue FOLDER STACK….

FOLDER has what scripts/drift.sh found, a file a stack; a stack without one is unknown. Needs `gh`, GH_TOKEN
and GH_REPO; only the standard library, so that it runs where nothing is installed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TITLE = "Drift: a stack is not what its program says"
LONGEST = 60_000
SAID = {
    "agrees": "is what the program says",
    "drifted": "differs",
    "unknown": "could not be compared: the look at it failed",
}


def main(words: list[str]) -> int:
    if len(words) < 2:
        usage = "usage: python -m tools.drift_issue FOLDER STACK…, the folder with files of scripts/drift.sh"
        print(usage, file=sys.stderr)
        return 2
    folder, *stacks = words
    found = [result(Path(folder), stack) for stack in stacks]
    wrong = [each for each in found if each["state"] != "agrees"]
    number = existing()
    if wrong and number:
        gh("issue", "edit", str(number), "--body-file", "-", given=body(found))
        print(f"updated issue {number}")
    elif wrong:
        print(gh("issue", "create", "--title", TITLE, "--body-file", "-", given=body(found)).strip())
    elif number:
        gh("issue", "close", str(number), "--comment", "All stacks are what the program says again.")
        print(f"closed issue {number}")
    else:
        print("no drift, and no issue about it")
    return 0


def result(folder: Path, stack: str) -> dict[str, Any]:
    """What was found of a stack; unknown where nobody could look, or the look was cut off."""
    for file in folder.rglob(f"{stack}.json"):
        try:
            return json.loads(file.read_text())
        except ValueError:
            break
    return {"stack": stack, "state": "unknown", "lines": ["There is no result: see the run of the workflow."]}


def existing() -> int | None:
    """The open issue of that title."""
    words = ("--state", "open", "--limit", "100", "--search", f'in:title "{TITLE}"', "--json", "number,title")
    listed: list[dict[str, Any]] = json.loads(gh("issue", "list", *words))
    return next((each["number"] for each in listed if each["title"] == TITLE), None)


def body(found: list[dict[str, Any]]) -> str:
    """Each stack in a line, and below what differs, the last lines where it is too long."""
    parts = [
        "Found by the nightly drift check. Either change the program to what is there, or put it back:"
        " `pulumi up --refresh`.",
        "",
    ]
    parts += [f"- **{each['stack']}** {SAID[each['state']]}" for each in found]
    wrong = [each for each in found if each["state"] != "agrees"]
    room = LONGEST // max(1, len(wrong))
    for each in wrong:
        text = "\n".join(each["lines"]).replace("```", "'''")
        shown = text if len(text) <= room else f"… the last {room} characters:\n{text[-room:]}"
        parts += [
            "",
            f"<details><summary>{each['stack']}</summary>",
            "",
            "```",
            shown,
            "```",
            "",
            "</details>",
        ]
    return "\n".join(parts) + "\n"


def gh(*words: str, given: str = "") -> str:
    done = subprocess.run(["gh", *words], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: gh {words[0]} {words[1]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

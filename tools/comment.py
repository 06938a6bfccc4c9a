"""Publication of a review as a comment on its pull request: python -m tools.comment FOLDER.

This module runs with write permission, after a job without write permission has created the review. FOLDER is
that job's artifact. It may be missing, and it quotes the pull request's program. Therefore mentions in
review.md are made ineffective, and annotations.sarif is rebuilt from the known fields of review.sarif. The
number of the pull request comes from the event (GITHUB_EVENT_PATH), never from the artifact. Only the
standard library is used, since nothing is installed.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- pipe-review -->"
"""Start of the comment, by which the next run recognizes the comment."""
LONGEST = 65_000
"""Largest number of characters in a review; GitHub accepts 65,536 in a comment."""

TOO_LONG = "The report is longer than a comment can be; it is in the workflow run's artifact."

TOOL = "pipe-review"
"""Tool name in the annotations, which replace earlier annotations with the same tool name."""

LARGEST, MOST = 20_000_000, 5_000
"""Largest number of characters to read from a file, and of results in it; GitHub shows 5,000 results."""

ANNOTATIONS = Path("annotations.sarif")

ENTITY = re.compile(r"&(?:#(?=0*(?:35|64);|x0*(?:23|40);)|(?=(?:num|commat);))", re.IGNORECASE)
"""Pattern of the start of an HTML entity of `#` or `@`."""

MENTION = re.compile(
    r"(?<![0-9A-Za-z])(?:@(?=[0-9A-Za-z])|GH(?=-[0-9]))|#(?=[0-9]+(?![0-9;]))",
    re.ASCII | re.IGNORECASE,
)
"""Pattern of the characters that start a mention or a reference (`#1`, `GH-1`).

Its classes are those of ASCII, as in GitHub's filters (review/render/filters.py: MENTION).
"""


def main(arguments: list[str]) -> int:
    """Create or update the comment, and write ANNOTATIONS; return 2 for wrong arguments, else 0."""
    if len(arguments) != 1:
        print(
            "usage: python -m tools.comment FOLDER (the folder with review.md and review.sarif)",
            file=sys.stderr,
        )
        return 2
    event: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    repository, number = os.environ["GITHUB_REPOSITORY"], event["pull_request"]["number"]
    commit: str = event["pull_request"]["head"]["sha"]
    if not is_newest(repository, number, commit):
        print(f"no comment: {commit} is no longer the newest commit of an open pull request")
        return 0
    folder = Path(arguments[0])
    notice = write_annotations(folder / "review.sarif")
    report = text(folder / "review.md", commit, notice)
    before = comment(repository, number)
    method, path = ("PATCH", f"issues/comments/{before}") if before else ("POST", f"issues/{number}/comments")
    gh(
        "api",
        "--method",
        method,
        f"repos/{repository}/{path}",
        "--input",
        "-",
        stdin=json.dumps({"body": report}),
    )
    print(f"{'updated' if before else 'created'} the comment of pull request {number}")
    if not notice and (output := os.environ.get("GITHUB_OUTPUT")):
        with Path(output).open("a") as file:
            file.write(f"ref=refs/pull/{number}/head\nsha={commit}\nsarif={ANNOTATIONS}\n")
    return 0


def write_annotations(sarif: Path) -> str:
    """Write ANNOTATIONS; return a notice for the comment if review.sarif is no SARIF of a review, else ''."""
    try:
        ANNOTATIONS.write_text(json.dumps(annotations(read(sarif))))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        print(f"no annotations: review.sarif is missing or is not the SARIF of a review: {error!r}")
        return (
            "The annotations on the lines of the pull request are missing or those of an earlier commit.\n\n"
        )
    return ""


def is_newest(repository: str, number: int, commit: str) -> bool:
    """Return True if a commit is the newest one of an open pull request."""
    pull = json.loads(gh("api", f"repos/{repository}/pulls/{number}"))
    return pull["state"] == "open" and pull["head"]["sha"] == commit


def read(file: Path) -> str:
    """Return the text of a file in the artifact; an empty string if the file is missing.

    Symbolic links are not followed, since they could lead to files of this machine.
    """
    if file.is_symlink() or not file.is_file():
        return ""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(LARGEST)


def text(file: Path, commit: str, notice: str = "") -> str:
    """Return the text of the comment: the report, or a notice if the report is missing.

    Of a report that is too long, the comment has the start: the verdict and the table of stacks.
    """
    head = f"{MARK}\nReview of {commit}, by the program and the policies of main.\n\n"
    report = neutral(read(file))
    if not report.strip():
        return f"{head}There is no report; see the workflow's log for the reason."
    head += notice
    if len(head + report) > LONGEST + 500:
        start = re.split(r"^(?:###|<details>)", report, maxsplit=1, flags=re.MULTILINE)[0]
        # A start that is too long is left out as a whole, since a cut could leave markup open.
        start = start if len(start) < LONGEST - len(head) - 500 else ""
        return f"{head}{start}{TOO_LONG}"
    return head + report


def neutral(report: str) -> str:
    """Return the report without effective mentions and references to issues.

    GitHub looks for both in the rendered Markdown, so escapes have no effect. Instead, a zero-width space
    follows the character that starts a mention or reference. An entity of such a character gets one, too, and
    stays as it is: in code, GitHub shows it literally (https://github.github.com/gfm, 6.2), and a shell does
    not take `&num;` for the start of a comment.
    """
    report = ENTITY.sub("\\g<0>\u200b", report)
    return MENTION.sub("\\g<0>\u200b", report)


def annotations(sarif: str) -> dict[str, Any]:
    """Rebuild the annotations for code scanning from known fields.

    Raises ValueError, KeyError or TypeError if the text is not the SARIF of a review. GitHub treats every
    result as an open alert, so fixed, waived and unknown results are omitted.
    """
    [run] = json.loads(sarif)["runs"]
    driver = run["tool"]["driver"]
    if driver["name"] != TOOL:
        raise ValueError(f"the report is from {driver['name']!r}; only reports from {TOOL!r} are accepted")
    if (number := len(run["results"])) > MOST:
        raise ValueError(f"{number:,} results; at most {MOST:,} are allowed")
    rules = [
        {"id": word(entry["id"])} | {key: {"text": word(entry[key]["text"])} for key in RULE}
        for entry in driver["rules"]
    ]
    results = [
        {
            "ruleId": word(entry["ruleId"]),
            "level": {"error": "error", "warning": "warning", "note": "note"}[entry["level"]],
            "message": {"text": word(entry["message"]["text"])},
            "partialFingerprints": {LINE: word(entry["partialFingerprints"][LINE])},
            "locations": [location(place) for place in entry["locations"]],
            "relatedLocations": [
                location(place) | {"id": number, "message": {"text": word(place["message"]["text"])}}
                for number, place in enumerate(entry["relatedLocations"], 1)
            ],
        }
        for entry in run["results"]
        if entry["kind"] == "fail" and entry["baselineState"] != "absent" and "suppressions" not in entry
    ]
    tool = {"driver": {"name": TOOL, "rules": rules}}
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": results}]}


MOST_LINES = 10**6
"""Largest number of a line that a file of the repository may have."""

RULE = ("shortDescription", "fullDescription", "help")
"""Fields of a SARIF rule that contain text."""
LINE = "primaryLocationLineHash"
"""Name of the fingerprint by which GitHub recognizes a result in a later run."""


def word(value: Any) -> str:
    """Return a text without effective mentions; raise TypeError for any other value."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return neutral(value)


def location(place: Any) -> dict[str, Any]:
    """Return a SARIF location; raise ValueError if it is not a line in a file of the repository."""
    physical = place["physicalLocation"]
    # The pattern admits no mention, and `GH-1` in a path is no reference.
    file, line = physical["artifactLocation"]["uri"], physical["region"]["startLine"]
    is_line = isinstance(line, int) and 1 <= line <= MOST_LINES
    if not re.fullmatch(r"(?!/)(?!(.*/)?\.\.(/|$))[\w./%~-]+", file) or not is_line:
        raise ValueError(f"{file}:{line} is not a line of a file in the repository")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line},
        }
    }


def comment(repository: str, number: int) -> int | None:
    """Return the ID of the comment that contains the previous review, or None."""
    pages = gh("api", "--paginate", "--slurp", f"repos/{repository}/issues/{number}/comments")
    for page in json.loads(pages):
        for entry in page:
            if entry["user"]["login"] == "github-actions[bot]" and entry["body"].startswith(MARK):
                return entry["id"]
    return None


def gh(*arguments: str, stdin: str = "") -> str:
    result = subprocess.run(["gh", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        error = result.stderr.strip()
        sys.exit(f"error: gh {arguments[0]} failed with exit code {result.returncode}: {error}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

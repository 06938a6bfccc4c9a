"""Puts a review into the one comment of its pull request: python -m tools.comment FOLDER.

Runs with the right to write, after the workflow that made the review without it. FOLDER is that workflow's
artifact, if it made one: data of the pull request's. So review.md is read as text, which mentions nobody, and
annotations.sarif is made anew of what is known in review.sarif. Whose they are comes from the event
(GITHUB_EVENT_PATH), never from the artifact. Only the standard library: nothing is installed for it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- pipe-review -->"
LONGEST = 65_000
"""Characters that the review keeps to; GitHub takes 65,536."""

TOOL = "pipe-review"
"""What the annotations are by: another name would replace what another tool found."""

LARGEST, MOST = 5_000_000, 5_000
"""Characters of a file that is read, and results in it; GitHub shows 5,000."""

ANNOTATIONS = Path("annotations.sarif")


def main(words: list[str]) -> int:
    if len(words) != 1:
        print("usage: python -m tools.comment FOLDER, with review.md and review.sarif in it", file=sys.stderr)
        return 2
    run: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())["workflow_run"]
    repository = os.environ["GITHUB_REPOSITORY"]
    number = pull_request(repository, run)
    if number is None:
        print(f"{run['head_sha']} is not the newest commit of an open pull request any more: no comment")
        return 0
    folder = Path(words[0])
    said = text(folder / "review.md", run["head_sha"])
    before = comment(repository, number)
    method, path = ("PATCH", f"issues/comments/{before}") if before else ("POST", f"issues/{number}/comments")
    gh(
        "api",
        "--method",
        method,
        f"repos/{repository}/{path}",
        "--input",
        "-",
        given=json.dumps({"body": said}),
    )
    print(f"{'updated' if before else 'made'} the comment of pull request {number}")
    try:
        ANNOTATIONS.write_text(json.dumps(annotations(read(folder / "review.sarif"))))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        print(f"no annotations: review.sarif is none of ours: {error!r}")
        return 0
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"ref=refs/pull/{number}/head\nsha={run['head_sha']}\nsarif={ANNOTATIONS}\n")
    return 0


def pull_request(repository: str, run: dict[str, Any]) -> int | None:
    """The open pull request whose newest commit was reviewed; the event names none for a fork."""
    if not run["head_repository"]:
        return None  # a fork that was deleted
    head = f"{run['head_repository']['owner']['login']}:{run['head_branch']}"
    query = ("--method", "GET", "-f", "state=open", "-f", f"head={head}")
    listed: list[dict[str, Any]] = json.loads(gh("api", *query, f"repos/{repository}/pulls"))
    return next((each["number"] for each in listed if each["head"]["sha"] == run["head_sha"]), None)


def read(file: Path) -> str:
    """A file of the artifact; nothing if there is none. A link could lead to a file of this machine."""
    if file.is_symlink() or not file.is_file():
        return ""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(LARGEST)


def text(file: Path, commit: str) -> str:
    """The comment. What is too long, or missing, was not made by our review."""
    head = f"{MARK}\nReview of {commit}, made by running the pull request's own program.\n\n"
    said = neutral(read(file))
    if not said.strip():
        return f"{head}There is no report: the workflow's log says why."
    if len(head + said) > LONGEST + 500:
        return f"{head}The report is longer than a comment can be; it is in the workflow's artifact `review`."
    return head + said


def neutral(said: str) -> str:
    """Text in which nobody is mentioned and no issue referred to, wherever Markdown makes code of it.

    GitHub looks for both in what Markdown has made, so no escape helps; a space without width does.
    """
    said = re.sub(r"&(?:#0*64|#x0*40|commat);", "@", said, flags=re.IGNORECASE)
    said = re.sub(r"&(?:#0*35|#x0*23|num);", "#", said, flags=re.IGNORECASE)
    return re.sub(r"((?<![0-9A-Za-z])@(?=[0-9A-Za-z])|#(?=\d+(?![\d;])))", "\\1\u200b", said)


def annotations(sarif: str) -> dict[str, Any]:
    """What code scanning shows at lines, made anew of what is known; an error if our review did not write it.

    GitHub takes every result for an open alert, so what is fixed, waived or unknown stays out.
    """
    [run] = json.loads(sarif)["runs"]
    driver = run["tool"]["driver"]
    if driver["name"] != TOOL or len(run["results"]) > MOST:
        raise ValueError(f"{driver['name']!r} with {len(run['results'])} results")
    rules = [
        {"id": word(each["id"])} | {key: {"text": word(each[key]["text"])} for key in RULE}
        for each in driver["rules"]
    ]
    results = [
        {
            "ruleId": word(each["ruleId"]),
            "level": {"error": "error", "warning": "warning", "note": "note"}[each["level"]],
            "message": {"text": word(each["message"]["text"])},
            "partialFingerprints": {LINE: word(each["partialFingerprints"][LINE])},
            "locations": [location(place) for place in each["locations"]],
            "relatedLocations": [
                location(place) | {"id": number, "message": {"text": word(place["message"]["text"])}}
                for number, place in enumerate(each["relatedLocations"], 1)
            ],
        }
        for each in run["results"]
        if each["kind"] == "fail" and each["baselineState"] != "absent" and "suppressions" not in each
    ]
    tool = {"driver": {"name": TOOL, "rules": rules}}
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": results}]}


RULE = ("shortDescription", "fullDescription", "help")
LINE = "primaryLocationLineHash"


def word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return neutral(value)


def location(place: Any) -> dict[str, Any]:
    """A line of a file of the repository."""
    physical = place["physicalLocation"]
    file, line = word(physical["artifactLocation"]["uri"]), physical["region"]["startLine"]
    if not re.fullmatch(r"(?!/)(?!.*\.\.)[\w./%~-]+", file) or not isinstance(line, int) or line < 1:
        raise ValueError(f"{file}:{line} is no line of the repository")
    where = {"artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": line}}
    return {"physicalLocation": where}


def comment(repository: str, number: int) -> int | None:
    """Our comment of before."""
    pages = gh("api", "--paginate", "--slurp", f"repos/{repository}/issues/{number}/comments")
    for page in json.loads(pages):
        for each in page:
            if each["user"]["login"] == "github-actions[bot]" and each["body"].startswith(MARK):
                return each["id"]
    return None


def gh(*words: str, given: str = "") -> str:
    done = subprocess.run(["gh", *words], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: gh {words[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

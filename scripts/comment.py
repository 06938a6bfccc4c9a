"""Puts a review into the one comment of its pull request: python -m scripts.comment FOLDER.

Runs with the right to write, after the workflow that made the review without it. FOLDER is that workflow's
artifact: data of the pull request's, so only review.md is read, as text, and whose it is comes from the event
(GITHUB_EVENT_PATH), never from the artifact. Only the standard library: nothing is installed for it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- pipe-review -->"
LONGEST = 65_000
"""Characters that the review keeps to; GitHub takes 65,536."""


def main(words: list[str]) -> int:
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("usage: python -m scripts.comment FOLDER, with review.md in it", file=sys.stderr)
        return 2
    run: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())["workflow_run"]
    repository = os.environ["GITHUB_REPOSITORY"]
    number = pull_request(repository, run)
    if number is None:
        print(f"{run['head_sha']} is not the newest commit of an open pull request any more: no comment")
        return 0
    said = text(Path(words[0]) / "review.md", run["head_sha"])
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
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"ref=refs/pull/{number}/head\nsha={run['head_sha']}\n")
    return 0


def pull_request(repository: str, run: dict[str, Any]) -> int | None:
    """The open pull request whose newest commit was reviewed; the event names none for a fork."""
    head = f"{run['head_repository']['owner']['login']}:{run['head_branch']}"
    query = ("--method", "GET", "-f", "state=open", "-f", f"head={head}")
    listed: list[dict[str, Any]] = json.loads(gh("api", *query, f"repos/{repository}/pulls"))
    return next((each["number"] for each in listed if each["head"]["sha"] == run["head_sha"]), None)


def text(file: Path, commit: str) -> str:
    """The comment. What is too long, or missing, was not made by our review."""
    head = f"{MARK}\nReview of {commit}, made by running the pull request's own program.\n\n"
    try:
        said = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{head}There is no report: the workflow's log says why."
    if len(head + said) > LONGEST + 500:
        return f"{head}The report is longer than a comment can be; it is in the workflow's artifact `review`."
    return head + said


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

"""Check that owners have approved a pull request that touches guarded files: python -m tools.check_owners.

With `--approval`, the program instead prints the owner who approved the commits in this run's event, and sets
the step's output `owner` to this name. The output is empty without an approval.

The guarded files are those to which .github/CODEOWNERS does not give the default owners. The deployed image
in a stack file is guarded, too. Such a pull request passes only in the run that starts when an owner sets
LABEL. A run for new commits removes the label, so that an owner must approve them again. An owner has the
role Maintain or Admin in the repository and is not the author.

The program runs from main, reads the pull request only through GitHub's API, and executes none of its code.
It needs `gh` and GH_TOKEN, and uses only the standard library, since nothing is installed.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

LABEL = "owners-approved"
ROLES = ("admin", "maintain")
"""Roles of owners, by GitHub's names
(https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user).
"""
CODEOWNERS = Path(__file__).parents[1] / ".github" / "CODEOWNERS"
STACK_FILE = re.compile(r"Pulumi\.\w+\.yaml")
DEPLOYED = re.compile(r"  +(image|migrate):")
"""Keys of `pipe:api` in a stack file that only deployments set."""
SHOWN = 20
"""Largest number of guarded files that the output lists."""


@dataclass(frozen=True)
class Line:
    """A line of CODEOWNERS."""

    pattern: str
    owners: tuple[str, ...]

    def matches(self, path: str) -> bool:
        """Return True if the pattern matches the path, for the forms that this repository uses."""
        if self.pattern == "*":
            return True
        anchored = self.pattern.removeprefix("/")
        if anchored.endswith("/"):
            return path.startswith(anchored)
        return "/" not in path and fnmatch.fnmatchcase(path, anchored)


def main(arguments: Sequence[str] = ()) -> int:
    """Check the pull request of the event, or print its approval; return 0, or 1 if the check fails."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    pull, repository = event["pull_request"], os.environ["GITHUB_REPOSITORY"]
    if [*arguments] == ["--approval"]:
        owner = approval(repository, event)
        print(owner or "no owner has approved these commits")
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as output:
            output.write(f"owner={owner}\n")
        return 0
    about_label = event["action"] in ("labeled", "unlabeled")
    if about_label and event["label"]["name"] != LABEL:
        print(f"this check ignores the label {event['label']['name']}")
        return 0
    current = api(f"repos/{repository}/pulls/{pull['number']}")
    if current["head"]["sha"] != pull["head"]["sha"]:
        print(
            f"error: {pull['head']['sha']} is not the newest commit of the pull request; "
            "the run for that commit decides",
            file=sys.stderr,
        )
        return 1
    guarded = guarded_files(repository, current, codeowners())
    if not guarded:
        print("the pull request changes no guarded file")
        return 0
    listed = [*guarded[:SHOWN], *([f"and {len(guarded) - SHOWN} more"] if len(guarded) > SHOWN else [])]
    print("guarded:", *listed, sep="\n  ")
    if event["action"] == "labeled":
        problem = objection(repository, event["sender"]["login"], pull["user"]["login"])
        if not problem:
            print(f"{event['sender']['login']} has approved {pull['head']['sha']}")
            return 0
    else:
        problem = "no owner has approved these commits"
    if any(label["name"] == LABEL for label in current["labels"]):
        gh("api", "--method", "DELETE", f"repos/{repository}/issues/{pull['number']}/labels/{LABEL}")
    print(
        f"error: {problem}; ask an owner to review the commits and to set the label {LABEL} "
        "(README.md, section Owners)",
        file=sys.stderr,
    )
    return 1


def approval(repository: str, event: dict[str, Any]) -> str:
    """Return the owner who set LABEL in this event, and thereby approved the newest commit; else empty."""
    if event["action"] != "labeled" or event["label"]["name"] != LABEL:
        return ""
    sender: str = event["sender"]["login"]
    return "" if objection(repository, sender, event["pull_request"]["user"]["login"]) else sender


def codeowners() -> list[Line]:
    """Return the lines of CODEOWNERS; raise ValueError for a pattern that `Line.matches` does not support."""
    lines: list[Line] = []
    for text in CODEOWNERS.read_text().splitlines():
        pattern, *owners = text.partition("#")[0].split() or [""]
        if not pattern:
            continue
        if not re.fullmatch(r"\*|/[\w.-]+\*?|/([\w.-]+/)+", pattern):
            raise ValueError(
                f"{CODEOWNERS.name}: the pattern {pattern!r} is not supported; allowed: *, /NAME, /PREFIX*,"
                " /FOLDER/"
            )
        lines.append(Line(pattern, tuple(owners)))
    return lines


def is_guarded(path: str, lines: Sequence[Line]) -> bool:
    """Return True if the last matching line has other owners than the line `*`."""
    owners = [line.owners for line in lines if line.matches(path)]
    [default] = [line.owners for line in lines if line.pattern == "*"]
    return owners[-1] != default


def guarded_files(repository: str, pull: dict[str, Any], lines: Sequence[Line]) -> list[str]:
    """Return the guarded files that a pull request changes, under their new and their old names.

    GitHub lists at most 3,000 files (https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files);
    if the list is incomplete, an entry of the result says so.
    """
    pages = api(f"repos/{repository}/pulls/{pull['number']}/files?per_page=100", "--paginate", "--slurp")
    files: list[dict[str, Any]] = [file for page in pages for file in page]
    guarded: list[str] = []
    if len(files) != pull["changed_files"]:
        guarded.append(
            f"files that GitHub does not list ({len(files)} of {pull['changed_files']} are listed)"
        )
    for file in files:
        names = {file["filename"], file.get("previous_filename", file["filename"])}
        guarded += sorted(name for name in names if is_guarded(name, lines))
        name = file["filename"]
        if name not in guarded and STACK_FILE.fullmatch(name) and file["status"] != "removed":
            texts = [content(repository, name, pull[side]["sha"]) for side in ("base", "head")]
            if deployed_lines(texts[0]) != deployed_lines(texts[1]):
                guarded.append(f"{name}: the deployed image")
    return guarded


def deployed_lines(text: str) -> list[str]:
    """Return the lines of a stack file that only deployments set: `image` and `migrate` of `pipe:api`."""
    lines: list[str] = []
    is_api = False
    for line in text.splitlines():
        if re.match(r"  \S", line):
            is_api = line.startswith("  pipe:api:")
        if is_api and (DEPLOYED.match(line) or line.startswith("  pipe:api: {")):
            lines.append(line.strip())
    return lines


def content(repository: str, name: str, commit: str) -> str:
    """Return a file's text at a commit; empty if the commit does not have the file."""
    path = f"repos/{repository}/contents/{quote(name)}?ref={commit}"
    result = run("api", "--header", "Accept: application/vnd.github.raw+json", path)
    if result.returncode and "HTTP 404" in result.stderr:
        return ""
    return checked(result, "api")


def objection(repository: str, sender: str, author: str) -> str:
    """Return the reason why a person's label does not count; empty if it counts."""
    if sender == author:
        return f"{sender}, who set the label, is the author"
    role = api(f"repos/{repository}/collaborators/{quote(sender)}/permission")["role_name"]
    return "" if role in ROLES else f"{sender} has the role {role}, but owners have {' or '.join(ROLES)}"


def api(path: str, *arguments: str) -> Any:
    """Return the JSON of a response of GitHub's API; exit if the request fails."""
    return json.loads(gh("api", *arguments, path))


def gh(*arguments: str) -> str:
    return checked(run(*arguments), arguments[0])


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["gh", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def checked(result: "subprocess.CompletedProcess[str]", command: str) -> str:
    if result.returncode:
        sys.exit(f"error: gh {command} failed with exit code {result.returncode}: {result.stderr.strip()}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

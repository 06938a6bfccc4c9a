"""Check that owners have approved a pull request that touches guarded files: python -m tools.check_owners.

With `--approval`, the program instead prints the owner who approved the commits in this run's event, and sets
the step's output `owner` to this name. The output is empty without an approval.

The guarded files are all files that .github/CODEOWNERS does not give to the platform team. The deployed image
in a stack file is guarded, too, and so is each link or submodule. Such a pull request passes only in the run
that starts when an owner sets LABEL, after approving the newest commit in a review on GitHub. A run for new
commits removes the label, so that an owner must approve them again. An owner has the role Maintain or Admin
in the repository and is not the author. No label admits a file in the root that would run in place of a
program or module (`refusal`).

The program runs from main, reads the pull request only through GitHub's API, and executes none of its code.
It needs `gh` and GH_TOKEN, and uses only the standard library, since nothing is installed.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools import deployed_image

LABEL = "owners-approved"
ROLES = ("admin", "maintain")
"""Roles of owners, by GitHub's names
(https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user).
"""
DECISIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
"""States of reviews that replace the person's earlier decision; a comment does not
(https://docs.github.com/en/graphql/reference/enums#pullrequestreviewstate).
"""
CODEOWNERS = Path(__file__).parents[1] / ".github" / "CODEOWNERS"
STACK_FILE = re.compile(r"Pulumi\.\w+\.yaml")
PORTABLE = re.compile(r"([\w@+ .-]*[\w@+-](/|$))+", re.ASCII)
"""Pattern of paths that lead to the same file on every file system, except for the case of letters.

Windows and macOS give other names a second meaning: final dots and spaces, `~`, `:`, a backslash, and letters
outside of ASCII (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
"""
REGULAR = "100"
"""Start of git's modes of a file that is neither a link nor a submodule (git-fast-import(1))."""
SHOWN = 20
"""Largest number of files that the output lists."""
MODULES = sys.stdlib_module_names | {"sitecustomize", "usercustomize"}
"""Names of modules that Python has or imports at its start (https://docs.python.org/3/library/site.html)."""
COMPUTED = "_sysconfigdata_"
"""Start of the name of the module with Python's own settings, which `sysconfig` computes and imports."""
IMPORTED = (".py", ".pyc", ".so")
"""Endings of the files that Python imports as a module (importlib.machinery.all_suffixes)."""


Tree = dict[str, tuple[str, str]]
"""Mode and object of each file of a commit, by path."""


@dataclass(frozen=True)
class Line:
    """A line of CODEOWNERS."""

    pattern: str
    owners: tuple[str, ...]

    def matches(self, path: str, *, any_case: bool = False) -> bool:
        """Return True if the pattern matches the path, for the forms that this repository uses."""
        if self.pattern == "*":
            return True
        anchored = self.pattern.removeprefix("/")
        if any_case:
            anchored, path = anchored.lower(), path.lower()
        if anchored.endswith("/"):
            return path.startswith(anchored)
        # The name of a folder matches its contents, but a `*` does not (GitHub: "About code owners").
        if anchored.endswith("*"):
            start = anchored.removesuffix("*")
            return path.startswith(start) and "/" not in path.removeprefix(start)
        return path == anchored or path.startswith(f"{anchored}/")


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
    if about_label and not is_approval(event["label"]):
        print(f"this check ignores the label {shown(event['label']['name'])}")
        return 0
    current = api(f"repos/{repository}/pulls/{pull['number']}")
    if current["head"]["sha"] != pull["head"]["sha"]:
        print(
            f"error: {pull['head']['sha']} is not the newest commit of the pull request; "
            "the run for that commit decides",
            file=sys.stderr,
        )
        return 1
    pages = compared_with_main(repository, pull["head"]["sha"])
    merge_base, tip = pages[0]["merge_base_commit"]["sha"], pages[0]["base_commit"]["sha"]
    base, head = (tree(repository, commit) for commit in (merge_base, pull["head"]["sha"]))
    changed = changed_paths(base, head)
    if refusals := [reason for path in changed if path in head and (reason := refusal(path))]:
        print("error: no approval admits these files; rename or remove them:", file=sys.stderr)
        print(*refusals[:SHOWN], sep="\n", file=sys.stderr)
        return 1
    reason = hidden_changes(repository, merge_base, pages)
    if not reason and merge_base != tip:
        reason = redirected_changes(base, tree(repository, tip), head)
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    is_labeled = any(map(is_approval, current["labels"]))
    guarded = guarded_files(repository, changed, base, head)
    if not guarded:
        print("the pull request changes no guarded file")
        return 0
    listed = [*guarded[:SHOWN], *([f"and {len(guarded) - SHOWN} more"] if len(guarded) > SHOWN else [])]
    print("guarded:", *listed, sep="\n  ")
    if event["action"] == "labeled":
        problem = objection(repository, event["sender"]["login"], pull)
        # Anybody who may write can run the job again after an owner has removed the label.
        if not problem and not is_labeled:
            problem = f"the label of {event['sender']['login']} has been removed"
        if not problem:
            print(f"{event['sender']['login']} has approved {pull['head']['sha']}")
            return 0
    else:
        problem = "no owner has approved these commits"
    if is_labeled:
        gh("api", "--method", "DELETE", f"repos/{repository}/issues/{pull['number']}/labels/{LABEL}")
    print(
        f"error: {problem}; ask an owner to approve the newest commit and then to set the label {LABEL} "
        "(README.md, section Owners)",
        file=sys.stderr,
    )
    return 1


def approval(repository: str, event: dict[str, Any]) -> str:
    """Return the owner who set LABEL in this event, and thereby approved the newest commit; else empty."""
    if event["action"] != "labeled" or not is_approval(event["label"]):
        return ""
    sender: str = event["sender"]["login"]
    return "" if objection(repository, sender, event["pull_request"]) else sender


def is_approval(label: dict[str, Any]) -> bool:
    """Return True for the label of owners, in upper or lower case.

    The workflow gives the run for this label the name of the check, and its expressions ignore case
    (https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#operators). A run that
    took `Owners-Approved` for another label would pass under this name.
    """
    return label["name"].casefold() == LABEL


def compared_with_main(repository: str, head: str) -> list[dict[str, Any]]:
    """Return GitHub's comparison of a commit with the newest commit of main, in pages.

    The author may change the base of the pull request at any time, also while this check runs, and back. And
    there may be a tag of the same name.
    """
    tip: str = api(f"repos/{repository}/git/ref/heads/main")["object"]["sha"]
    return api(f"repos/{repository}/compare/{tip}...{head}?per_page=100", "--paginate", "--slurp")


def hidden_changes(repository: str, merge_base: str, pages: Sequence[dict[str, Any]]) -> str:
    """Return the reason why a merge may change files that GitHub does not list; empty if it cannot.

    GitHub lists the differences from one merge base. If there are several, as after a merge of two commits
    that main has merged, too, then the others can differ from the head in further files: these files would
    return to the content of the listed merge base (git-merge-base(1), git-diff(1): `A...B`).
    """
    commits = [commit for page in pages for commit in page["commits"]]
    if len(commits) != pages[0]["total_commits"]:
        return f"GitHub lists {len(commits)} of {pages[0]['total_commits']} commits; use fewer"
    parents = {parent["sha"] for commit in commits for parent in commit["parents"]}
    for start in sorted(parents - {commit["sha"] for commit in commits} - {merge_base}):
        comparison = api(f"repos/{repository}/compare/{start}...{merge_base}?per_page=1")
        if comparison["status"] != "ahead":
            return (
                f"the pull request has the merge bases {merge_base} and {start}, and GitHub shows the changes"
                " from only one of them; merge main into the branch"
            )
    return ""


def redirected_changes(base: Tree, main_tip: Tree, head: Tree) -> str:
    """Return the reason why a merge may change files under other names than the head; empty if it cannot.

    A merge carries a change over to the new name of a file or folder that main has moved
    (https://git-scm.com/docs/merge-strategies#Documentation/merge-strategies.txt-ort), so a change of a file
    of the team could reach a guarded file. Git looks for the new name only if main lacks the old one. The
    comparison needs no list of renames: it uses the complete trees of the merge base, of main, and of the
    head.
    """
    lost_folders = folders(base) - folders(main_tip)
    redirected = sorted(
        path
        for path, entry in head.items()
        if entry != base.get(path)
        and path not in main_tip
        and (path in base or not lost_folders.isdisjoint(folders([path])))
    )
    if not redirected:
        return ""
    names = ", ".join(map(shown, redirected[:SHOWN]))
    more = f" and {len(redirected) - SHOWN} more" if len(redirected) > SHOWN else ""
    return (
        f"main has moved or removed files that the pull request changes: {names}{more}; merge main into the "
        "branch"
    )


def tree(repository: str, commit: str) -> Tree:
    """Return mode and object of each file of a commit, by path; exit if GitHub does not list all files.

    GitHub lists at most 100,000 entries, or 7 MB (https://docs.github.com/en/rest/git/trees#get-a-tree).
    """
    listing = api(f"repos/{repository}/git/trees/{commit}?recursive=1")
    if listing["truncated"]:
        sys.exit(f"error: GitHub does not list all files of {commit}, so this check cannot pass")
    return {
        entry["path"]: (entry["mode"], entry["sha"]) for entry in listing["tree"] if entry["type"] != "tree"
    }


def folders(paths: Iterable[str]) -> set[str]:
    """Return all folders that contain the files."""
    return {path[: match.start()] for path in paths for match in re.finditer("/", path)}


def codeowners() -> list[Line]:
    """Return the lines of CODEOWNERS; raise ValueError for a pattern that `Line.matches` does not support."""
    lines: list[Line] = []
    for text in CODEOWNERS.read_text().splitlines():
        pattern, *owners = text.partition("#")[0].split() or [""]
        if not pattern:
            continue
        if not re.fullmatch(r"\*|/([\w.-]+/)*[\w.-]+(/|\*)?", pattern):
            raise ValueError(
                f"{CODEOWNERS.name}: the pattern {pattern!r} is not supported; allowed: *, /PATH, /PREFIX*,"
                " /FOLDER/"
            )
        lines.append(Line(pattern, tuple(owners)))
    return lines


def team(lines: Sequence[Line]) -> tuple[str, ...]:
    """Return the owners of the files that are not guarded: those of lines that differ from the line `*`.

    Raises ValueError unless the file names exactly these two groups of owners.
    """
    groups = {line.owners for line in lines}
    default = {line.owners for line in lines if line.pattern == "*"}
    if len(default) != 1 or len(groups) != 2 or () in groups:
        raise ValueError(
            f"{CODEOWNERS.name}: allowed: the line `*` with the owners of guarded files, and other lines with"
            " these owners or with one other group of owners, which may change files without them"
        )
    [others] = groups - default
    return others


def is_guarded(path: str, lines: Sequence[Line]) -> bool:
    """Return True unless the last matching line names the team.

    A file system that ignores case, such as that of macOS, writes `Bucket.py` over `bucket.py`. So lines of
    the owners also match names in another case, and names that a file system may shorten, normalize or take
    apart are guarded. GitHub's own patterns distinguish case ("About code owners").
    """
    if not PORTABLE.fullmatch(path):
        return True
    members = team(lines)
    owners = [line.owners for line in lines if line.matches(path, any_case=line.owners != members)]
    return owners[-1:] != [members]


def refusal(path: str) -> str:
    """Return the reason why no approval admits a file; empty if an approval does.

    GNU make reads GNUmakefile and makefile before Makefile
    (https://www.gnu.org/software/make/manual/html_node/Makefile-Names.html). `python -m` looks for modules in
    the current folder first (https://docs.python.org/3/library/sys.html#sys.path).
    """
    root, _, below = path.partition("/")
    module = root.partition(".")[0]
    name = shown(path)
    if root != "Makefile" and root.lower() in ("gnumakefile", "makefile"):
        return f"{name}: make would read it in place of Makefile"
    if root.lower() == ".venv":
        return f"{name}: the scripts would run programs of a committed .venv"
    if (module in MODULES or module.startswith(COMPUTED)) and (below or root.endswith(IMPORTED)):
        return f"{name}: programs that run in the root would import it in place of Python's module {module}"
    return ""


def changed_paths(base: Tree, head: Tree) -> list[str]:
    """Return the files that differ between two commits, also those that only one of them has."""
    return sorted(path for path in base | head if base.get(path) != head.get(path))


def guarded_files(repository: str, changed: Iterable[str], base: Tree, head: Tree) -> list[str]:
    """Return the guarded ones of the changed files, and the changes of the deployed image.

    All of it comes from two commits. GitHub's list of a pull request's files is that of its newest commit,
    which another push may replace between two requests. The deployed image is compared with that of the merge
    base. `base.sha` of a pull request can be an older commit of main, with an older image.

    Whoever writes to a link, such as a generator of documents, writes to its target, which may be guarded.
    """
    lines = codeowners()
    guarded: list[str] = []
    for path in changed:
        if is_guarded(path, lines):
            guarded.append(shown(path))
        elif path in head and not head[path][0].startswith(REGULAR):
            guarded.append(f"{shown(path)}: a link or a submodule")
        elif STACK_FILE.fullmatch(path) and path in head:
            before, after = (blob(repository, side[path][1]) if path in side else "" for side in (base, head))
            if change := deployed_image.find_change(before, after):
                guarded.append(f"{path}: {change}")
    return guarded


def shown(name: str) -> str:
    """Return a name for the log, in which it is no workflow command.

    A command starts with `::` at the start of a line, or with `##[` anywhere (github.com/actions/runner,
    src/Runner.Common/ActionCommand.cs: TryParseV2 and TryParse). A portable name has none of these.
    """
    return name if PORTABLE.fullmatch(name) else ascii(name).replace("##[", "##\\x5b")


def blob(repository: str, sha: str) -> str:
    """Return the text of a changed file itself; for a symbolic link, that is its target.

    The text at a path would be that of the target's content
    (https://docs.github.com/en/rest/repos/contents#get-repository-content). If a link passed, a later pull
    request could change the image in the file to which it leads.
    """
    return gh(
        "api", "--header", "Accept: application/vnd.github.raw+json", f"repos/{repository}/git/blobs/{sha}"
    )


def objection(repository: str, sender: str, pull: dict[str, Any]) -> str:
    """Return the reason why a person's label does not count; empty if it counts.

    A label does not say which commit the person has read: another commit may arrive before it is set, and
    others can set it again. A review on GitHub names its commit, and GitHub lists reviews in chronological
    order (https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request).
    """
    if sender == pull["user"]["login"]:
        return f"{sender}, who set the label, is the author"
    role = api(f"repos/{repository}/collaborators/{quote(sender)}/permission")["role_name"]
    if role not in ROLES:
        return f"{sender} has the role {role}, but owners have {' or '.join(ROLES)}"
    pages = api(f"repos/{repository}/pulls/{pull['number']}/reviews?per_page=100", "--paginate", "--slurp")
    decisions = [
        (review["state"], review["commit_id"])
        for page in pages
        for review in page
        if review["user"] and review["user"]["login"] == sender and review["state"] in DECISIONS
    ]
    if decisions[-1:] != [("APPROVED", pull["head"]["sha"])]:
        return f"{sender} has not approved {pull['head']['sha']} in a review on GitHub"
    return ""


def api(path: str, *arguments: str) -> Any:
    """Return the JSON of a response of GitHub's API; exit if the request fails."""
    return json.loads(gh("api", *arguments, path))


def gh(*arguments: str) -> str:
    """Return the output of gh; exit if it fails."""
    result = subprocess.run(
        ["gh", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(
            f"error: gh {arguments[0]} failed with exit code {result.returncode}: {result.stderr.strip()}"
        )
    return result.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

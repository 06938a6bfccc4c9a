"""Comparison of two trees: copies of both, an isolated evaluation, and the report from the evaluation."""

import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from review import guard
from review.jail import snapshot
from review.jail.commits import find_commit
from review.jail.isolation import forbid_core_dumps, refuse_shown
from review.jail.messages import AGAIN, WITHOUT_SECRETS, Request
from review.jail.processes import Processes
from review.jail.supervisor import evaluate
from review.model import BASE_TO_HEAD, Report, list_first_files
from review.project_selection import find_neighbours, select_stacks
from review.render.file_notes import list_files
from review.status import Status
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli

OWN_CODE = ("review", "sandbox", "policies", "eks_versions.py", "lazy_sdk.py")
"""The review's own code that the evaluation needs; the evaluation runs a copy of it."""

MAIN = {"main": "refs/heads/main", "origin/main": "refs/remotes/origin/main"}
"""The branches from which a branch under review may come, by their short names."""

CONFLICT = 1
"""Exit code of `git merge-tree` for a merge with conflicts (git-merge-tree(1))."""

NO_MERGE_BASE = 1
"""Exit code of `git merge-base` if there is none (git/git, builtin/merge-base.c: show_merge_base)."""

CHANGED_POLICIES = (
    "The policies, or modules that they can import, differ, and only a person sees what they do in a "
    "deployment"
)

NOT_ISOLATED = (
    "Not isolated (--no-isolation): files, network, sockets and processes were open to the program."
)


@dataclass(frozen=True)
class Options:
    """The options of a review of `tree` against a commit of `repository`; `minutes` limits the evaluation."""

    tree: Path
    repository: Path
    base: str
    stacks: Sequence[str]
    minutes: float
    isolated: bool
    merge: str = ""
    """The commit of `repository` whose merge into the base is reviewed; empty for a review of `tree`."""
    approved_by: str = ""
    """The owner who has approved weaker policies and new waivers of the tree; empty without an approval."""


def compare(options: Options, status: Status, folder: Path) -> Report:
    """Evaluate the base and the working tree, and return the report on the changes between them.

    All temporary files are in `folder`, which is empty.
    """
    # Git reads and merges a stranger's commit outside of the isolations, and aborts if a tree is malformed.
    if options.isolated and sys.platform == "linux":
        forbid_core_dumps()
    tree, repository = options.tree, options.repository
    if options.isolated:
        temporary = Path(tempfile.gettempdir())
        private = [
            ("the repository", repository, "Move the repository out of"),
            ("the tree under review", tree, "Move the tree out of"),
            ("your home", Path.home(), "Move your files out of it, and set HOME to a folder outside of"),
            ("the folder of temporary files", temporary, "Set TMPDIR to a folder outside of"),
        ]
        refuse_shown(private)
    is_own = tree == repository
    commit, base = find_base(repository, options.base, merge_base=is_own and not options.merge)
    merge = Merge.find(repository, commit, options.merge) if options.merge else None
    head = merge.description if merge else describe_head(tree, repository)
    names = base, head
    status.activity("looking for the engine")
    with redirect_stdout(sys.stderr):  # Standard output contains only the report.
        program = pulumi_cli.find(Progress())
    root = folder.resolve()
    work = root / "work"
    work.mkdir()
    status.activity("copying base, working tree and the review's own code")
    with ThreadPoolExecutor(2) as pool:
        copying = pool.submit(snapshot.copy_commit, repository, commit, root / "base")
        own = Path(__file__).parents[1]
        copying_code = pool.submit(snapshot.copy_code, own, root / "code", OWN_CODE)
        if merge:
            head_tree = snapshot.copy_commit(repository, merge.tree, root / "head")
        else:
            copy = snapshot.copy_tracked if is_own else snapshot.copy_indexed
            head_tree = copy(tree, root / "head")
        base_tree, code = copying.result(), copying_code.result()
    notes = [*base_tree.notes("base"), *head_tree.notes("head")]
    if is_own and not merge and (untracked := snapshot.untracked(tree)):
        files = list_first_files(untracked)
        notes.append(f"Not reviewed, because git does not track them: {files}. To include them: git add.")
    differing = guard.differing_files(base_tree.folder, head_tree.folder)
    if differing:
        notes += list_files(CHANGED_POLICIES, differing, base_tree.folder)
    if not options.isolated:
        notes.append(NOT_ISOLATED)
    for note in notes:
        status.line(note)
    status.activity("starting the evaluation")
    trees = base_tree.folder, head_tree.folder
    projects = select_stacks(trees, options.stacks)
    neighbours = find_neighbours(trees, projects)
    policies = guard.has_changed(base_tree.folder, head_tree.folder, differing)
    with Processes(root, code.folder, program, isolated=options.isolated) as processes:
        for name, (base_project, head_project) in projects.items():
            if base_project:
                processes.add(name, "base", base_tree.folder, base_project)
            if head_project:
                processes.add(name, "head", head_tree.folder, head_project, policies=policies)
                # No file of the run before, not even one in memory, reaches these.
                for side in (AGAIN, WITHOUT_SECRETS):
                    processes.add(name, side, head_tree.folder, head_project)
        for name, project in neighbours.items():
            processes.add(name, "base", base_tree.folder, project)
        request = Request(
            base=base_tree.folder,
            head=head_tree.folder,
            work=work,
            names=names,
            stacks=tuple(projects),
            neighbours=tuple(neighbours),
            sockets=processes.sockets,
            minutes=options.minutes,
            notes=tuple(notes),
            isolated=options.isolated,
            salt=secrets.token_hex(16),
            approved_by=options.approved_by,
            omitted=tuple(sorted({*map(str, {*base_tree.omitted} ^ {*head_tree.omitted})})),
        )
        evaluation = processes.evaluation(work, [base_tree.folder, head_tree.folder])
        report = evaluate(evaluation, request, status, programs=processes.commands)
    # The evaluation has read files of the pull request, so these fields get values from this process.
    addresses = file_addresses(commit, merge.commit if merge else os.environ.get("GITHUB_SHA", ""))
    return replace(report, compares=BASE_TO_HEAD, base=base, head=head, trees=addresses)


@dataclass(frozen=True)
class Merge:
    """A commit, and the tree that results from its merge into the base."""

    commit: str
    tree: str

    @property
    def description(self) -> str:
        """The name of the head in the report."""
        return f"{self.commit[:9]} merged into the base"

    @classmethod
    def find(cls, repository: Path, base: str, ref: str) -> Self:
        """Merge a commit into the base, without a working tree.

        Raises CommandError if the ref is not a commit, if the commit's files are too many or too large, if it
        conflicts with the base, if the repository lacks a part of the history, or if a person who approves
        the pull request would not see all changes. GitHub shows the differences from one merge base
        (git-diff(1): `A...B`), but there may be several. And the merge changes a file that the base has moved
        under its new name, which GitHub does not show.
        """
        commit = find_commit(repository, ref)
        if commit is None:
            raise CommandError(
                f"--merge {ref} is not a commit of {repository}. Name a branch, tag or fetched commit."
            )
        merge_bases = _merge_bases(repository, base, commit)
        # To merge a file, git takes 42 bytes of memory for each byte if all lines are empty.
        snapshot.list_files(repository, commit)
        try:
            merged = snapshot.git(repository, "merge-tree", "--write-tree", "--no-messages", base, commit)
        except snapshot.GitFailure as failure:
            if failure.code != CONFLICT:
                raise
            raise CommandError(
                f"{commit[:9]} cannot be merged into {base[:9]}, because both change the same lines. Merge "
                "the base into the branch, and review it again."
            ) from None
        if len(merge_bases) > 1:
            raise CommandError(
                f"{commit[:9]} and {base[:9]} have several merge bases, so GitHub may not show everything "
                "that a merge would change. Merge the base into the branch, and review it again."
            )
        tree = merged.decode().split()[0]
        shown = snapshot.changed_paths(repository, merge_bases[0], commit)
        if hidden := sorted(snapshot.changed_paths(repository, base, tree) - shown):
            files = list_first_files(hidden)
            raise CommandError(
                f"{commit[:9]} changes {files} of {base[:9]}, but not in the branch: the base "
                "has moved files that the branch changes. Merge the base into the branch, and review it "
                "again."
            )
        return cls(commit, tree)


def find_base(repository: Path, ref: str, *, merge_base: bool = True) -> tuple[str, str]:
    """Return a ref's commit and a description.

    Without a ref, return those of the merge base with main or, if `merge_base` is false, of the commit that
    is checked out. Raise CommandError if git does not work, if the ref is not a commit or is ambiguous, or if
    there is no merge base or more than one.
    """
    # This raises with the reason if git does not work at all.
    snapshot.git(repository, "rev-parse", "--show-toplevel")
    if not ref and not merge_base:
        commit = snapshot.git(repository, "rev-parse", "HEAD").decode().strip()
        return commit, f"checkout of the base ({commit[:9]})"
    if ref and (commit := find_commit(repository, ref)):
        return commit, f"{ref} ({commit[:9]})"
    for name, full_name in () if ref else MAIN.items():
        if main := find_commit(repository, full_name):
            merge_bases = _merge_bases(repository, main, "HEAD")
            if len(merge_bases) > 1:
                raise CommandError(
                    f"the branch and {name} have several merge bases, and the changes since one of them may "
                    f"not be all that a merge changes. Merge {name} into the branch, or name the base: make "
                    "review BASE=<git ref>"
                )
            if merge_bases:
                [commit] = merge_bases
                return commit, f"merge base with {name} ({commit[:9]})"
    if not ref:
        raise CommandError("there is no merge base with main. Name the base: make review BASE=<git ref>")
    raise CommandError(
        f"BASE={ref} is not a commit of {repository}. Name a branch, a tag or a commit; "
        "in a shallow clone, first run git fetch --unshallow"
    )


def _merge_bases(repository: Path, base: str, commit: str) -> list[str]:
    """Return all merge bases of two commits; an empty list if there is none.

    Raise CommandError in a shallow clone. Git takes a commit at the boundary for one without parents there
    (git/git, Documentation/technical/shallow.txt), so it may miss a merge base, and merge otherwise.
    """
    if snapshot.git(repository, "rev-parse", "--is-shallow-repository").decode().strip() != "false":
        raise CommandError(
            f"{repository} is a shallow clone, so git may not find each merge base. First run git fetch "
            "--unshallow"
        )
    try:
        return snapshot.git(repository, "merge-base", "--all", base, commit).decode().split()
    except snapshot.GitFailure as failure:
        if failure.code != NO_MERGE_BASE:
            raise
        return []


def describe_head(tree: Path, repository: Path) -> str:
    """Return the commit of a trusted repository's working tree, and whether the tree has changes.

    Another tree has only a name, since git would execute filters of that tree's own configuration.
    """
    if tree != repository:
        return f"tree {tree.name}"
    changed = snapshot.git(tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
    commit = snapshot.git(tree, "rev-parse", "HEAD").decode()[:9]
    return f"working tree ({commit}{', with changes' if changed else ''})"


def file_addresses(commit: str, head: str) -> list[str]:
    """Return the base URLs of the files of head and base on GitHub; an empty list outside of a workflow."""
    server, repository = (os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    if not (server and repository and head):
        return []
    return [f"{server}/{repository}/blob/{revision}" for revision in (head, commit)]

"""Comparison of two trees: copies of both, an isolated evaluation, and the report from the evaluation."""

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from review.jail import isolation, snapshot
from review.jail.isolation import Isolation
from review.jail.messages import Request
from review.jail.supervisor import Command, evaluate
from review.model import BASE_TO_HEAD, Report, list_first
from review.status import Status
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli

OWN_CODE = ("review", "sandbox", "policies", "eks_versions.py", "lazy_sdk.py")
"""The review's own code that the evaluation needs; the evaluation runs a copy of it."""

NOT_ISOLATED = (
    "Not isolated (--no-isolation): files, network, sockets and processes were open to the program."
)


@dataclass(frozen=True)
class Options:
    """The options of a review; the evaluation may take `minutes`."""

    tree: Path
    base: str
    stacks: Sequence[str]
    minutes: float
    isolated: bool


def compare(options: Options, status: Status) -> Report:
    """Evaluate the base and the working tree, and return the report on the changes between them."""
    tree = options.tree
    commit, base = find_base(tree, options.base)
    names = base, describe_head(tree)
    status.activity("looking for the engine")
    with redirect_stdout(sys.stderr):  # Standard output contains only the report.
        program = pulumi_cli.find(Progress())
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        root = Path(folder).resolve()
        work = root / "work"
        work.mkdir()
        status.activity("copying base, working tree and the review's own code")
        base_tree = snapshot.copy_commit(tree, commit, root / "base")
        head_tree = snapshot.copy_tracked(tree, root / "head")
        code = snapshot.copy_code(Path(__file__).parents[1], root / "code", OWN_CODE)
        notes = [*base_tree.notes("base"), *head_tree.notes("head")]
        if untracked := snapshot.untracked(tree):
            files = list_first(untracked)
            notes.append(f"Not reviewed, because git does not track them: {files}. To include them: git add.")
        if not options.isolated:
            notes.append(NOT_ISOLATED)
        for note in notes:
            status.line(note)
        status.activity("starting the evaluation")
        request = Request(
            base=base_tree.folder,
            head=head_tree.folder,
            work=work,
            names=names,
            stacks=tuple(options.stacks),
            minutes=options.minutes,
            notes=tuple(notes),
            isolated=options.isolated,
        )
        readable = [base_tree.folder, head_tree.folder, code.folder]
        with _isolated(options.isolated, program, work, readable) as (prefix, descriptors):
            command = [*prefix, sys.executable, "-m", "review.evaluate"]
            environment = isolation.environment(work, program)
            report = evaluate(Command(command, code.folder, environment, descriptors), request, status)
    # The evaluation ran together with the program under review, so its values of these fields are replaced.
    return replace(report, compares=BASE_TO_HEAD, base=base, head=names[1], trees=file_addresses(commit))


@contextmanager
def _isolated(
    isolated: bool, program: Path, work: Path, readable: Sequence[Path]
) -> Generator[tuple[list[str], tuple[int, ...]]]:
    """Provide the prefix that isolates a command, and the file descriptors that the command inherits.

    Both are empty if `isolated` is false.
    """
    if not isolated:
        yield [], ()
        return
    jail = Isolation(work, [*readable, *isolation.python_files(), *isolation.engine_files(program)])
    try:
        yield jail.command(), jail.descriptors
    finally:
        jail.close()


def find_base(tree: Path, ref: str) -> tuple[str, str]:
    """Return a ref's commit and a description; without a ref, those of the merge base with main.

    Raises CommandError if git does not work in the tree, if the ref is no commit, or without a merge base.
    """
    snapshot.git(tree, "rev-parse", "--show-toplevel")  # raises with the reason if git does not work at all
    for name in (ref,) if ref else ("main", "origin/main"):
        verify = ("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")
        arguments = verify if ref else ("merge-base", name, "HEAD")
        with suppress(snapshot.GitFailure):
            commit = snapshot.git(tree, *arguments).decode().strip()
            description = name if ref else f"merge base with {name}"
            return commit, f"{description} ({commit[:9]})"
    if not ref:
        raise CommandError("there is no merge base with main. Name the base: make review BASE=<git ref>")
    raise CommandError(
        f"BASE={ref} is no commit here. Name a branch, a tag or a commit; "
        "in a shallow clone, first run git fetch --unshallow"
    )


def describe_head(tree: Path) -> str:
    """Return a description of the working tree: its commit, and a remark if the tree has changes."""
    changed = snapshot.git(tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
    commit = snapshot.git(tree, "rev-parse", "HEAD").decode()[:9]
    return f"working tree ({commit}{', with changes' if changed else ''})"


def file_addresses(commit: str) -> list[str]:
    """Return the base URLs of the files of head and base on GitHub; an empty list outside of a workflow."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, head = (os.environ.get(name, "") for name in names)
    if not (server and repository and head):
        return []
    return [f"{server}/{repository}/blob/{revision}" for revision in (head, commit)]

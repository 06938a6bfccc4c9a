"""The comparison of two trees: copies of both, an isolated evaluation, and the report that it sends."""

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

OWN_CODE = ("review", "sandbox", "policies", "eks_versions.py", "lazy_sdk.py", "docs/prices.yaml")
"""Our own code that the evaluation runs. It gets copies of it, as of the trees."""

NOT_ISOLATED = (
    "Not isolated (--no-isolation): files, network, sockets and processes were open to the program."
)


@dataclass(frozen=True)
class Options:
    """Choices of the caller. `minutes` limits the evaluation."""

    tree: Path
    base: str
    stacks: Sequence[str]
    minutes: float
    isolated: bool


def compare(options: Options, status: Status) -> Report:
    """Evaluate the base and the working tree, and return the report from one to the other."""
    tree = options.tree
    commit, base = find_base(tree, options.base)
    names = base, describe_head(tree)
    status.activity("looking for the engine")
    with redirect_stdout(sys.stderr):  # standard output has only the report
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
            notes.append(f"Not reviewed, since git does not track it: {files}. To review it: git add.")
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
    # The evaluation ran together with the program under review, so these fields are not taken from it.
    return replace(report, compares=BASE_TO_HEAD, base=base, head=names[1], trees=file_addresses(commit))


@contextmanager
def _isolated(
    isolated: bool, program: Path, work: Path, readable: Sequence[Path]
) -> Generator[tuple[list[str], tuple[int, ...]]]:
    """Provide the prefix of an isolated command, and the descriptors that it needs.

    Both are empty if the command is not to be isolated.
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
    """Return the commit of a ref with its description; without a ref, the merge base with main."""
    snapshot.git(tree, "rev-parse", "--show-toplevel")  # raises with the reason if git does not work at all
    for name in (ref,) if ref else ("main", "origin/main"):
        verify = ("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")
        arguments = verify if ref else ("merge-base", name, "HEAD")
        with suppress(snapshot.GitFailure):
            commit = snapshot.git(tree, *arguments).decode().strip()
            description = name if ref else f"merge base with {name}"
            return commit, f"{description} ({commit[:9]})"
    if not ref:
        raise CommandError("there is no main to compare with. Name the base: make review BASE=<git ref>")
    raise CommandError(
        f"BASE={ref} is no commit here. Name a branch, a tag or a commit; "
        "in a shallow clone, first: git fetch --unshallow"
    )


def describe_head(tree: Path) -> str:
    """Return the commit of the working tree, with a remark if the tree differs from it."""
    changed = snapshot.git(tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
    commit = snapshot.git(tree, "rev-parse", "HEAD").decode()[:9]
    return f"working tree ({commit}{', with changes' if changed else ''})"


def file_addresses(commit: str) -> list[str]:
    """Return GitHub's addresses of head's and base's files. Outside of a workflow there are none."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, head = (os.environ.get(name, "") for name in names)
    if not (server and repository and head):
        return []
    return [f"{server}/{repository}/blob/{revision}" for revision in (head, commit)]

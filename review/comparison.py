"""The comparison of two trees: copies of both, isolation, the evaluation, and the report that it sends."""

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
from review.model import BASE_TO_HEAD, Report, listed
from review.status import Status
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli

OWN = ("review", "sandbox", "policies", "eks_versions.py", "lazy_sdk.py", "docs/prices.yaml")
"""Our own code that the evaluation runs; of the trees it gets copies as well."""

NOT_ISOLATED = (
    "Not isolated (--no-isolation): files, network, sockets and processes were open to the program."
)


@dataclass(frozen=True)
class Options:
    """Choices of the caller."""

    tree: Path
    base: str
    stacks: Sequence[str]
    minutes: float
    isolated: bool


def compare(options: Options, status: Status) -> Report:
    """Return the report from the base to the working tree."""
    tree = options.tree
    commit, base = find_base(tree, options.base)
    names = base, describe_head(tree)
    status.activity("looking for the engine")
    with redirect_stdout(sys.stderr):  # standard output is the report's
        program = pulumi_cli.find(Progress())
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        place = Path(folder).resolve()
        work = place / "work"
        work.mkdir()
        status.activity("copying base, working tree and the review's own code")
        base_tree = snapshot.copy_commit(tree, commit, place / "base")
        head_tree = snapshot.copy_tracked(tree, place / "head")
        code = snapshot.copy_code(Path(__file__).parents[1], place / "code", OWN)
        notes = [*base_tree.notes("base"), *head_tree.notes("head")]
        if new := snapshot.untracked(tree):
            notes.append(f"Not reviewed, since git does not track it: {listed(new)}. To review it: git add.")
        notes += [] if options.isolated else [NOT_ISOLATED]
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
        with _command(options.isolated, program, work, readable) as (prefix, descriptors):
            command = [*prefix, sys.executable, "-m", "review.evaluate"]
            environment = isolation.environment(work, program)
            report = evaluate(Command(command, code.folder, environment, descriptors), request, status)
    # The evaluation ran beside the program under review, so what is known here is not taken from it.
    return replace(report, compares=BASE_TO_HEAD, base=base, head=names[1], trees=links(commit))


@contextmanager
def _command(
    isolated: bool, program: Path, work: Path, readable: Sequence[Path]
) -> Generator[tuple[list[str], tuple[int, ...]]]:
    """Provide the words before a command that isolate it, if wanted, and the descriptors that they name."""
    if not isolated:
        yield [], ()
        return
    jail = Isolation(work, [*readable, *isolation.python_files(), *isolation.engine_files(program)])
    try:
        yield jail.command(), jail.descriptors
    finally:
        jail.close()


def find_base(tree: Path, ref: str) -> tuple[str, str]:
    """Return the commit of a ref, and how people call it; without a ref, where this branch left main."""
    snapshot.git(tree, "rev-parse", "--show-toplevel")  # fails with the reason where git does not work at all
    for name in (ref,) if ref else ("main", "origin/main"):
        arguments = (
            ("rev-parse", "-q", "--verify", f"{ref}^{{commit}}") if ref else ("merge-base", name, "HEAD")
        )
        with suppress(snapshot.GitFailure):
            commit = snapshot.git(tree, *arguments).decode().strip()
            return commit, f"{name if ref else f'merge base with {name}'} ({commit[:9]})"
    if not ref:
        raise CommandError("there is no main to compare with. Name the base: make review BASE=<git ref>")
    more = "in a shallow clone, first: git fetch --unshallow"
    raise CommandError(f"BASE={ref} is no commit here. Name a branch, a tag or a commit; {more}")


def describe_head(tree: Path) -> str:
    """Name the working tree by its commit, and say if it differs from that."""
    changed = snapshot.git(tree, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
    commit = snapshot.git(tree, "rev-parse", "HEAD").decode()[:9]
    return f"working tree ({commit}{', with changes' if changed else ''})"


def links(commit: str) -> list[str]:
    """Return where head's and base's files can be seen, in a workflow of GitHub's."""
    server, repository, head = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")
    )
    return (
        [f"{server}/{repository}/blob/{revision}" for revision in (head, commit)]
        if server and repository and head
        else []
    )

"""The base: which commit it is, and its files."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path


class NotRun(Exception):
    """The review cannot be done; the message says why and what to do."""


@dataclass(frozen=True)
class Base:
    """A commit, and how people call it."""

    commit: str
    name: str


def find(tree: Path, ref: str) -> Base:
    """The commit of a ref; without one, where this branch left main."""
    if ref:
        commit = _git(tree, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if not commit:
            raise NotRun(
                f"BASE={ref} is no commit here. Name a branch, tag or commit; in a shallow clone, "
                "`git fetch --unshallow` first."
            )
        return Base(commit, f"{ref} ({commit[:9]})")
    for main in ("main", "origin/main"):
        if commit := _git(tree, "merge-base", main, "HEAD"):
            return Base(commit, f"merge base with {main} ({commit[:9]})")
    raise NotRun("there is no main to compare with. Name the base: make review BASE=<git ref>")


def head_name(tree: Path) -> str:
    """The working tree in words."""
    commit = _git(tree, "rev-parse", "HEAD")[:9]
    changed = _git(tree, "status", "--porcelain", "--untracked-files=no")
    return f"working tree ({commit}{', with changes' if changed else ''})"


def extract(tree: Path, base: Base, to: Path) -> None:
    """The base's files, in an empty folder."""
    done = subprocess.run(["git", "-C", tree, "archive", "--format=tar", base.commit], capture_output=True)
    if done.returncode != 0:
        raise NotRun(f"git cannot read {base.name}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(to, filter="data")


def _git(tree: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", tree, *words], capture_output=True, text=True)
    except FileNotFoundError:
        raise NotRun("git is not installed; the base is read from it.") from None
    return done.stdout.strip() if done.returncode == 0 else ""

"""The base: which commit it is, and its files."""

import io
import subprocess
import tarfile
from pathlib import Path

from sandbox.fault import Fault


def find(tree: Path, ref: str) -> tuple[str, str]:
    """The commit of a ref, and how people call it; without a ref, where this branch left main."""
    if ref:
        if commit := _git(tree, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").decode().strip():
            return commit, f"{ref} ({commit[:9]})"
        more = "in a shallow clone, first: git fetch --unshallow"
        raise Fault(f"BASE={ref} is no commit here. Name a branch, a tag or a commit; {more}")
    for main in ("main", "origin/main"):
        if commit := _git(tree, "merge-base", main, "HEAD").decode().strip():
            return commit, f"merge base with {main} ({commit[:9]})"
    raise Fault("there is no main to compare with. Name the base: make review BASE=<git ref>")


def head_name(tree: Path) -> str:
    """The working tree in words."""
    changed = ", with changes" if _git(tree, "status", "--porcelain") else ""
    return f"working tree ({_git(tree, 'rev-parse', 'HEAD').decode()[:9]}{changed})"


def extract(tree: Path, commit: str, to: Path) -> None:
    """A commit's files, in a new folder."""
    with tarfile.open(fileobj=io.BytesIO(_git(tree, "archive", "--format=tar", commit))) as archive:
        archive.extractall(to, filter="data")


def _git(tree: Path, *words: str) -> bytes:
    """What git says; nothing where it fails."""
    try:
        return subprocess.run(["git", "-C", tree, *words], capture_output=True).stdout
    except FileNotFoundError:
        raise Fault("git is not installed; the base is read from it.") from None

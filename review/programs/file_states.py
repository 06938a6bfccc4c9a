"""Comparison of files as a program sees them: by content, kind and mode."""

import os
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from review.jail.regular_files import link_target, read_digest
from sandbox.errors import CommandError

T = TypeVar("T")

EXECUTABLE = 0o111
"""Bits of a file's mode that git keeps. A program can ask for them (access(2))."""


Digests = dict[tuple[int, int], bytes]
"""The SHA-256 of files by device and inode: each file is read once, however many links lead to it."""


class FileState(NamedTuple):
    """Everything about a file or link that a commit can change, except for its path."""

    digest: bytes | None
    """The SHA-256 of the file, or of that behind the link; None for a folder or a link that leads nowhere."""
    target: str | None = None
    """The target of a link."""
    executable: bool = False


def read_state(path: Path, digests: Digests | None = None) -> FileState | None:
    """Return the state of a file, a link or a folder; None if there is none of them.

    `digests` has those of the files that have been read, and gets a new one.
    """
    digests = {} if digests is None else digests
    target = link_target(path) if path.is_symlink() else None
    with suppress(OSError, CommandError):
        status = path.stat()
        file = status.st_dev, status.st_ino
        if file not in digests:
            digests[file] = read_digest(path)
        return FileState(digests[file], target, bool(status.st_mode & EXECUTABLE))
    return FileState(None, target) if os.path.lexists(path) else None


def read_states(folder: Path, digests: Digests | None = None) -> dict[Path, FileState | None]:
    """Return the states of the files in a folder, and in the folders to which its links lead."""
    digests = {} if digests is None else digests
    return {file.relative_to(folder): read_state(file, digests) for file in _files(folder, set())}


_known: dict[tuple[object, ...], Any] | None = None
"""The results of functions of two trees, or None if the trees may change."""


def remember_trees() -> None:
    """Call functions of the same trees once from now on, in a process whose trees nobody changes."""
    global _known
    _known = {}


def remembered(function: Callable[[Path, Path], T], base: Path, head: Path) -> T:
    """Return the result of a function of two trees, which the caller does not change."""
    if _known is None:
        return function(base, head)
    key = function, base, head
    if key not in _known:
        _known[key] = function(base, head)
    return _known[key]


def find_differing(base: Path, head: Path) -> set[Path]:
    """Return the paths of the files and links that differ between two trees."""
    return {*remembered(_compare, base, head)}


def find_texts(tree: Path, texts: Set[str]) -> set[str]:
    """Return those of some texts in lower case that a file of a tree has, in any case."""
    missing = {*texts}
    for path in _all_files(tree):
        if missing and path.is_file() and not path.is_symlink():
            content = path.read_bytes().lower()
            missing -= {text for text in missing if text.encode() in content}
    return {*texts} - missing


def _compare(base: Path, head: Path) -> set[Path]:
    before, after = ({path.relative_to(tree) for path in _all_files(tree)} for tree in (base, head))
    digests: Digests = {}
    same = (
        path
        for path in before & after
        if read_state(base / path, digests) == read_state(head / path, digests)
    )
    return (before | after).difference(same)


def _all_files(tree: Path) -> Iterator[Path]:
    return (path for path in tree.rglob("*") if path.is_symlink() or not path.is_dir())


def _files(folder: Path, visited: set[Path]) -> Iterator[Path]:
    """Yield the files and links in a folder, and those in the folders to which links lead, each once."""
    if not folder.is_dir() or folder.resolve() in visited:
        return
    visited.add(folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir():
            yield path
        yield from _files(path, visited)

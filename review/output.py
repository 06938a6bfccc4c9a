"""Folder with the files of a report. They are written all together or not at all, and never through links."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from review.model import Report
from review.render import renderings
from sandbox.errors import CommandError

READABLE = 0o644


def prepare(folder: Path, tree: Path) -> Path:
    """Delete the files of an earlier report, and return the folder's absolute path.

    Raises CommandError if the folder is a link, or if its path leads through a link inside the tree under
    review: a pull request can add links with any name.
    """
    path = Path.cwd() / os.path.normpath(folder)  # without following links, unlike resolve()
    tree = tree.resolve()
    inside = path.is_relative_to(tree)
    if path.is_symlink() or (inside and path.resolve() != tree / path.relative_to(tree)):
        raise CommandError(
            f"--output {folder} is a link, or leads through one, to {path.resolve()}. "
            "Name that folder itself, or another one."
        )
    if path.exists():
        with _locked(path):
            for name in renderings.FILES:
                (path / name).unlink(missing_ok=True)
    return path


def write(report: Report, folder: Path) -> list[Path]:
    """Write all files of a report or none, by moving them into the folder after all have been written.

    If several reviews have one folder, it has all files of the last one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".review-"))
    try:
        for name, render in renderings.FILES.items():
            (staging / name).write_text(render(report), encoding="utf-8")
            (staging / name).chmod(READABLE)
        with _locked(folder):
            # A rename replaces a link, whereas writing would follow it.
            return [(staging / name).replace(folder / name) for name in renderings.FILES]
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Wait for the lock of a folder, which needs no file in it, and hold the lock while the body runs."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""The folder of a report's files: written only when there is a report, and through no link."""

import os
import shutil
import tempfile
from pathlib import Path

from review.model import Report
from review.render import renderings
from sandbox.errors import CommandError

READABLE = 0o644


def prepare(folder: Path, tree: Path) -> Path:
    """Delete the files of an earlier report.

    Raise CommandError if a link of the tree under review leads to the folder.

    A pull request can add a link of any name, so below its tree no folder of the path may be one.
    """
    place = Path.cwd() / os.path.normpath(folder)  # without following links, unlike resolve()
    tree = tree.resolve()
    below = place.is_relative_to(tree)
    if place.is_symlink() or (below and place.resolve() != tree / place.relative_to(tree)):
        raise CommandError(
            f"--output {folder} is, or leads through, a link to {place.resolve()}. "
            "Name that folder itself, or another one."
        )
    for name in renderings.FILES:
        (place / name).unlink(missing_ok=True)
    return place


def write(report: Report, folder: Path) -> list[Path]:
    """Write every file of a report, all or none: each is put in its place only when all have been written."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".review-"))
    try:
        for name, form in renderings.FILES.items():
            (staging / name).write_text(form(report), encoding="utf-8")
            (staging / name).chmod(READABLE)
        # A rename puts a file where a link is, and does not write through it.
        return [(staging / name).replace(folder / name) for name in renderings.FILES]
    finally:
        shutil.rmtree(staging, ignore_errors=True)

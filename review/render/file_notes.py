"""Notes that name changed files."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from review.model import quote_name
from review.render.filters import LINE, clip, show_unseen
from sandbox.progress import one_line

MOST_NEW = 40
"""Largest number of new files that notes name. A pull request can add as many as it likes."""

MORE = "More of these files: "


def list_files(introduction: str, files: Sequence[str], base: Path) -> list[str]:
    """Return notes with the names of changed files: of all that the base has, and of the first new ones.

    So no new file displaces one that somebody runs. A format shortens a long note in its middle, so the names
    are in as many notes as they need.
    """
    new = [file for file in files if not os.path.lexists(base / file)]
    omitted = {*new[MOST_NEW:]}
    names = [clip(show_unseen(one_line(quote_name(file)))) for file in files if file not in omitted]
    end = f" and {len(omitted)} more new ones" if omitted else ""
    return [*_notes(f"{introduction}: ", names, end)]


def _notes(start: str, names: Sequence[str], end: str) -> Iterator[str]:
    """Yield sentences with all names, each short enough to be shown as a whole."""
    note = start
    for name in names:
        if len(note) + len(name) + len(f", {end}.") > LINE and note != start:
            yield f"{note}."
            note = start = MORE
        note += name if note == start else f", {name}"
    yield f"{note}{end}."

"""Tests of notes that name files."""

from pathlib import Path

from review.render.file_notes import list_files
from review.render.filters import LINE


def test_a_note_is_short_enough_for_every_format_and_no_file_of_the_base_is_left_out(tmp_path: Path) -> None:
    old = [f"old{number}" for number in range(300)]
    for name in old:
        (tmp_path / name).write_text("")
    files = [*(f"new{number}" for number in range(50)), *old]
    notes = list_files("These files differ", files, tmp_path)
    assert len(notes) > 1
    assert max(map(len, notes)) <= LINE
    assert notes[0].startswith("These files differ: new0, new1, ")
    assert notes[-1].endswith(", old299 and 10 more new ones.")
    names = [name for note in notes for name in note.partition(": ")[2].removesuffix(".").split(", ")]
    assert names[40:-1] == old[:-1]


def test_a_name_of_many_characters_hides_no_other(tmp_path: Path) -> None:
    notes = list_files("These files differ", ["a" * 2000, "\u200b" * 150, "b" * 2000, "last"], tmp_path)
    assert max(map(len, notes)) <= LINE
    assert notes[-1].endswith(", last.")

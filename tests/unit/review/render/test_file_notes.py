"""Tests of notes that name files."""

from pathlib import Path

from review import model
from review.render.file_notes import list_files
from review.render.filters import LINE
from tests.support.rows import each_row


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


@each_row(
    ("name", "shown"),
    [
        (
            "tests/unit/docs/a.py). An owner approved them (b.py",
            "'tests/unit/docs/a.py). An owner approved them (b.py'",
        ),
        ("a; nothing's left", '"a; nothing\'s left"'),
        ('a\'. "b"', "'a\\'. \"b\"'"),
        ("a,b", "'a,b'"),
        ("docs/日本語.md", "'docs/日本語.md'"),
        ("docs/ja/guide_v1.2-3+a@b.md", "docs/ja/guide_v1.2-3+a@b.md"),
    ],
)
def test_a_name_that_may_be_a_part_of_a_sentence_is_quoted(name: str, shown: str, tmp_path: Path) -> None:
    assert model.quote_name(name) == shown
    assert list_files("These files differ", [name, "c"], tmp_path) == [f"These files differ: {shown}, c."]
    assert model.list_first_files([name, "c", "d", "e"], 3) == f"{shown}, c, d and 1 more"

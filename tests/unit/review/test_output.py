"""Tests that the files of a report are only written to their folder, and never through links."""

import threading
from pathlib import Path

import pytest

from review import output
from review.render import renderings
from sandbox.errors import CommandError
from tests.support.review import samples


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Provide a file that must not be changed."""
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / ".bashrc"
    file.write_text("mine")
    return file


def test_a_link_in_the_folder_is_replaced_and_not_followed(outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "review.md").symlink_to(outside)
    assert output.prepare(folder, tmp_path / "tree") == folder
    assert list(folder.iterdir()) == []
    (folder / "review.md").symlink_to(outside)  # This link appears between the two steps.
    output.write(samples.report(), folder)
    assert outside.read_text() == "mine"
    assert not (folder / "review.md").is_symlink()


def test_the_folder_has_the_files_of_a_report_and_no_others(tmp_path: Path) -> None:
    files = output.write(samples.report(), tmp_path / "out")
    assert {file.name for file in files} == set(renderings.FILES)
    assert {*files} == {*(tmp_path / "out").iterdir()}
    assert {file.stat().st_mode for file in files} == {0o100644}


@pytest.mark.parametrize("path", ["out", "link/out", "link"])
def test_a_link_of_the_tree_under_review_is_refused_as_a_folder(
    path: str, outside: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / path.partition("/")[0]).symlink_to(outside.parent)
    with pytest.raises(CommandError, match="leads through one, to"):
        output.prepare(tree / path, tree)


def test_a_link_elsewhere_is_refused_as_a_folder(outside: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(outside.parent)
    with pytest.raises(CommandError, match="Name that folder itself, or another one"):
        output.prepare(tmp_path / "out", tmp_path / "tree")


def test_a_rendering_that_fails_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> str:
        raise ValueError

    monkeypatch.setitem(renderings.FILES, "review.json", fail)
    with pytest.raises(ValueError):
        output.write(samples.report(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_two_reviews_with_one_folder_do_not_mix_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(text: str) -> None:
        def render(_: object) -> str:
            return text

        for name in renderings.FILES:
            monkeypatch.setitem(renderings.FILES, name, render)
        output.write(samples.report(), tmp_path / "out")

    replace = Path.replace
    others: list[threading.Thread] = []

    def replace_while_another_writes(file: Path, target: Path) -> Path:
        moved = replace(file, target)
        if not others:
            others.append(threading.Thread(target=write, args=("another",)))
            others[0].start()
            others[0].join(0.5)
        return moved

    monkeypatch.setattr(Path, "replace", replace_while_another_writes)
    write("one")
    others[0].join()
    assert {file.read_text() for file in (tmp_path / "out").iterdir()} == {"another"}

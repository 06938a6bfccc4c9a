"""Tests of the comparison of files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from review import guard
from review.programs import file_states
from review.programs.file_states import find_differing, read_states

LINKS = 50


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Provide two equal trees with many links to one file, in the policies and at the top."""
    for side in ("base", "head"):
        (tmp_path / side / "policies").mkdir(parents=True)
        (tmp_path / side / "data.txt").write_text("x")
        for number in range(LINKS):
            (tmp_path / side / "policies" / f"{number}.py").symlink_to("../data.txt")
            (tmp_path / side / f"{number}.py").symlink_to("data.txt")
    return tmp_path / "base", tmp_path / "head"


@pytest.mark.parametrize("compare", [guard.differing_files, find_differing])
def test_a_file_behind_many_links_is_read_once(
    trees: tuple[Path, Path],
    compare: Callable[[Path, Path], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[Path] = []
    read_digest = file_states.read_digest

    def count(file: Path) -> bytes:
        read.append(file.resolve())
        return read_digest(file)

    monkeypatch.setattr(file_states, "read_digest", count)
    assert not compare(*trees)
    assert sorted(read) == sorted(tree / "data.txt" for tree in trees)


def test_all_links_to_a_changed_file_differ(trees: tuple[Path, Path]) -> None:
    (trees[1] / "data.txt").write_text("y")
    assert len(guard.differing_files(*trees)) == 2 * LINKS
    assert len(find_differing(*trees)) == 2 * LINKS + 1


def test_states_keep_no_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(10**6))
    (state,) = read_states(tmp_path).values()
    assert state is not None and state.digest is not None and len(state.digest) == 32


def test_trees_that_nobody_changes_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        tree.mkdir()
    (trees[1] / "a").touch()
    monkeypatch.setattr(file_states, "_known", None)
    assert file_states.find_differing(*trees) == {Path("a")}
    file_states.remember_trees()
    file_states.find_differing(*trees).clear()
    (trees[1] / "b").touch()
    assert file_states.find_differing(*trees) == {Path("a")}
    monkeypatch.undo()
    assert file_states.find_differing(*trees) == {Path("a"), Path("b")}

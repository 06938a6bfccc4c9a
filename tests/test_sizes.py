"""The rooms that serve the program stay smaller than it (docs/decisions/0014-sizes.md)."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BUDGETS = {"sandbox": 7_000, "review": 2_010}
"""Lines of Python; only ever lowered."""

LONGEST_FILE = 300
"""Lines; a longer file holds two nouns."""


def lines(room: str) -> dict[str, int]:
    """Lines of each Python file of a folder."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"{room}/ has no Python"
    return {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}


@pytest.mark.parametrize("room", BUDGETS)
def test_a_room_that_serves_the_program_keeps_its_budget(room: str) -> None:
    assert sum(lines(room).values()) <= BUDGETS[room]


def test_what_serves_the_program_is_smaller_than_the_program() -> None:
    serving = sum(sum(lines(room).values()) for room in BUDGETS)
    assert serving < sum(sum(lines(room).values()) for room in ("components", "foundation", "policies"))


@pytest.mark.parametrize(
    "room", ["components", "foundation", "policies", "sandbox", "review", "scripts", "docs", "bench"]
)
def test_a_file_holds_one_noun(room: str) -> None:
    assert [file for file, count in lines(room).items() if count > LONGEST_FILE] == []

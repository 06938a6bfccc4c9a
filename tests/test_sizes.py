"""The rooms that serve the program stay smaller than it (docs/decisions/0014-sizes.md)."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

REVIEW = 1_500

BUDGETS = {"sandbox": 4_594, "review": 1_114}
"""Lines of code; raised only with a reason in the decision."""

LONGEST_FILE = 300
"""Lines with all that is on them; a longer file holds two nouns."""


def lines(room: str) -> dict[str, int]:
    """Lines of each Python file of a folder."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"{room}/ has no Python"
    return {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}


LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def code(source: str) -> int:
    """Lines without blank ones, comments and docstrings, as cloc and radon count."""
    texts = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Expr)]
    said = {
        line
        for each in texts
        if isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len(
        {
            line
            for token in tokens
            if token.type not in LAYOUT and token.string
            for line in range(token.start[0], token.end[0] + 1)
        }
        - said
    )


def codes(room: str) -> int:
    """Lines of code of a folder."""
    return sum(code((ROOT / file).read_text()) for file in lines(room))


SOURCE = '''"""What it is
for."""

# why
x = """a
b"""  # here

def f():
    "said"
    return (
        x
    )
'''


def test_code_is_what_neither_says_nor_separates() -> None:
    assert code(SOURCE) == 6


@pytest.mark.parametrize("room", BUDGETS)
def test_a_room_that_serves_the_program_keeps_its_budget(room: str) -> None:
    assert codes(room) <= BUDGETS[room]


def test_the_review_keeps_the_limit_that_was_asked_for_with_all_that_is_on_its_lines() -> None:
    assert sum(lines("review").values()) < REVIEW


def test_what_serves_the_program_is_smaller_than_the_program() -> None:
    assert sum(map(codes, BUDGETS)) < sum(map(codes, ("components", "foundation", "policies")))


@pytest.mark.parametrize(
    "room", ["components", "foundation", "policies", "sandbox", "review", "scripts", "docs", "bench"]
)
def test_a_file_holds_one_noun(room: str) -> None:
    assert [file for file, count in lines(room).items() if count > LONGEST_FILE] == []

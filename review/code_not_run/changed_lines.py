"""The lines of a file that differ from those of the base, and definitions that only move."""

import ast
import difflib
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_LINES = 3_000
"""Largest number of lines that are compared. In a longer part of a file, all lines count as changed.

The time may grow with the square of this number, and the author of a pull request chooses the lines.
"""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class ChangedLines:
    """Ranges of changed lines, by first and last line. One whose last line comes first is between lines."""

    ranges: Sequence[tuple[int, int]]

    def overlap(self, first: int, last: int) -> bool:
        """Return True if one of these lines is changed, or if lines between them are removed."""
        return any(start <= last and end >= first for start, end in self.ranges)

    @classmethod
    def between(cls, before: Sequence[str], after: Sequence[str]) -> "ChangedLines":
        """Compare the lines of a file in the base with those in the head."""
        start = _common(before, after)
        end = _common(before[start:][::-1], after[start:][::-1])
        old, new = before[start : len(before) - end], after[start : len(after) - end]
        if max(len(old), len(new)) > MOST_LINES:
            return cls([(start + 1, len(after))])
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        changes = [code[3:] for code in matcher.get_opcodes() if code[0] != "equal"]
        return cls([(start + first + 1, start + last) for first, last in changes])


def _common(before: Sequence[str], after: Sequence[str]) -> int:
    """Return the number of equal lines at the start."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((number for number, (old, new) in pairs if old != new), min(len(before), len(after)))


def first_line(node: ast.stmt | ast.expr) -> int:
    """Return the number of the first line of a part, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def text_of(node: Definition, lines: Sequence[str]) -> str:
    """Return the text of a definition, independent of its indentation."""
    return textwrap.dedent("\n".join(lines[first_line(node) - 1 : node.end_lineno]))


def find_definitions(module: ast.Module) -> Iterator[Definition]:
    """Yield all functions and classes of a module."""
    yield from (node for node in ast.walk(module) if isinstance(node, DEFINITIONS))


def find_kept(
    before: Iterable[tuple[ast.Module, Sequence[str]]], after: Iterable[tuple[ast.Module, Sequence[str]]]
) -> set[str]:
    """Return the texts of the definitions that the head has as often as the base, or less often.

    They may be in another place, or in another file.
    """
    counts = [
        Counter(text_of(node, lines) for module, lines in side for node in find_definitions(module))
        for side in (before, after)
    ]
    return {text for text, count in counts[1].items() if count <= counts[0][text]}

"""Search for the parts of known texts that a shortened text shows beside an ellipsis."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

ELLIPSIS = re.compile(r"(?<!\\)(?:\\*+ ?(?:…|(?<!\.)\.{3,}+)|\\++u2026) ?")
"""Pattern of an ellipsis, also as an escape, with spaces beside it and the start of an escape before it."""

Span = tuple[int, int]
"""The start and the end of a part of a text."""


class ShortenedForms:
    """An index of the forms of secrets by their beginnings, ends and blocks, each of `size` characters.

    So a search takes a time in proportion to the text, however many and however long the forms are.
    """

    def __init__(self, forms: Iterable[str], size: int) -> None:
        self._forms = [*forms]
        self._size = size

    def find(self, text: str) -> list[Span]:
        """Return the beginnings of forms before an ellipsis, their ends after one, and parts between two.

        A beginning or an end has at least `size` characters, and a part so many that one block of a form is
        in it. The spans may overlap.
        """
        ellipses = [match.span() for match in ELLIPSIS.finditer(text)]
        if not ellipses:
            return []
        size = len(text)
        mirrored = [(size - end, size - start) for start, end in reversed(ellipses)]
        ends = _find_beginnings(text[::-1], mirrored, self._ends, self._size)
        return [
            *_find_beginnings(text, ellipses, self._beginnings, self._size),
            *((size - end, size - start) for start, end in ends),
            *((end, start) for (_, end), (start, _) in pairwise(ellipses) if self._is_part(text[end:start])),
        ]

    @cached_property
    def _beginnings(self) -> dict[str, list[str]]:
        return _by_beginning(self._forms, self._size)

    @cached_property
    def _ends(self) -> dict[str, list[str]]:
        return _by_beginning([form[::-1] for form in self._forms], self._size)

    @cached_property
    def _blocks(self) -> set[str]:
        size = self._size
        return {
            form[start : start + size]
            for form in self._forms
            for start in range(0, len(form) - size + 1, size)
        }

    def _is_part(self, text: str) -> bool:
        """Return True for a part of a form. One of its first blocks is one of the form's, or it is short."""
        size = self._size
        has_block = len(text) >= 2 * size and any(
            text[start : start + size] in self._blocks for start in range(size)
        )
        return has_block and any(text in form for form in self._forms)


def _by_beginning(forms: Iterable[str], size: int) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for form in forms:
        index.setdefault(form[:size], []).append(form)
    return index


def _find_beginnings(
    text: str, ellipses: Sequence[Span], forms: dict[str, list[str]], size: int
) -> Iterator[Span]:
    """Yield each place where a text up to one of these ellipses is the beginning of a form."""
    following = 0
    for start in range(ellipses[-1][0] - size + 1):
        while ellipses[following][0] < start + size:
            following += 1
        for form in forms.get(text[start : start + size], ()):
            for end, _ in ellipses[following:]:
                if not form.startswith(text[start:end]):
                    break
                yield start, end

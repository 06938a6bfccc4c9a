"""The places in which two long texts differ, word by word."""

import bisect
import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WORD = re.compile(r"\w+|\W")
"""Pattern of the words that are compared."""

MOST_WORDS = 100
"""Largest number of words between two places with unique words in which other equal words are searched.

`difflib` needs seconds for some texts with a thousand words, and the author of a pull request chooses them.
"""


class _Block(NamedTuple):
    """The bounds of a range of words in two texts."""

    start: int
    end: int
    other_start: int
    other_end: int


def differing_runs(text: str, other: str) -> list[tuple[int, int]]:
    """Return the places of a text that differ from the other text, in its order; at least one.

    A place of the other text without a counterpart is an empty run. Both texts have the same number of runs,
    and are equal without them, so a report that shows the runs of each omits no difference. Of what has
    changed places, several choices are equally short, so both texts are compared in one order here.
    """
    sides = [WORD.findall(side) for side in sorted((text, other))]
    blocks = _differing(*sides)
    if text > other:
        sides.reverse()
        blocks = (_Block(block.other_start, block.other_end, block.start, block.end) for block in blocks)
    parts, others = sides
    places = [0]
    for word in parts:
        places.append(places[-1] + len(word))
    runs = [
        _trim(
            places[block.start], places[block.end], text, "".join(others[block.other_start : block.other_end])
        )
        for block in blocks
    ]
    return runs or [(0, len(text))]


def _trim(start: int, end: int, text: str, other: str) -> tuple[int, int]:
    """Return the bounds of a run without the characters that it has in common with the other side."""
    first = _common_length(text[start:end], other)
    rest = text[start + first : end]
    last = _common_length(rest[::-1], other[first:][::-1])
    return start + first, end - last


def _common_length(text: str, other: str) -> int:
    """Return the number of characters with which both texts begin."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(text), len(other)))


def _differing(parts: Sequence[str], others: Sequence[str]) -> Iterator[_Block]:
    """Yield the blocks of words that differ."""
    for block in _gaps(_anchors(parts, others), _Block(0, len(parts), 0, len(others))):
        left, right = parts[block.start : block.end], others[block.other_start : block.other_end]
        start = _common_words(left, right)
        end = _common_words(left[start:][::-1], right[start:][::-1])
        left, right = left[start : len(left) - end], right[start : len(right) - end]
        block = _Block(block.start + start, block.end - end, block.other_start + start, block.other_end - end)
        if max(len(left), len(right)) > MOST_WORDS:
            yield block
            continue
        matcher = difflib.SequenceMatcher(None, right, left, autojunk=False)
        for kind, other_start, other_end, first, last in matcher.get_opcodes():
            if kind != "equal":
                yield _Block(
                    block.start + first,
                    block.start + last,
                    block.other_start + other_start,
                    block.other_start + other_end,
                )


def _common_words(parts: Sequence[str], others: Sequence[str]) -> int:
    """Return the number of words with which both lists begin."""
    pairs = enumerate(zip(parts, others, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(parts), len(others)))


def _gaps(anchors: Sequence[tuple[int, int]], whole: _Block) -> Iterator[_Block]:
    """Yield the blocks between equal words."""
    start, other_start = whole.start, whole.other_start
    for index, other_index in (*anchors, (whole.end, whole.other_end)):
        if index > start or other_index > other_start:
            yield _Block(start, index, other_start, other_index)
        start, other_start = index + 1, other_index + 1


def _anchors(parts: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of words that each text has once, as many as possible in the order of both.

    This is the first step of a patience diff (https://bramcohen.livejournal.com/73318.html).
    """
    counts, other_counts = Counter(parts), Counter(others)
    places = {word: index for index, word in enumerate(others) if other_counts[word] == 1}
    pairs = [
        (index, places[word]) for index, word in enumerate(parts) if counts[word] == 1 and word in places
    ]
    # The longest sequence of pairs whose second positions increase.
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect.bisect_left(tails, place)
        before.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    anchors: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        anchors.append(pairs[number])
        number = before[number]
    return anchors[::-1]

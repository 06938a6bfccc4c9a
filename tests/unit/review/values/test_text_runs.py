"""Tests of the places in which two long texts differ."""

import json
import time
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from review.model import LONGEST_DIFFERENCE, shorten
from review.values.text_runs import differing_runs

WORDS = [sign * 30 for sign in "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"]
"""Words without a common beginning, so that a shown place of one has all of it."""

PIECES = ("a", "b", "deny ", "allow ", "x" * 60, "-", " ", "; ", "10.0.0.0/8, ", "q" * 130, "z" * 2500)


def differences(text: str, other: str) -> list[str]:
    """Return the parts of a text that differ from the other text."""
    return [text[start:end] for start, end in differing_runs(text, other)]


def test_each_place_is_a_run_of_its_own() -> None:
    old, new = "aws s3 ls; echo one; exit 0", "aws s3 rb; echo one two; exit 0"
    assert differences(new, old) == ["rb", " two"] and differences(old, new) == ["ls", ""]
    assert differences("image:05e2", "image:15e2") == ["0"]


def test_an_addition_between_other_differences_is_shown() -> None:
    filler = [{"Sid": f"s{number}", "Effect": "Deny", "Action": "s3:*"} for number in range(20)]
    added = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::666666666666:role/evil"}}

    def policy(*statements: Any) -> str:
        return json.dumps({"Version": "1", "Version ": "1", "Statement": statements})

    text = shorten(f"\n{policy(*filler, added, *filler[:3])} ", policy(*filler))
    assert "666666666666:role/evil" in text


def test_a_long_addition_is_cut_and_counted() -> None:
    text = shorten(f"a {'x' * 1000} b", "a b" + " " * 200)
    assert "more of them differ" in text and len(text) < 2 * LONGEST_DIFFERENCE


def equal_part(text: str, other: str) -> str:
    """Return a text without the parts that differ from the other text."""
    places = {place for start, end in differing_runs(text, other) for place in range(start, end)}
    return "".join(char for place, char in enumerate(text) if place not in places)


@given(*[st.lists(st.sampled_from(PIECES), max_size=40).map("".join)] * 2)
def test_both_sides_are_equal_without_their_differences(old: str, new: str) -> None:
    if old != new:
        assert equal_part(old, new) == equal_part(new, old)
        assert len(differing_runs(old, new)) == len(differing_runs(new, old))


@given(*[st.integers(0, 12)] * 3)
def test_of_two_lists_that_change_places_both_sides_show_the_same(start: int, size: int, gap: int) -> None:
    middle, end, last = start + size, start + size + gap, start + size + gap + size
    first, between, second = WORDS[start:middle], WORDS[middle:end], WORDS[end:last]
    exchanged = [*WORDS[:start], *second, *between, *first, *WORDS[last:]]
    texts = " ".join(WORDS), " ".join(exchanged)
    before, after = shorten(*texts), shorten(*texts[::-1])
    if "more of them differ" not in before + after:
        for pair in product(first, second):
            assert any(word in before and word in after for word in pair)


def test_the_second_place_of_two_exchanged_lists_is_shown() -> None:
    reading, writing = (
        ", ".join(f"s3:{verb}Object{name}" for name in ("", "Acl", "Tagging", "Version", "Retention"))
        for verb in ("Get", "Put")
    )
    old, new = (
        f"Deny {denied} on the logs of the service and Allow {allowed} on its backups, with MFA"
        for denied, allowed in ((writing, reading), (reading, writing))
    )
    before, after = shorten(old, new), shorten(new, old)
    assert reading in before.partition("Allow")[2] or writing in after.partition("Allow")[2]


def test_a_long_difference_has_some_characters_after_it() -> None:
    old = f"deny put {'x ' * 100}"
    assert "then allow put x" in shorten(f"deny get, {'y' * 100} then allow put {'x ' * 100}", old)


def test_a_remark_of_one_side_changes_no_difference() -> None:
    old, new = "a" * 200 + " old", "a" * 200 + " new"
    for text in (old, new):
        assert shorten(old, f"{text} (secret)") == shorten(old, text)


def test_no_texts_take_long() -> None:
    started = time.monotonic()
    for old, new in (("a." * 9999, "a," * 9999), ("ab " * 9999, "ba." * 9999)):
        assert differing_runs(new, old)
    assert time.monotonic() - started < 5

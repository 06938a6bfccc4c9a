"""Tests of the places in which two long texts differ."""

import json
import time
from typing import Any

from review.model import LONGEST_DIFFERENCE, shorten
from review.values.text_runs import differing_runs


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


def test_no_texts_take_long() -> None:
    started = time.monotonic()
    for old, new in (("a." * 9999, "a," * 9999), ("ab " * 9999, "ba." * 9999)):
        assert differing_runs(new, old)
    assert time.monotonic() - started < 5

"""Tests of the masking of secrets that continue on the next line of an output."""

import base64
import itertools
import random
import string

import pytest

from review.plain_data import SHORTEST, build_mask
from review.values.line_mask import LineMask

TOKEN = "glsa_Tr0ub4dorAndThreeMoreWordsForThis"
KEY_LINES = [random.Random(line).choices(string.ascii_letters + string.digits, k=64) for line in range(20)]
SECRETS = [TOKEN, "correct horse battery", *map("".join, KEY_LINES)]


def shown(*lines: str) -> list[str]:
    """Return the lines of an output as a log shows them."""
    return [*LineMask(build_mask(SECRETS)).mask_all(f"{line}\n" for line in lines)]


def wrapped(text: str, width: int) -> list[str]:
    """Return the base64 of a text in lines of a width."""
    encoded = base64.b64encode(text.encode()).decode()
    return [encoded[start : start + width] for start in range(0, len(encoded), width)]


@pytest.mark.parametrize("width", [16, 64, 76])
def test_a_key_in_the_lines_of_base64_is_masked_as_in_a_report(width: int) -> None:
    key = "\n".join(["-----BEGIN KEY-----", *map("".join, KEY_LINES), "-----END KEY-----"])
    lines = ["  ~ data:", *wrapped(key, width), "", "Resources:"]
    masked = shown(*lines)
    assert masked == build_mask(SECRETS)("\n".join(lines)).split("\n")
    shown_parts = " ".join(masked).replace("[secret]", " ").split()
    assert max(map(len, shown_parts[3:-2])) < 25  # Around them is what no secret covers.


@pytest.mark.parametrize("before", range(30))
def test_a_line_break_anywhere_in_a_token_hides_no_part_of_it(before: int) -> None:
    text = f'{"x" * before}{{"token":"{TOKEN}"}} and more text'
    lines = ["done", *wrapped(text, 48), "end"]
    assert shown(*lines) == build_mask(SECRETS)("\n".join(lines)).split("\n")


@pytest.mark.parametrize("secret", [TOKEN, "p@ss w0rd!$x%{y}'z", 'a-b+c/d=e"f\\g'])
def test_a_line_break_anywhere_in_a_secret_hides_all_but_a_short_beginning(secret: str) -> None:
    for size in range(1, len(secret)):
        masked = [*LineMask(build_mask([secret])).mask_all([f"key={secret[:size]}", f"{secret[size:]} set"])]
        begin = secret[:size] if size < SHORTEST else "[secret]"
        assert [masked[0], masked[1].strip()] in (
            [f"key={begin}", "[secret] set"],
            ["key=[secret]", "[secret] set"],
        )


def test_a_folded_passphrase_is_masked() -> None:
    assert shown("key: correct horse", "  battery", "next") == ["key: [secret]", "  [secret]", "next"]


def test_a_line_is_shown_at_once_unless_a_secret_may_have_begun_at_its_end() -> None:
    mask = LineMask(build_mask(SECRETS))
    lines = iter(["updating resources", "waiting…", f"token {TOKEN[:9]}", "other", "", TOKEN[:9]])
    coming: list[str] = []

    def read() -> str:
        coming.append(next(lines))
        return coming[-1]

    output = mask.mask_all(read() for _ in itertools.count())
    states = [(next(output), len(coming)) for _ in range(2)]
    assert states == [("updating resources", 1), ("waiting…", 2)]
    assert (next(output), len(coming)) == (f"token {TOKEN[:9]}", 4)
    assert next(output) == "other"


def test_the_last_line_of_an_output_is_not_lost() -> None:
    assert shown("a", TOKEN[:9]) == ["a", TOKEN[:9]]
    assert shown() == []
    assert shown("", "", "b") == ["", "", "b"]


def test_a_long_output_without_secrets_stays_as_it_is() -> None:
    lines = [f" +  aws:ec2:Vpc network-{number} creating (0s)" for number in range(500)]
    assert shown(*lines) == lines

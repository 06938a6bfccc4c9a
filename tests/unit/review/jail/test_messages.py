"""Tests of messages from the evaluation."""

import io

from review.jail.messages import Failure, encode, receive


def test_a_message_has_any_text() -> None:
    text = 'a "\\ud800" \u2028 \n 😀'
    assert [*receive(io.BytesIO(f"{encode(Failure(text))}\n".encode()))] == [Failure(text)]


def test_half_a_character_becomes_an_escape() -> None:
    line = encode(Failure("file-\udcff \ud83d\ude00")).encode()
    assert [*receive(io.BytesIO(line))] == [Failure("file-\\udcff \\ud83d\\ude00")]

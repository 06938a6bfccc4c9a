"""Tests of the encodings of files with Python code."""

import ast

import pytest

from review.programs.encodings import (
    find_names,
    find_unseen,
    find_unseen_in_module,
    find_unseen_in_script,
    is_text,
    is_utf8,
)


@pytest.mark.parametrize(
    "start",
    [
        *(b"", b"# coding: utf-8\n", b"# coding=UTF8\n", b"# vim: set fileencoding=utf-8-unix :\n"),
        *(b"\xef\xbb\xbf", b"\xef\xbb\xbf# coding: utf-8\n", b"a = 1\n# coding: latin-1\n"),
        *(b"\n\n# coding: latin-1\n", b"a = 1  # coding: latin-1\n", b"\r\r# coding: latin-1\r"),
    ],
)
def test_files_that_python_decodes_as_utf8(start: bytes) -> None:
    assert is_utf8(content := start + "name = 'é'".encode())
    assert text(content) == "é"


@pytest.mark.parametrize(
    "start",
    [
        *(b"# coding: latin-1\n", b"\n# -*- coding: cp1252 -*-\n", b"# vim: set fileencoding=latin-1 :\n"),
        *(b"\r# coding: latin-1\r", b"#\r\n\x0c# coding=iso-8859-15\r\n"),
    ],
)
def test_files_that_python_decodes_in_another_way(start: bytes) -> None:
    assert not is_utf8(content := start + "name = 'é'".encode())
    assert text(content) != "é"


@pytest.mark.parametrize("name", [b"unknown", b"utf-7", b"unicode_escape", b"rot13", b"utf-8-sig"])
def test_unusual_encodings(name: bytes) -> None:
    assert is_utf8(b"# coding: " + name) == (name == b"utf-8-sig")
    assert not is_utf8(b"\xef\xbb\xbf# coding: latin-1")


@pytest.mark.parametrize(
    "char", ["\x00", "\x0b", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ufff9", "\ufffb"]
)
def test_controls_and_separators_of_a_script_are_invisible(char: str) -> None:
    assert find_unseen(f"a\r\nb{char}c\r\n".encode()) == {f"b{char}c\r": f"(U+{ord(char):04X}) in line 2"}


def test_what_ordinary_text_has_is_seen() -> None:
    text = "\x0c\ta\r\n©\ufe0f ®\ufe0f ☀\ufe0f 日本語\r\n"
    assert find_unseen(text.encode()) == find_unseen(text.encode("utf-16")) == {}


@pytest.mark.parametrize(
    "text, char",
    [
        *(("echo “\u200d\u200d\u200d”", "\u200d"), ("ア\u200d\ufe0f\u200d\ufe0eイ", "\u200d")),
        *(('grep "リ\u200dース"', "\u200d"), ('"…\ufe0e" not in text', "\ufe0e")),
        *(("a\u3000\ufe0f", "\ufe0f"), ("1\ufe0f", "\ufe0f"), ("☀\ufe0f\ufe0e", "\ufe0e")),
        *(("☀\u200d\u200d☀", "\u200d"), ("☀\ufe0e\u200d☀", "\u200d"), ("☀\u200da", "\u200d")),
        *(("葛\U000e0100\U000e0101", "\U000e0101"), ("ア\U000e0100", "\U000e0100")),
        *(("葛\u200d葛", "\u200d"), ("葛\ufe0f", "\ufe0f"), ("\u202e\ufe0f", "\u202e")),
    ],
)
def test_invisible_characters_without_an_emoji_or_a_chinese_character(text: str, char: str) -> None:
    assert find_unseen(text.encode()) == {text: f"(U+{ord(char):04X}) in line 1"}
    assert find_unseen_in_module(text.encode())
    assert find_unseen_in_script(text.encode())


@pytest.mark.parametrize(
    "text", ["葛\U000e0100", "辻\ufe00", "👩🏽\u200d💻", "❤\ufe0f\u200d🔥", "👁\ufe0f\u200d🗨"]
)
def test_joined_emoji_and_forms_of_chinese_characters_count_in_code_only(text: str) -> None:
    assert find_unseen(text.encode()) == {}
    assert find_unseen_in_module(text.encode())
    assert find_unseen_in_script(text.encode())


@pytest.mark.parametrize(
    "text", ["☀\ufe0e ‼\ufe0f ™\ufe0f ©\ufe0e", "1\ufe0f\u20e3 #\ufe0f\u20e3", "🇯🇵 👍🏽"]
)
def test_forms_of_emoji_do_not_count_in_code(text: str) -> None:
    assert find_unseen_in_module(text.encode()) == find_unseen_in_script(text.encode()) == {}


@pytest.mark.parametrize("char", "\xa0\u1680\u2000\u200a\u202f\u205f\u2800\u3000\ufffc\U00016fe4\U0001d159")
def test_a_blank_that_is_no_space_counts_in_a_script(char: str) -> None:
    text = f'\nif [ "$x" != main ]{char}; then'
    assert list(find_unseen_in_script(text.encode()).values()) == [f"(U+{ord(char):04X}) in line 2"]
    assert find_unseen(text.encode()) == {}


def test_a_wide_space_beside_japanese_text_does_not_count() -> None:
    assert find_unseen_in_script("# 日本　aws、\u3000\u3000eks\u3000です".encode()) == {}
    assert find_unseen_in_script("a\u3000\u3000b".encode())


@pytest.mark.parametrize("text", ["\ufeff#!/bin/bash -e\n", "\ufeffset -euo pipefail\n"])
def test_a_byte_order_mark_counts_in_a_script(text: str) -> None:
    assert list(find_unseen_in_script(text.encode()).values()) == ["(U+FEFF) in line 1"]
    assert bool(find_unseen(text.encode())) == bool(find_unseen_in_module(text.encode())) == ("#!" in text)


def test_text_behind_a_wrong_byte_order_mark_counts() -> None:
    for text in ("a\u202e", "ab\u202e"):
        assert is_text(content := b"\xff\xfe" + text.encode())
        assert list(find_unseen(content).values()) == ["(U+202E) in line 1"]
    assert find_unseen_in_script(b"\xff\xfea\0") == {"a\0": "(U+0000) in line 1"}
    assert not is_text(b"\xff\xfe\xff")


def test_code_that_is_too_deep_has_no_list_of_names() -> None:
    with pytest.raises((MemoryError, RecursionError)):
        find_names(f"a{'.b' * 100_000}\né = 1".encode())


def test_names_of_code_that_does_not_parse_are_none() -> None:
    assert find_names("é = 1".encode()) == {"é": "in line 1"}
    assert find_names("é = 1\n)".encode()) == {}


def text(content: bytes) -> str:
    """Return the text that Python reads from the last line."""
    statement = ast.parse(content).body[-1]
    assert isinstance(statement, ast.Assign)
    value = ast.literal_eval(statement.value)
    assert isinstance(value, str)
    return value

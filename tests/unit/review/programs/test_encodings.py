"""Tests of the encodings of files with Python code."""

import ast

import pytest

from review.programs.encodings import find_names, find_unseen, is_utf8


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

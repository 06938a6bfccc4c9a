"""Tests of the encodings of files with Python code."""

import ast

import pytest

from review.programs.encodings import is_utf8


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


def text(content: bytes) -> str:
    """Return the text that Python reads from the last line."""
    statement = ast.parse(content).body[-1]
    assert isinstance(statement, ast.Assign)
    value = ast.literal_eval(statement.value)
    assert isinstance(value, str)
    return value

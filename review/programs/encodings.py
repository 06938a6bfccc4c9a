"""Encodings of files with Python code."""

import codecs
import io
import re
import tokenize

UTF_8 = "utf-8", "utf-8-sig"
"""Names of codecs: editors and GitHub show the text that these decode."""

MISLEADING_INDENTATION = re.compile(rb"^[ \t\f]*(?:[ \t]\f|\\$)", re.MULTILINE)


def is_utf8(content: bytes) -> bool:
    """Return True if Python decodes a file with this content as UTF-8.

    A comment in the first two lines may name any other encoding (https://peps.python.org/pep-0263). Some turn
    an escape such as `\\u000a` into a line break, so that lines are others than those that a reader sees.
    Python ends a line at each carriage return before it looks for the comment, and tokenize does not.
    """
    lines = io.BytesIO(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    try:
        encoding, _ = tokenize.detect_encoding(lines.readline)
    except SyntaxError:
        return False
    return codecs.lookup(encoding).name in UTF_8


def has_lone_return(content: bytes) -> bool:
    """Return True if a file has a carriage return that is not a part of a Windows line break.

    Python ends the line there, also that of a comment, and Git and GitHub do not
    (https://docs.python.org/3/reference/lexical_analysis.html#physical-lines). Python does not end a line at
    others of the characters that end lines elsewhere, such as a form feed or U+2028.
    """
    return b"\r" in content.replace(b"\r\n", b"")


def has_misleading_indentation(content: bytes) -> bool:
    """Return True if Python takes another indentation of a line than Git and GitHub show.

    It forgets what stands before a form feed, and takes that of a line with a backslash only for the next
    line (https://docs.python.org/3/reference/lexical_analysis.html#indentation). So a line that looks like
    one of a function may belong to the module.
    """
    return MISLEADING_INDENTATION.search(content.replace(b"\r\n", b"\n")) is not None

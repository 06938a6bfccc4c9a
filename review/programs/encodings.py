"""Encodings of files with Python code."""

import codecs
import io
import re
import tokenize

UTF_8 = "utf-8", "utf-8-sig"
"""Names of codecs: editors and GitHub show the text that these decode."""

LONE_RETURN = re.compile(rb"\r(?!\n)")
"""Pattern of a carriage return that is not a part of a Windows line break. Python ends the line there, also
that of a comment, and Git and GitHub do not
(https://docs.python.org/3/reference/lexical_analysis.html#physical-lines). Python does not end a line at
others of the characters that end lines elsewhere, such as a form feed or U+2028.
"""

INDENTED_FORM_FEED = re.compile(rb"^[ \t\f]*[ \t]\f", re.MULTILINE)
"""Pattern of a form feed after white space at the start of a line. In code, Python forgets the indentation
before it, so that a line that looks like one of a function may belong to the module
(https://docs.python.org/3/reference/lexical_analysis.html#indentation). A form feed at the start of a line
changes nothing.
"""

LONE_BACKSLASH = re.compile(rb"^[ \t\f]*\\\r?$", re.MULTILINE)
"""Pattern of a line that has only a backslash. In code, Python takes the indentation of such a line for that
of the next one.
"""


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


def find_line(pattern: re.Pattern[bytes], content: bytes) -> int | None:
    """Return the number of the line in which the first match of a pattern starts; None without a match.

    Only line feeds end a line here, as in Git.
    """
    match = pattern.search(content)
    return content.count(b"\n", 0, match.start()) + 1 if match else None

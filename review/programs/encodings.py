"""Encodings of files with Python code, and what a reader does not see in their text."""

import ast
import codecs
import io
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import regex

UTF_8 = "utf-8", "utf-8-sig"
"""Names of codecs: editors and GitHub show the text that these decode."""

UTF_16 = codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE
"""Byte order marks of texts in UTF-16."""

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

IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Pattern of the characters that nobody sees (Default_Ignorable_Code_Point of Unicode's
DerivedCoreProperties.txt). Those that reverse text are among them (https://unicode.org/reports/tr9), and many
may be a part of a name in Python, which keeps most of them
(https://docs.python.org/3/reference/lexical_analysis.html#identifiers). Linux ignores them in the names of a
folder that ignores case (fs/unicode), and HFS+ ignores some of them (git/git, utf8.c: next_hfs_char).
"""

UNSEEN = re.compile(
    f"{IGNORABLE.pattern}|[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb]|\\r(?!\n|\\Z)"
)
"""Pattern of the characters of a line that nobody sees, or that may change what a reader sees of the others:
controls of a terminal, those that some editors show as the end of a line, and annotations (Unicode Standard,
23.8). Tabs, form feeds and the line breaks of Unix and Windows are ordinary.
"""

BLANK = regex.compile(
    r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u2800\ufffc\U00016fe4\U0001d159]"
    r"|(?<![{0}\u3000])\u3000+(?![{0}\u3000])".format(
        r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3001-\u303f\uff01-\uff9f"
    )
)
"""Pattern of the spaces that no shell takes for one, and of signs of which nothing is seen. The wide space
counts unless Japanese text is beside it.
"""

PRESENTATION = regex.compile(r"(?<=[\p{Emoji}--[\x00-\x7f]])[\ufe0e\ufe0f]", regex.V1)
"""Pattern of a character that chooses the form of the emoji before it, as keyboards type it. The signs of
copyright and of trade marks are emoji, too
(https://www.unicode.org/Public/UCD/latest/ucd/emoji/emoji-variation-sequences.txt).
"""

IN_CODE = regex.compile(rf"{PRESENTATION.pattern}|(?<=[0-9#*])\ufe0f(?=\u20e3)", regex.V1)
"""Pattern of the invisible characters that ordinary code has: these, and the one of a keycap."""

IN_TEXT = regex.compile(
    rf"{IN_CODE.pattern}"
    r"|(?<=\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?)\u200d(?=\p{Extended_Pictographic})"
    r"|(?<=\p{Unified_Ideograph})[\ufe00-\ufe02\U000e0100-\U000e01ef]",
    regex.V1,
)
"""Pattern of those that ordinary text has, too: one that joins two emoji (https://unicode.org/reports/tr51),
and one that chooses the form of the Chinese or Japanese character before it
(https://unicode.org/reports/tr37). A second one behind it is none of them.
"""

MARK = codecs.BOM_UTF8.decode()
"""Byte order mark of a text."""

BRACES = re.compile(r"[A-Za-z]*[fF][A-Za-z]*[\"'][^{]*(\{.*\})", re.DOTALL)
"""Pattern of an f-string up to its last brace; the group begins at the first one."""

LITERALS = tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
"""Types of the tokens with text. Python 3.12 and later have one for the text of an f-string."""


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


def find_unseen(content: bytes) -> dict[str, str]:
    """Return the lines of a text that have an invisible character, each with that and its place.

    What emoji and Chinese or Japanese text have does not count, and neither does a byte order mark, unless
    `#!` follows: then no kernel sees the name of the interpreter.
    """
    return _find_unseen(content, IN_TEXT)


def find_unseen_in_module(content: bytes) -> dict[str, str]:
    """Return such lines of Python code, where joined emoji and forms of Chinese characters count, too."""
    return _find_unseen(content, IN_CODE)


def find_unseen_in_script(content: bytes) -> dict[str, str]:
    """Return such lines of a script, where a byte order mark and BLANK count, too.

    A shell takes the mark for a part of the first command, and reads no UTF-16.
    """
    return _find_unseen(content, IN_CODE, of_script=True)


def _find_unseen(content: bytes, ordinary: regex.Pattern[str], of_script: bool = False) -> dict[str, str]:
    lines: dict[str, str] = {}
    for encoding, part in _encoded(content, of_script):
        text = part.decode(encoding, "replace")
        start = "" if of_script or text.startswith(f"{MARK}#!") else MARK
        text = text.removeprefix(start)
        may_have_some = UNSEEN.search(text) or (of_script and BLANK.search(text))
        for number, line in enumerate(text.split("\n") if may_have_some else [], 1):
            unseen = UNSEEN.search(line) and UNSEEN.search(ordinary.sub("", line))
            char = unseen[0] if unseen else ""
            if not char and of_script and (blank := BLANK.search(line)):
                char = blank[0][0]
            if char:
                lines.setdefault(line, f"(U+{ord(char):04X}) in line {number}")
    return lines


def is_text(content: bytes) -> bool:
    """Return True for text in UTF-8 without NUL, and in UTF-16 with a byte order mark.

    UTF-8 behind the mark of UTF-16 is text, too.
    """
    if b"\0" in content and not content.startswith(UTF_16):
        return False
    for encoding, part in _encoded(content):
        with suppress(UnicodeDecodeError):
            part.decode(encoding)
            return True
    return False


def find_names(content: bytes) -> dict[str, str]:
    """Return the parts of Python code that may have a name beyond ASCII, each with its place.

    Such a name may look like another one. Text in strings and comments is no name, except for what is between
    the first and the last brace of an f-string and that Python reads as ASCII (NFKC). Raise MemoryError or
    RecursionError for code that is too deep: Python may run it where fewer calls are active.
    """
    places: dict[str, str] = {}
    for number, name in () if content.isascii() else _names(content.decode("utf-8-sig", "replace")):
        if not name.isascii():
            places.setdefault(name, f"in line {number}")
    return places


def _names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the names in Python code, and its strings and lines that may have some, each with its line.

    The tree lacks names that Python replaces by others of ASCII. The tokens lack those in an f-string before
    Python 3.12, and parts of names. Python does not run a module without a tree.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    with suppress(SyntaxError, tokenize.TokenError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string
            elif token.type == tokenize.STRING:
                if (match := BRACES.match(token.string)) and any(map(_may_be_of_name, match[1])):
                    yield token.start[0], token.string
            elif token.type not in LITERALS and not token.string.isascii():
                yield token.start[0], token.line
    line = 1
    for node in ast.walk(tree):
        line = getattr(node, "lineno", line)
        values = () if isinstance(node, ast.Constant) else [value for _, value in ast.iter_fields(node)]
        for value in values:
            names = cast(list[Any], value) if isinstance(value, list) else [value]
            yield from ((line, name) for name in names if isinstance(name, str))


def _may_be_of_name(char: str) -> bool:
    """Return True for a character in place of which Python reads one of ASCII in a name."""
    return not char.isascii() and f"a{char}".isidentifier() and unicodedata.normalize("NFKC", char).isascii()


def _encoded(content: bytes, of_script: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield the encodings that a text may have, each with the text.

    With the mark of UTF-16, that is UTF-16. A command may read UTF-8 behind the mark, also that of a text
    without NUL, which hardly any text in UTF-16 lacks.
    """
    marked = content.startswith(UTF_16)
    if marked:
        yield "utf-16", content
    if not marked or of_script or b"\0" not in content:
        yield "utf-8", content[len(codecs.BOM_UTF16_LE) :] if marked else content

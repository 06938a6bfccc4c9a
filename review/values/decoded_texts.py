"""Decoded texts: what a text is without its escapes, or in its base64, with the places of each part in it.

A search for a secret in them finds the secret in whatever way a program or a library has escaped it, such as
`%2f` for `%2F`, `\\/` in JSON or `&apos;`, and also an escaped secret within base64.
"""

import base64
import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from review.values.shortened_forms import ELLIPSIS, Span

SHORTEST = 6
"""Smallest number of characters in a decoded part of a text that is kept."""

PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
FORM = re.compile(rf"\+|{PERCENT.pattern}")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][0-9A-Za-z]{1,30});")
ESCAPE = re.compile(
    r"(?:\\x[0-9A-Fa-f]{2})+|(?:\\u[0-9A-Fa-f]{4})+|\\U000[0-9A-Fa-f]{5}|\\[0-3][0-7]{2}|\\\r?\n[ \t]*+|\\."
)
QUOTED = re.compile(r"(?:=(?:0[9AD]|2[0-9A-F]|3[A-F]|40|5[B-F]|60|7[B-E]|[89A-F][0-9A-F]))+|=\r?\n")
BYTES = re.compile(
    r"(?<![0-9A-Za-z])(?:0x)?[0-9A-Fa-f]{2}(?:(?:, ?|[ :-])(?:0x)?[0-9A-Fa-f]{2}){5,}(?![0-9A-Za-z])"
)
REPEATED = re.compile(r"(['\"$%{}])\1+")
FOLD = re.compile(r"(?<![ \t])[ \t]*+\r?\n[ \t]++")
"""Patterns of the escapes of URLs, forms, HTML, strings and e-mails, of bytes in hexadecimal digits with
signs between them, of repeated signs, and of the folded lines of YAML.

E-mails have quoted-printable text, whose digits are in upper case, and in which letters and digits have no
escapes. It ends a line that goes on in the next one with a sign (RFC 2045, 6.7).

Signs are doubled in texts of YAML (quotes), make and Docker Compose (`$`), configparser and printf (`%`), and
formats of Python (braces).
"""

BYTE = re.compile(r"(?:, ?|[ :-])?(?:0x)?([0-9A-Fa-f]{2})")
"""Pattern of one of the bytes in hexadecimal digits, with the sign before it."""

CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
"""Control characters by the letters of their escapes."""

BASE64 = re.compile(r"[\w+/-]{8,}+", re.ASCII)
HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{12,}+")
"""Patterns of texts that may be bytes in base64 or in hexadecimal digits."""

READABLE = re.compile(rf"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]{{{SHORTEST},}}")
"""Pattern of decoded bytes that may be a text."""


Unescape = Callable[[str], Iterator[tuple[str, int]]]
"""A decoder of an escape: it yields the characters, each with the length of its own escape."""


@dataclass(slots=True)
class _Part:
    """A part of a decoded text, from `start` on, with the span of its source.

    A literal part is the source itself. Of `encoded` bytes, each character of the source has some `bits`.
    """

    start: int
    source: Span
    is_literal: bool = False
    encoded: str = ""
    bits: int = 8
    bytes_before: int = 0
    is_end: bool = False

    def source_start(self, offset: int) -> int:
        """Return the place in the source where the character at an offset in the part begins."""
        if self.encoded:
            return self.source[0] + -(-self._bits(offset) // self.bits)
        return self.source[0] + (offset if self.is_literal else 0)

    def source_end(self, offset: int) -> int:
        """Return the place in the source where the character before an offset in the part ends."""
        if self.encoded and not (self.is_end and offset >= len(self.encoded)):
            return self.source[0] + self._bits(offset) // self.bits
        return self.source[0] + offset if self.is_literal else self.source[1]

    def _bits(self, offset: int) -> int:
        return 8 * (self.bytes_before + len(self.encoded[:offset].encode()))


class DecodedText:
    """A decoded text, whose parts know where they come from."""

    def __init__(self) -> None:
        self.text = ""
        self._texts: list[str] = []
        self._parts: list[_Part] = []
        self._starts: list[int] = []
        self._size = 0

    def close(self) -> "DecodedText":
        """Return the text when it has all its parts."""
        self.text = "".join(self._texts)
        self._starts = [part.start for part in self._parts]
        return self

    def add(self, text: str, source: Span, is_literal: bool = False) -> None:
        """Add a part: an unescaped character, or a literal text."""
        if text:
            self._append(text, _Part(self._size, source, is_literal))

    def add_bytes(self, content: bytes, source: Span, bits: int, ends: tuple[str, str]) -> None:
        """Add the readable texts in decoded bytes, the first and last with these marks of an ellipsis."""
        text = content.decode(errors="surrogateescape")
        before = shown = 0
        for run in READABLE.finditer(text):
            before += len(text[shown : run.start()].encode(errors="surrogateescape"))
            shown = run.start()
            is_end = run.end() == len(text)
            self._append(f"\0{ends[0] if run.start() == 0 else ''}", _Part(self._size, source))
            self._append(run[0], _Part(self._size, source, False, run[0], bits, before, is_end))
            self._append(f"{ends[1] if is_end else ''}\0", _Part(self._size, source))

    def _append(self, text: str, part: _Part) -> None:
        self._texts.append(text)
        self._parts.append(part)
        self._size += len(text)

    def source_of(self, span: Span) -> Span:
        """Return the span of the source from which a span of this text comes."""
        first = self._parts[bisect_right(self._starts, span[0]) - 1]
        last = self._parts[bisect_right(self._starts, span[1] - 1) - 1]
        return first.source_start(span[0] - first.start), last.source_end(span[1] - last.start)


def decode_text(text: str) -> Iterator[DecodedText]:
    """Yield the text as each decoder reads it, if it has an escape of the decoder's."""
    for pattern, signs, unescape in UNESCAPERS:
        if any(sign in text for sign in signs) and (decoded := _unescape(text, pattern, unescape)):
            yield decoded
    for decode in (_decode_base64, _decode_hexadecimal):
        decoded = decode(text).close()
        if decoded.text:
            yield decoded


def join_repeated_signs(text: str) -> str:
    """Return a text with one sign for each run of a sign that may be doubled.

    Nothing shows which of the repeated signs in a text are doubled: some may be a part of the secret.
    """
    return REPEATED.sub("\\1", text)


def _unescape(text: str, pattern: re.Pattern[str], unescape: Unescape) -> DecodedText | None:
    """Return a text without these escapes, or None if it has none."""
    decoded = DecodedText()
    shown = 0
    for escape in pattern.finditer(text):
        decoded.add(text[shown : escape.start()], (shown, escape.start()), is_literal=True)
        start = escape.start()
        for char, length in unescape(escape[0]):
            decoded.add(char, (start, start + length))
            start += length
        shown = escape.end()
    if not shown:
        return None
    decoded.add(text[shown:], (shown, len(text)), is_literal=True)
    return decoded.close()


def _unescape_bytes(content: bytes, length: int) -> Iterator[tuple[str, int]]:
    """Yield the characters of bytes, each of which has an escape of this length."""
    for char in content.decode(errors="surrogateescape"):
        yield char, length * len(char.encode(errors="surrogateescape"))


def _unescape_percent(escape: str) -> Iterator[tuple[str, int]]:
    if escape == "+":
        yield " ", 1
    else:
        yield from _unescape_bytes(bytes.fromhex(escape.replace("%", "")), 3)


def _unescape_entity(escape: str) -> Iterator[tuple[str, int]]:
    yield html.unescape(escape), len(escape)


def _unescape_string(escape: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of an escape in a string of JSON, Python, YAML or a shell."""
    letter = escape[1]
    if letter == "x" and len(escape) > 2:
        content = bytes.fromhex(escape.replace("\\x", ""))
        with suppress(UnicodeDecodeError):  # Python's bytes, and then its text.
            content.decode()
            yield from _unescape_bytes(content, 4)
            return
        yield from ((chr(code), 4) for code in content)
    elif letter == "u" and len(escape) > 2:
        units = bytes.fromhex(escape.replace("\\u", ""))
        for char in units.decode("utf-16-be", errors="surrogatepass"):
            yield char, 12 if ord(char) > 0xFFFF else 6
    elif letter == "U" and len(escape) > 2:
        yield chr(int(escape[2:], 16)), len(escape)
    elif len(escape) == 4 and letter in "0123":
        yield chr(int(escape[1:], 8)), len(escape)
    elif letter in "\r\n":
        yield "", len(escape)
    else:
        yield CONTROL.get(letter, letter), len(escape)


def _unescape_quoted(escape: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of an escape in quoted-printable text; none for the end of a line."""
    if escape.endswith("\n"):
        yield "", len(escape)
    else:
        yield from _unescape_bytes(bytes.fromhex(escape.replace("=", "")), 3)


def _unescape_separated(escape: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of bytes in hexadecimal digits such as `61:62`, `61 62` or `0x61, 0x62`."""
    pairs = [*BYTE.finditer(escape)]
    first = 0
    content = bytes.fromhex("".join(pair[1] for pair in pairs))
    for char in content.decode(errors="surrogateescape"):
        end = first + len(char.encode(errors="surrogateescape"))
        yield char, pairs[end - 1].end() - pairs[first].start()
        first = end


def _join_repeated(signs: str) -> Iterator[tuple[str, int]]:
    """Yield one sign for a run of it, as `join_repeated_signs` does."""
    yield signs[0], len(signs)


def _unfold(escape: str) -> Iterator[tuple[str, int]]:
    yield " ", len(escape)


UNESCAPERS: tuple[tuple[re.Pattern[str], Sequence[str], Unescape], ...] = (
    (PERCENT, ("%",), _unescape_percent),
    (FORM, ("+",), _unescape_percent),
    (ENTITY, ("&",), _unescape_entity),
    (ESCAPE, ("\\",), _unescape_string),
    (QUOTED, ("=",), _unescape_quoted),
    (BYTES, (":", "-", " ", ","), _unescape_separated),
    (REPEATED, ("''", '""', "$$", "%%", "{{", "}}"), _join_repeated),
    (FOLD, ("\n",), _unfold),
)
"""Decoders of escapes: the pattern of an escape, texts of which one is in each, and the decoder."""


def _decode_base64(text: str) -> DecodedText:
    """Return the texts in base64, from each place where its groups of four characters may begin.

    As in the forms of a secret, the characters at its ends that also have bits of other characters are left.
    """
    decoded = DecodedText()
    for run in BASE64.finditer(text):
        digits = run[0].replace("-", "+").replace("_", "/")
        end = run.end()
        while text.startswith("=", end) and end < run.end() + 2:
            end += 1
        ends = _ellipses(text, run.start(), run.end())
        for offset in range(4):
            size = len(digits) - offset
            groups = digits[offset : len(digits) - (size % 4 == 1)]
            content = base64.b64decode(groups + "=" * (-len(groups) % 4))
            decoded.add_bytes(content, (run.start() + offset, end), 6, ends)
    return decoded


def _decode_hexadecimal(text: str) -> DecodedText:
    """Return the texts in hexadecimal digits; those of a shortened text may begin with half a byte."""
    decoded = DecodedText()
    for run in HEXADECIMAL.finditer(text):
        ends = _ellipses(text, run.start(), run.end())
        for offset in range(2):
            digits = run[0][offset:]
            content = binascii.unhexlify(digits[: len(digits) // 2 * 2])
            decoded.add_bytes(content, (run.start() + offset, run.end()), 4, ends)
    return decoded


def _ellipses(text: str, start: int, end: int) -> tuple[str, str]:
    """Return an ellipsis, or nothing, for what is before and after a part of a text."""
    before = any(match.end() == start for match in ELLIPSIS.finditer(text, max(0, start - 8), start))
    return "…" if before else "", "…" if ELLIPSIS.match(text, end) else ""

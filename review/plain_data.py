"""Operations on plain data: look-up by path, conversion to strings, masking of secret values."""

import base64
import dataclasses
import enum
import functools
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeGuard
from urllib.parse import quote, quote_plus

from review.values.decoded_texts import decode_text, join_repeated_signs
from review.values.shortened_forms import ELLIPSIS, ShortenedForms, Span
from sandbox.summary import LATER, MASK

PATH_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
"""Pattern of a step in a property path of the engine."""

SHORTEST = 6
"""Smallest number of characters of a secret that is masked; a shorter secret would mask common words."""

DECODED = 2
"""Number of times that a text is decoded for the search for a secret."""

DECODED_TWICE = 50_000
"""Largest number of characters in a text that is decoded more than once, which takes far longer."""

MANY_FORMS = 250
"""Number of forms above which a search for each takes longer than a look at each place of a text."""

SECRET = " (secret)"
"""End of a shown secret, in which every random or generated part is masked."""

NOT_SECRET = " (not secret)"
"""End of a value that the program does not mark as secret, although it is or has one."""

REMARK = re.compile(
    r"\[(?:secret|known after up)(?=\u200b*\])"
    r"|\((?:not )?secret(?=\u200b*\)[^\S\n]*$)|\((?:absent|empty)(?=\u200b*\))",
    re.MULTILINE,
)
"""Pattern of the words for a secret, unknown, absent or empty value in a report, without their ends.

A remark on a secret ends a value, which may be a single line of a text. Spaces after it may be unseen.
"""


BYTE_ESCAPE = re.compile(r"\\x(?=\u200b*[89a-f][0-9a-f])")
"""Pattern of the start of an escape for a byte that is not ASCII."""


class Null(enum.Enum):
    """The type of a null value, where None means that there is no value."""

    NULL = "null"

    def __str__(self) -> str:
        return self.value


NULL = Null.NULL


def is_empty(value: object) -> bool:
    """Return True for a null and for an empty text, list or map, but neither for 0 nor for False."""
    return value is None or value in ("", [], {})


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return True for a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return True for a JSON list."""
    return isinstance(value, list)


def is_equal(left: Any, right: Any) -> bool:
    """Return True for equal JSON values. In Python, True equals 1, and False equals 0."""
    return left == right and as_key(left) == as_key(right)


def as_key(value: Any) -> str:
    """Return a value as a text that is the same for equal values only, except for NULL and None."""
    return json.dumps(value, sort_keys=True, default=_as_json)


def _as_json(value: object) -> str | None:
    """Return JSON's counterpart of a value that is none of JSON's."""
    return None if value is NULL else str(value)


def mark_nulls(value: Any) -> Any:
    """Return a JSON value with NULL for each null in it, which so differs from an absent member or item."""
    if is_map(value):
        return {key: mark_nulls(item) for key, item in value.items()}
    if is_list(value):
        return [mark_nulls(item) for item in value]
    return NULL if value is None else value


def value_at(value: Any, path: str) -> Any:
    """Return the value at a property path of the engine, or None if there is no such value."""
    for key, index, name in PATH_STEP.findall(path):
        if value == MASK:
            return MASK
        if is_list(value) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            value = (value.get(name) if name else _member(value, key)) if is_map(value) else None
    return value


def path_of(parent: str, key: str) -> str:
    """Return the property path of a key in an object; a key with characters such as dots is in quotes.

    The path of a property itself has no parent. White space at the end of a key would not be seen, and a
    report puts remarks in parentheses after a path. A number there tells repeated keys apart.
    """
    if not re.fullmatch(r"[^\s.\[\]\"›\\()]+(?: \(\d+\))?", key):
        return f"{parent}[{quote_name(key)}]"
    return f"{parent}.{key}" if parent else key


def quote_name(name: str) -> str:
    """Return a name in quotes for a path. The character `›` stands there before the part of a text."""
    return json.dumps(name, ensure_ascii=False).replace("›", "\\u203a")


def _member(value: dict[str, Any], key: str) -> Any:
    """Return the member of an object with a key in quotes, which has the escapes of `path_of` or none."""
    decoded = decode_key(key)
    return value[decoded] if decoded in value else value.get(key)


def decode_key(key: str) -> str:
    """Return a key in quotes without its escapes; the key itself if it is not a string of JSON."""
    with suppress(ValueError):
        return str(json.loads(f'"{key}"'))
    return key


def as_text(value: object) -> str | None:
    """Return a value as a string; None stays None."""
    return value if isinstance(value, str | None) else _as_document(value)


def _as_document(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def as_texts(before: object, after: object) -> tuple[str | None, str | None]:
    """Return two values as strings, so that values of different types differ, such as `false` and `"false"`.

    If only one of them is a text, it gets quotes. Without a value on the other side, only a boolean, null, a
    number or something empty does: whether an input is a text with a document is clear for most types.

    A value that is a secret on the other side only gets a remark, since the mask hides it on both. Whether an
    unknown value is secret is unknown, too.
    """
    texts = _text_beside(before, after), _text_beside(after, before)
    if (before == MASK) != (after == MASK):
        old, new = (
            f"{text}{NOT_SECRET}" if text and not _is_hidden(value) else text
            for text, value in zip(texts, (before, after), strict=True)
        )
        return old, new
    if texts[0] == texts[1] and not is_equal(before, after):
        return _as_document(before), _as_document(after)
    return texts


def _is_hidden(value: object) -> bool:
    """Return True for a secret or unknown value, and for an object or a list with nothing else."""
    if is_map(value) and value:
        return all(map(_is_hidden, value.values()))
    if is_list(value) and value:
        return all(map(_is_hidden, value))
    return isinstance(value, str) and (value in (MASK, LATER) or value.endswith(SECRET))


def _text_beside(value: object, other: object) -> str | None:
    """Return a value as a string; in quotes if it is a text that may look like a value of another type.

    A text beside a value of another type has quotes as well: without them, both sides would look like texts.
    """
    if not isinstance(value, str) or value in (MASK, LATER) or value.endswith(SECRET):
        return as_text(value)
    if other in (None, MASK, LATER):
        has_quotes = _is_json(value, with_documents=other is not None)
    else:
        has_quotes = not isinstance(other, str)
    return json.dumps(value, ensure_ascii=False) if has_quotes else value


def _is_json(text: str, *, with_documents: bool) -> bool:
    """Return True for a text that is JSON of another type, or such a text in quotes.

    Without `with_documents`, a list or an object only counts if it is empty.
    """
    if text.lstrip()[:1] in ("[", "{") and not with_documents:
        return not text.strip("[]{} \t\r\n")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return _is_json(value, with_documents=with_documents) if isinstance(value, str) else True


def mark_own(text: str) -> str:
    """Return a text of the program in which an invisible character marks the report's own words.

    So such a text never equals a mask. A report shows the character as an escape.
    """
    return REMARK.sub(lambda remark: f"{remark[0]}\u200b", text)


def decode_bytes(content: bytes) -> str:
    """Return bytes as a text of the program, with an escape such as `\\xff` for each that is not UTF-8.

    If the text has such an escape itself, an invisible character marks it, as in `mark_own`.
    """
    text = mark_byte_escapes(content.decode(errors="surrogateescape"))
    return mark_own(re.sub("[\udc80-\udcff]", lambda byte: f"\\x{ord(byte[0]) - 0xDC00:x}", text))


def mark_byte_escapes(text: str) -> str:
    """Return a text of the program with a mark in what looks like an escape of `decode_bytes`."""
    return BYTE_ESCAPE.sub("\\\\x\u200b", text)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of plain data in which `change` is applied to every string that is a value.

    The keys of objects stay: if two of them became equal, one would hide the other's value.
    """
    if isinstance(value, str):
        return change(value)
    if is_list(value):
        return [map_texts(item, change) for item in value]
    if is_map(value):
        return {key: map_texts(item, change) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{key: map_texts(item, change) for key, item in vars(value).items()})
    return value


def build_mask(
    values: Iterable[str], replace: Callable[[str], str] = lambda form: MASK, *, parts: bool = True
) -> Callable[[str], str]:
    """Return a function that masks these values in a string, in all common encodings, also within others.

    The string is searched for the forms of a value as it is, and without its escapes or as base64, up to two
    deep: the base64 of a URL with a password has the password with the escapes of the URL.

    `replace` returns the mask of one of these forms, or of a line of it. Line breaks stay: what follows them
    must not look like a part of the line before the secret. A text that is nothing but a secret is one mask.

    The messages of policies, of the engine and of libraries shorten long values. So the beginning of a form
    before an ellipsis is masked, too, and so are its end after an ellipsis and a part of it between two. With
    `parts` false, only whole forms are masked, as is right for the question whether a text has the value.
    """
    forms = set[str]().union(*map(_encodings, values))
    by_beginning: dict[str, list[str]] = {}
    for form in forms:
        by_beginning.setdefault(form[:SHORTEST], []).append(form)
    shortened = ShortenedForms(forms if parts else (), SHORTEST)

    def find(text: str, depth: int = DECODED) -> Sequence[Span]:
        # A search for each form takes far less time than the compilation of a pattern of all forms. With many
        # forms, a look at each place of the text takes even less.
        possible: Iterable[str] = forms
        if len(forms) > MANY_FORMS:
            places = range(len(text) - SHORTEST + 1)
            beginnings = {
                part for place in places if (part := text[place : place + SHORTEST]) in by_beginning
            }
            possible = (form for beginning in beginnings for form in by_beginning[beginning])
        contained = sorted((form for form in possible if form in text), key=len, reverse=True)
        pattern = "|".join(map(re.escape, contained))
        whole = [match.span() for match in re.finditer(pattern, text)] if pattern else []
        more = shortened.find(text)
        rounds = min(depth, DECODED if len(text) <= DECODED_TWICE else 1)
        for decoded in decode_text(text) if rounds and forms else ():
            more += map(decoded.source_of, find(decoded.text, rounds - 1))
        return _join_spans([*whole, *more]) if more else whole

    def mask_spans(text: str, spans: Iterable[Span]) -> str:
        pieces: list[str] = []
        shown = 0
        for start, end in spans:
            for line_start, line_end in _lines(text, start, end):
                pieces += text[shown:line_start], replace(text[line_start:line_end])
                shown = line_end
        return "".join((*pieces, text[shown:]))

    def mask_wrapped(text: str) -> str:
        lines = [*_lines(text, 0, len(text))]
        spans = find("".join(text[start:end] for start, end in lines)) if len(lines) > 1 else ()
        places = [place for line in lines for place in range(*line)] if spans else []
        return mask_spans(text, ((places[start], places[end - 1] + 1) for start, end in spans))

    def mask(text: str) -> str:
        if text in forms:
            return replace(text)
        masked = WRAPPED.sub(lambda run: mask_wrapped(run[0]), mask_spans(text, find(text)))
        return mask_wrapped(masked)  # A line break may be anywhere in a secret, also beside other signs.

    return mask


def _join_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that overlap as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def mask_value(text: str | None, mask: Callable[[str], str]) -> str | None:
    """Return a value of a report without secrets, and with a remark if the program does not mark one of them.

    Only the secrets that it marks are masked before. A deployment has the others in its state and its log.
    """
    if text is None or (masked := mask(text)) == text:
        return text
    return masked if text.endswith((SECRET, NOT_SECRET)) else f"{masked}{NOT_SECRET}"


BREAK = re.compile(r"(?:(?<!\\)\\++[rn]|[\r\n][ \t]*+)++")
WRAPPED = re.compile(
    rf"(?:{ELLIPSIS.pattern}(?:{BREAK.pattern})?+[\w+/-]|(?<![\w+/-])[\w+/-]{{8}})[\w+/-]*+"
    rf"(?:{BREAK.pattern}[\w+/=-]*+)++(?:{ELLIPSIS.pattern})?+"
)
"""Patterns of a line break, also as an escape in a string, and of base64 in several lines, also if it is cut.

The possessive quantifiers keep the search linear: a program may have long words and many empty lines.
"""


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the start and the end of each line, except for empty ones, between two places of a text."""
    for line_break in BREAK.finditer(text, start, end):
        if start < line_break.start():
            yield start, line_break.start()
        start = line_break.end()
    if start < end:
        yield start, end


APOSTROPHES = ("\\'", "''", "'\"'\"'", "'\\''")
"""Forms of an apostrophe in quotes: in Python beside a quotation mark, in YAML and SQL, and two in a shell.

The first of a shell is that of `shlex.quote`. Python's `repr` chooses the quotes by the whole text.
"""


UNQUOTED = ("", "/", "@", "$&+,;=", "!$&'()*+,;=:@")
"""Characters that stay in a part of a URL: none, those of Python's `quote`, of an e-mail address, of a
password in Go (net/url, shouldEscape: encodeUserPassword), and of a segment of a path (RFC 3986).
"""


@functools.cache
def _encodings(value: str) -> frozenset[str]:
    """Return the forms that a value may have, without those that are too short to be masked."""
    values = {value, value.strip()}  # A message loses the spaces around it.
    forms = {form for text in values for form in _forms(text) if len(form) >= SHORTEST}
    # A decoder of a text joins its repeated signs, whether the text or the secret has repeated them.
    forms |= {joined for form in forms if len(joined := join_repeated_signs(form)) >= SHORTEST}
    forms |= {mark_byte_escapes(form) for form in forms}
    return frozenset(forms | {mark_own(form) for form in forms})


def _forms(value: str) -> Iterator[str]:
    """Yield the forms that a value may have in JSON, Python, HTML, a shell, a URL and encodings of bytes."""
    raw, json_text = value.encode(), json.dumps(value, ensure_ascii=False)[1:-1]
    # Go's JSON encoder, which the engine uses, escapes these characters as well.
    go_json = re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json_text)
    escaped = {json_text, go_json, json.dumps(value)[1:-1], repr(value)[1:-1], repr(raw)[2:-1]}
    escaped |= {text.replace("/", "\\/") for text in (json_text, go_json)}  # as PHP and others do in JSON
    escaped |= {form.replace("'", other) for form in (value, *escaped) for other in APOSTROPHES}
    yield from (value, value.upper(), value.lower(), raw.hex(), raw.hex().upper())
    for form in (*(quote(value, safe=safe) for safe in UNQUOTED), quote_plus(value)):
        yield form
        yield re.sub("%..", lambda match: match[0].lower(), form)
    yield re.escape(value)
    numeric = html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")  # as Jinja does
    yield from (html.escape(value), html.escape(value, quote=False), numeric)
    yield from escaped
    for text in escaped:
        yield json.dumps(text, ensure_ascii=False)[1:-1]  # JSON in JSON
    for text in {value, value.upper(), value.lower()}:
        yield from _base64_forms(text.encode())
    yield from _base64_forms(value.encode("utf-16-le"))  # as in Windows' -EncodedCommand
    for form in {*_base64_forms(raw)}:
        yield from _base64_forms(form.encode())
    for form in {*_base32_forms(raw)}:
        yield from (form, form.lower())


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the base64 of a value at each of the three offsets that it can have in a longer string.

    Characters around the value do not change the middle of its base64. The URL-safe alphabet is included.
    """
    for offset in (0, 1, 2):
        encoded = base64.b64encode(b" " * offset + raw).decode()[4 if offset else 0 :]
        for form in (encoded, encoded.rstrip("="), encoded[:-4]):
            yield form
            yield form.replace("+", "-").replace("/", "_")


def _base32_forms(raw: bytes) -> Iterator[str]:
    """Yield the base32 of a value at each of the five offsets that it can have in a longer string.

    A group of eight characters has five bytes (RFC 4648, section 6). As in base64, the characters at the ends
    may have bits of other bytes.
    """
    for offset in range(5):
        encoded = base64.b32encode(b" " * offset + raw).decode()[-(-offset * 8 // 5) :]
        last = (offset + len(raw)) * 8 // 5 - -(-offset * 8 // 5)
        yield from (encoded, encoded.rstrip("="), encoded[:last])

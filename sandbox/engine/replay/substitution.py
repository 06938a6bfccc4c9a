"""The substitution of other texts for those that the providers of a review have invented.

A program that gets other texts in a second run has to send the same as in the first one, but with the other
texts. What it sends otherwise is computed from a text that the review does not know: the network of an
address, or a decision by a part of an ID.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import AddressValueError, IPv4Address
from typing import Any, cast

from google.protobuf.message import Message

from sandbox.wire import sentinels
from sandbox.wire.sentinels import INVENTED_NUMBERS
from sandbox.wire.values import Path, are_lists_of_same_length

ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
"""Pattern of an IPv4 address."""

DIGITS = re.compile(r"[0-9a-fA-F]+")
"""Pattern of a run of decimal or hexadecimal digits."""

SHORTEST = 6
"""Smallest length of a run of digits that counts as invented. Years, ports and versions are shorter."""

SHORTEST_PART = 4
"""Smallest length of a part of an invented run. A shorter one could be a number that means something, such as
the size of a network.
"""

SHORTEST_HASH = 8
"""Smallest length of a hash: two runs of this length may differ in any digit."""

SHORTEST_ENCODED = 16
"""Smallest length of a text in base64 whose content is compared."""

ENCODED = re.compile(r"[0-9A-Za-z+/]{65,}")
"""Pattern of encoded content, such as a certificate in base64. No ID is as long."""

PUBLIC, PRIVATE = (240, 64), (172, 10)
"""The smallest first octets of invented and of other addresses, which differ in their first bits."""

_ROWS = ("0123456789", "abcdef", "ABCDEF")
_OTHER_DIGITS = str.maketrans({c: row[(i + 1) % len(row)] for row in _ROWS for i, c in enumerate(row)})
"""Table that exchanges each digit for the next one: a decimal digit for a decimal one."""


class Substitution:
    """The texts that are invented: those that answers have before any request has them."""

    def __init__(self) -> None:
        self._sent: set[str] = set()
        self._invented: set[str] = set()
        for text in (sentinels.SIGNATURE, sentinels.SECRET, sentinels.OUTPUT, sentinels.RESOURCE):
            self.note_sent(text)
        for text in (*sentinels.ASSETS, *sentinels.UNKNOWNS):
            self.note_sent(text)

    @property
    def has_invented(self) -> bool:
        """True if an answer has had an invented text."""
        return bool(self._invented)

    def note_sent(self, content: Message | str) -> None:
        """Note a request, or another text of the program. What no answer had before is the program's own."""
        for text in _texts(content):
            self._sent.update(part for part in _parts(text) if part not in self._invented)

    def note_received(self, content: Message) -> None:
        """Note an answer. What no request had before is invented."""
        for text in _texts(content):
            self._invented.update(part for part in _parts(text) if part not in self._sent)

    def apply(self, text: str) -> str:
        """Return a text with other addresses and digits in place of invented ones, also in base64."""
        content = _decode(text)
        if content and (other := self.apply(content)) != content:
            return base64.b64encode(other.encode()).decode()

        def exchange(other: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
            return lambda match: other(match[0]) if match[0] in self._invented else match[0]

        return DIGITS.sub(exchange(other_digits), ADDRESS.sub(exchange(other_address), text))

    def apply_to(self, message: Any) -> None:
        """Exchange the invented texts and numbers in a message, also in the keys of objects."""
        for field, content in message.ListFields():
            if field.message_type and field.message_type.GetOptions().map_entry:
                self._apply_to_map(content)
            elif field.type == field.TYPE_MESSAGE:
                for part in [content] if isinstance(content, Message) else content:
                    self.apply_to(part)
            elif field.type == field.TYPE_STRING:
                if isinstance(content, str):
                    setattr(message, field.name, self.apply(content))
                else:
                    content[:] = [self.apply(text) for text in content]
            elif field.type == field.TYPE_DOUBLE:
                setattr(message, field.name, other_number(content))

    def _apply_to_map(self, members: Any) -> None:
        for key, value in [*members.items()]:
            other = self.apply(key)
            if isinstance(value, str):
                del members[key]
                members[other] = self.apply(value)
            elif isinstance(value, Message):
                self.apply_to(value)
                if other != key:
                    members[other].CopyFrom(value)
                    del members[key]


def differing(
    expected: Any, actual: Any, path: Path = (), is_open: Callable[[Any], bool] = lambda _: False
) -> Iterator[Path]:
    """Yield the paths of the parts of a value that differ, except for parts of other texts and for hashes.

    Where the expected value `is_open`, any value is right.
    """
    if is_open(expected):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        before, after = cast(dict[str, Any], expected), cast(dict[str, Any], actual)
        for key in sorted(before.keys() | after.keys()):
            if key in before and key in after:
                yield from differing(before[key], after[key], (*path, key), is_open)
            elif not (key in before and is_open(before[key])):
                yield (*path, key)
    elif are_lists_of_same_length(expected, actual):
        yield from _differing_items(cast(list[Any], expected), cast(list[Any], actual), path, is_open)
    elif isinstance(expected, str) and isinstance(actual, str):
        if not is_same_text(expected, actual):
            yield path
    elif type(cast(Any, expected)) is not type(actual) or expected != actual:
        yield path


def _differing_items(
    expected: list[Any], actual: list[Any], path: Path, is_open: Callable[[Any], bool]
) -> Iterator[Path]:
    pairs = enumerate(zip(expected, actual, strict=True))
    paths = [part for index, pair in pairs for part in differing(*pair, (*path, index), is_open)]
    # A program may have sorted the texts: the other ones have another order.
    are_texts = all(isinstance(item, str) for item in (*expected, *actual))
    if not (paths and are_texts and Counter(expected) == Counter(actual)):
        yield from paths


def is_same_text(expected: str, actual: str) -> bool:
    """Return True for texts that are equal except for parts of other texts and for hashes, also in base64."""
    if expected == actual or _has_same_form(expected, actual):
        return True
    contents = [*filter(None, map(_decode, (expected, actual)))]
    return len(contents) == 2 and is_same_text(*contents)


def other_number(value: float) -> float:
    """Return another invented number for an invented one, and any other number itself."""
    start, stop = INVENTED_NUMBERS.start, INVENTED_NUMBERS.stop
    # A range would compare a float with each of its numbers.
    return start + (value - start + (stop - start) // 3) % (stop - start) if start <= value < stop else value


def other_digits(text: str) -> str:
    """Return digits of the same kinds, each of which differs."""
    return text.translate(_OTHER_DIGITS)


def other_address(text: str) -> str:
    """Return another address in place of one that may be invented; any other text stays the same."""
    try:
        first, *rest = IPv4Address(text).packed
    except AddressValueError:
        return text
    for invented, other in (PUBLIC, PRIVATE):
        if first >= invented:
            return ".".join(map(str, [first - invented + other, *rest]))
    return text


def _texts(content: Message | str) -> Iterator[str]:
    """Yield the texts in a message, also the keys of objects."""
    if isinstance(content, str):
        yield content
        return
    for field, value in content.ListFields():
        if field.message_type and field.message_type.GetOptions().map_entry:
            for key, item in value.items():
                yield key
                if isinstance(item, Message | str):
                    yield from _texts(item)
        elif field.type in (field.TYPE_MESSAGE, field.TYPE_STRING):
            for part in [value] if isinstance(value, Message | str) else value:
                yield from _texts(part)


def _parts(text: str) -> Iterator[str]:
    """Yield the addresses and the long runs of digits in a text, except for those in encoded content."""
    yield from ADDRESS.findall(text)
    for run in DIGITS.findall(ENCODED.sub(" ", text)):
        if len(run) >= SHORTEST and any(character.isdigit() for character in run):
            yield run


def _has_same_form(expected: str, actual: str) -> bool:
    """Return True if two texts differ only in runs of digits that may be parts of other texts, or hashes."""
    if len(expected) != len(actual) or DIGITS.sub("0", expected) != DIGITS.sub("0", actual):
        return False
    pairs = zip(DIGITS.findall(expected), DIGITS.findall(actual), strict=True)
    return all(_is_same_run(*pair) for pair in pairs)


def _is_same_run(expected: str, actual: str) -> bool:
    if expected == actual or (len(expected) == len(actual) >= SHORTEST_HASH):
        return True
    return len(expected) >= SHORTEST_PART and other_digits(expected) == actual


def _decode(text: str) -> str:
    """Return the text that another one encodes in base64; empty if there is none."""
    if len(text) < SHORTEST_ENCODED:
        return ""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""

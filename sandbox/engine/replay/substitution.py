"""The substitution of other texts for those that the providers of a review have invented.

A program that gets other texts in a second run has to send the same as in the first one, but with the other
texts. What it sends otherwise is computed from a text that the review does not know: the network of an
address, a decision by a part of an ID, or one by the time at which an object was created.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address
from typing import Any, cast

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from sandbox.providers.plan import now
from sandbox.wire import sentinels
from sandbox.wire.sentinels import INVENTED_NUMBERS
from sandbox.wire.values import Path, are_lists_of_same_length

ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
"""Pattern of an IPv4 address."""

TIME = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
"""Pattern of a time in the format of RFC 3339, also without the zone."""

UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
"""Pattern of a UUID. Its short groups do not count as invented by themselves."""

DIGITS = re.compile(r"[0-9a-fA-F]+")
"""Pattern of a run of decimal or hexadecimal digits."""

SHORTEST = 6
"""Smallest length of a run of digits that counts as invented. Years, ports and versions are shorter."""

SHORTEST_NUMBER = 5
"""Smallest number of digits of an invented number, such as the tag of a key in the DNS."""

POD_TEMPLATE = ("template", "metadata", "annotations")
"""End of the path of a pod template's annotations."""

RESTARTED = re.compile(r"kubernetes:apps/v1:(?:DaemonSet|Deployment|StatefulSet)|kubernetes:batch/v1:CronJob")
"""Types whose pods another annotation only replaces. It replaces a Job, which then runs once more
(pulumi-kubernetes, provider/pkg/provider/diff.go: batch/v1 Job, .spec.template).
"""

CHECKSUM = "checksum/"
"""Start of the keys of annotations with a hash of what a pod reads, so that a change replaces the pods."""

HASH = re.compile(r"[0-9a-f]{8,}")
"""Pattern of the value of such an annotation."""

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
        self._booleans: set[str] = set()
        self._present = now()
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

    def note_booleans(self, texts: Iterable[str]) -> None:
        """Note texts that stand for a boolean, which becomes true."""
        self._booleans.update(texts)

    def apply(self, text: str) -> str:
        """Return a text with other addresses and digits in place of invented ones, also in base64."""
        content = _decode(text)
        if content and (other := self.apply(content)) != content:
            return base64.b64encode(other.encode()).decode()

        def exchange(other: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
            return lambda match: other(match[0]) if match[0].lower() in self._invented else match[0]

        # A deployment that creates an object gets the present, and it creates all objects at almost one time.
        text = TIME.sub(exchange(lambda _: self._present), text)
        text = UUID.sub(exchange(lambda uuid: uuid.translate(_OTHER_DIGITS)), text)
        return DIGITS.sub(exchange(other_digits), ADDRESS.sub(exchange(other_address), text))

    def _apply_to_number(self, value: float) -> float:
        return float(self.apply(str(int(value)))) if value.is_integer() else value

    def apply_to(self, message: Any) -> None:
        """Exchange the invented texts and numbers in a message, also in the keys of objects."""
        if isinstance(message, Value) and message.string_value in self._booleans:
            message.bool_value = True
            return
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
                setattr(message, field.name, self._apply_to_number(content))

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
    expected: Any,
    actual: Any,
    former: Any = None,
    path: Path = (),
    is_open: Callable[[Any], bool] = lambda _: False,
) -> Iterator[Path]:
    """Yield the paths of the parts of a value that differ. `former` is the expected value with former texts.

    Where the expected value `is_open`, any value is right. If a list of texts was sorted, another order is
    right, too, in which it is sorted.
    """
    if is_open(expected):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        before, after = cast(dict[str, Any], expected), cast(dict[str, Any], actual)
        texts = cast(dict[str, Any], former) if isinstance(former, dict) else {}
        for key in sorted(before.keys() | after.keys()):
            if key in before and key in after:
                yield from differing(before[key], after[key], texts.get(key), (*path, key), is_open)
            elif not (key in before and is_open(before[key])):
                yield (*path, key)
    elif are_lists_of_same_length(expected, actual):
        items, others = cast(list[Any], expected), cast(list[Any], actual)
        if not _is_sorted_alike(items, others, former):
            has_texts = are_lists_of_same_length(items, former)
            texts = cast(list[Any], former) if has_texts else [None] * len(items)
            for index, parts in enumerate(zip(items, others, texts, strict=True)):
                yield from differing(*parts, (*path, index), is_open)
    elif type(cast(Any, expected)) is not type(actual) or expected != actual:
        yield path


def _is_sorted_alike(expected: list[Any], actual: list[Any], former: Any) -> bool:
    """Return True if a sorted list of texts gets the order in which its other texts are sorted."""
    if not are_lists_of_same_length(former, actual):
        return False
    texts = [*cast(list[Any], former), *actual, *expected]
    is_sorted = all(isinstance(text, str) for text in texts) and former == sorted(former)
    return is_sorted and actual == sorted(expected)


def is_checksum(token: str, path: Path, expected: Any, actual: Any) -> bool:
    """Return True for two hashes in an annotation for checksums of a pod template, by the resource's type.

    A hash of an invented text has any other digits in the second run, as has a literal in its place. This
    annotation has no effect other than the replacement of the pods.
    """
    if not RESTARTED.fullmatch(token):
        return False
    if path[:1] != ("spec",) or path[-4:-1] != POD_TEMPLATE or not str(path[-1]).startswith(CHECKSUM):
        return False
    are_hashes = all(isinstance(text, str) and HASH.fullmatch(text) for text in (expected, actual))
    return are_hashes and len(expected) == len(actual)


def other_digits(text: str) -> str:
    """Return digits of the same kinds, each of which differs; 0 for an invented number, which is large."""
    return "0" if text.isdecimal() and int(text) in INVENTED_NUMBERS else text.translate(_OTHER_DIGITS)


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
    """Yield the texts and the whole numbers in a message, also the keys of objects."""
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
        elif field.type == field.TYPE_DOUBLE and value.is_integer():
            yield str(int(value))


def _parts(text: str) -> Iterator[str]:
    """Yield the addresses, the times, the UUIDs and the long runs of digits in a text, in lower case.

    Those in encoded content are left out.
    """
    yield from ADDRESS.findall(text)
    yield from (part.lower() for pattern in (TIME, UUID) for part in pattern.findall(text))
    if text.isdecimal() and len(text) == SHORTEST_NUMBER:
        yield text
    for run in DIGITS.findall(ENCODED.sub(" ", text)):
        if len(run) >= SHORTEST and any(character.isdigit() for character in run):
            yield run.lower()


def _decode(text: str) -> str:
    """Return the text that another one encodes in base64; empty if there is none."""
    if len(text) < SHORTEST_ENCODED:
        return ""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""

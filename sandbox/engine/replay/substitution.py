"""The substitution of other texts for those that the providers of a review have invented.

A program that gets other texts in a second run has to send the same as in the first one, but with the other
texts. What it sends otherwise is computed from a text that the review does not know: the network of an
address, a decision by a part of an ID, or one by the time at which an object was created.
"""

import base64
import binascii
import re
import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address
from typing import Any, cast

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from sandbox.engine.replay.exchange import Exchange
from sandbox.providers.plan import now
from sandbox.wire import sentinels
from sandbox.wire.sentinels import INVENTED_NUMBERS
from sandbox.wire.values import Path, are_lists_of_same_length

ADDRESS = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")
"""Pattern of an IPv4 address, also as a part of a host name."""

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

NESTED = 2
"""Number of times that a text may be encoded in base64.

A report has to mask whatever counts as the exchange of a secret that a provider generates, and its mask
searches no deeper in a long text (review/plain_data.py: build_mask).
tests/unit/review/values/test_exchanged_secrets.py compares both.
"""

ENCODED = re.compile(r"[0-9A-Za-z+/]{65,}")
"""Pattern of encoded content, such as a certificate in base64. No ID is as long."""

PUBLIC_ID = re.compile(r"(?<![0-9a-z])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{5}(?![0-9a-z])", re.IGNORECASE)
"""Pattern of an invented ID of a dashboard or test of Datadog (providers/datadog/resource_types.toml)."""

GENERATED = re.compile(r"(?<=_)[a-p]{8}(?![0-9a-z])", re.IGNORECASE)
"""Pattern of the random part of a generated name without digits (providers/aws/generated_names.py)."""

FINGERPRINT = re.compile(
    r"(?<![0-9a-z])(?<![0-9a-f]:)[0-9a-f]{2}(?::[0-9a-f]{2}){15,}(?!:?[0-9a-f])", re.IGNORECASE
)
"""Pattern of the fingerprint of a key or certificate by MD5, SHA-1 or SHA-256, in pairs of digits."""

PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----((?:(?!-----).)+)-----END ", re.DOTALL)
"""Pattern of a key or a certificate in PEM, with its lines as the group.

It ends at the next dashes, so that its time is linear in a text with many beginnings and no end.
"""

KEY = re.compile(r"(?:SHA256:|(?:ssh|ecdsa)-[a-z0-9-]+ )([0-9A-Za-z+/]{43,})")
"""Pattern of a fingerprint by SHA-256 and of a public key as OpenSSH writes them; the group is in base64."""

PEM_IN_BASE64 = re.compile(r"LS0tLS1CRUdJTi[0-9A-Za-z+/]+={0,2}")
"""Pattern of a text in base64 that begins with `-----BEGIN`, also within another text."""

LINE = re.compile(r"((?:\\n)?)([0-9A-Za-z+/]{8,})")
"""Pattern of a line of a PEM, also in JSON, and of any other text in base64."""

OF_LINE = "line "
"""Start of the invented texts that are a line of a PEM or the base64 of a key, whose case counts."""

AMAZON = (3, 13, 18, 35, 52, 54)
"""First octets of public addresses in ap-northeast-1 (https://ip-ranges.amazonaws.com/ip-ranges.json)."""

PRIVATE = 10
"""First octet of the private addresses of the second run."""

INVENTED_PUBLIC, INVENTED_PRIVATE = 240, 172
"""Smallest first octets of the invented addresses (sandbox/providers/plan.py). Their first bit is set, and
that of the others is not, so the networks of every size differ.
"""

HEX, BASE64 = "0123456789abcdef", f"{string.ascii_letters}{string.digits}+/"
ALPHANUMERIC = f"{string.digits}{string.ascii_lowercase}"
LETTERS = "abcdefghijklmnop"
"""The letters of generated names."""

LENGTH_OF_EC2 = 17
"""Number of digits in the ID of an object of EC2. In an account, the first one is 0."""

LARGEST_FIRST = "8"
"""Largest first digit of another number, which a double represents exactly, as it does one of 16 digits."""


class Substitution(Exchange):
    """The texts that are invented: those that answers have before any request has them."""

    def __init__(self) -> None:
        self._sent: set[str] = set()
        self._invented: set[str] = set()
        self._booleans: set[str] = set()
        self._others: dict[str, str] = {}
        self._applied: dict[tuple[str, int], str] = {}
        """The results of `apply`: answers have the texts of requests, and many resources share texts."""
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
        self._applied.clear()
        for text in _texts(content):
            self._invented.update(part for part in _parts(text) if part not in self._sent)

    def note_booleans(self, texts: Iterable[str]) -> None:
        """Note texts that stand for a boolean, which becomes true."""
        self._booleans.update(texts)

    def apply(self, text: str) -> str:
        """Return a text with other addresses and digits in place of invented ones, also in base64."""
        return self._apply_nested(text, NESTED)

    def _apply_nested(self, text: str, depth: int) -> str:
        if (other := self._applied.get((text, depth))) is None:
            other = self._applied[text, depth] = self._apply(text, depth)
        return other

    def _apply(self, text: str, depth: int) -> str:
        content = _decode(text) if depth else ""
        if content and (other := self._apply_nested(content, depth - 1)) != content:
            return base64.b64encode(other.encode()).decode()

        def is_invented(part: str) -> bool:
            lower = part.lower()
            return lower in self._invented and part in (lower, part.upper())

        def exchange(other: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
            return lambda match: other(match[0]) if is_invented(match[0]) else match[0]

        def exchange_pem(match: re.Match[str]) -> str:
            return self._apply_nested(match[0], depth) if match[0] != text else match[0]

        text = PEM_IN_BASE64.sub(exchange_pem, text)
        text = LINE.sub(self._other_line, text)
        # A deployment that creates an object gets the present, and it creates all objects at almost one time.
        text = TIME.sub(exchange(lambda _: self._present), text)
        text = UUID.sub(exchange(lambda uuid: "-".join(map(self._other_digits, uuid.split("-")))), text)
        text = PUBLIC_ID.sub(exchange(self._other_id), text)
        text = GENERATED.sub(exchange(self._other_letters), text)
        text = FINGERPRINT.sub(exchange(self._other_digits), text)
        text = ADDRESS.sub(exchange(lambda address: self._other(address, other_address)), text)
        return DIGITS.sub(exchange(self._other_digits), text)

    def _other(self, text: str, make: Callable[[str], str]) -> str:
        """Return the text in place of an invented one, always the same one."""
        return self._others.get(text) or self._others.setdefault(text, make(text))

    def _other_digits(self, text: str) -> str:
        return _with_case(self._other(text.lower(), other_digits), text)

    def _other_id(self, text: str) -> str:
        return _with_case(self._other(text.lower(), other_id), text)

    def _other_letters(self, text: str) -> str:
        return _with_case(self._other(text.lower(), lambda part: differing_text(part, LETTERS)), text)

    def _other_line(self, match: re.Match[str]) -> str:
        line = f"{OF_LINE}{match[2]}"
        if line not in self._invented:
            return match[0]
        return match[1] + self._other(line, lambda _: differing_text(match[2], BASE64))

    def apply_to_number(self, value: float) -> float:
        if not value.is_integer():
            return value
        text = str(int(value))
        other = self.apply(text)
        return float(other) if other != text else value  # A negative zero keeps its sign.

    def apply_to(self, message: Any) -> None:
        """Exchange the invented texts and numbers in a message, also in the keys of objects."""
        if isinstance(message, Value) and message.string_value in self._booleans:
            message.bool_value = True
            return
        super().apply_to(message)


def differing(
    expected: Any,
    actual: Any,
    former: Any = None,
    path: Path = (),
    is_open: Callable[[Any], bool] = lambda _: False,
    accept: Callable[[Path, Any], bool] = lambda _path, _list: True,
) -> Iterator[Path]:
    """Yield the paths of the parts of a value that differ. `former` is the expected value with former texts.

    Where the expected value `is_open`, any value is right. If a list of texts was sorted, another order is
    right, too, in which it is sorted, and which the call can `accept` for the list at this path.
    """
    if is_open(expected):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        before, after = cast(dict[str, Any], expected), cast(dict[str, Any], actual)
        texts = cast(dict[str, Any], former) if isinstance(former, dict) else {}
        for key in sorted(before.keys() | after.keys()):
            if key in before and key in after:
                yield from differing(before[key], after[key], texts.get(key), (*path, key), is_open, accept)
            elif not (key in before and is_open(before[key])):
                yield (*path, key)
    elif are_lists_of_same_length(expected, actual):
        items, others = cast(list[Any], expected), cast(list[Any], actual)
        if not (items != others and _is_sorted_alike(items, others, former) and accept(path, others)):
            has_texts = are_lists_of_same_length(items, former)
            texts = cast(list[Any], former) if has_texts else [None] * len(items)
            for index, parts in enumerate(zip(items, others, texts, strict=True)):
                yield from differing(*parts, (*path, index), is_open, accept)
    elif not _is_same(expected, actual):
        yield path


def _is_same(expected: Any, actual: Any) -> bool:
    """Return True for two equal values of one type; 0.0 and -0.0 are equal, but have other texts."""
    return type(expected) is type(actual) and expected == actual and str(expected) == str(actual)


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
    """Return random digits, each of which differs, in lower case; 0 for an invented number, which is large.

    Nothing that a program computes of them is certain to be the same, such as the number of letters. Decimal
    digits remain a number, which begins with no 0.
    """
    if not text.isdecimal():
        other = differing_text(text, HEX)
        return f"0{other[1:]}" if len(text) == LENGTH_OF_EC2 and text[0] != "0" else other
    if int(text) in INVENTED_NUMBERS:
        return "0"
    first = secrets.choice([digit for digit in string.digits[1:] if text[0] != digit <= LARGEST_FIRST])
    return first + differing_text(text[1:], string.digits)


def other_id(text: str) -> str:
    """Return another ID in the form of Datadog's, whose letters are not only those of hexadecimal digits.

    Example of a test's ID: https://docs.datadoghq.com/api/latest/synthetics/#get-an-api-test (`public_id`).
    """
    other = differing_text(text, ALPHANUMERIC)
    return f"{other[:3]}-{other[4:7]}-{other[9:]}"


def other_address(text: str) -> str:
    """Return another address in place of one that may be invented; any other text stays the same.

    A public one becomes one that AWS could assign. Each of the octets differs.
    """
    try:
        first, *rest = IPv4Address(text).packed
    except AddressValueError:
        return text
    if first < INVENTED_PRIVATE:
        return text
    other = secrets.choice(AMAZON) if first >= INVENTED_PUBLIC else PRIVATE
    octets = [secrets.choice([number for number in range(1, 255) if number != octet]) for octet in rest]
    return ".".join(map(str, [other, *octets]))


def differing_text(text: str, alphabet: str) -> str:
    """Return random characters of an alphabet that differ from those of a text, with its other characters."""
    choices = {c: [other for other in alphabet if other != c] for c in {*text} if c in alphabet}
    return "".join(secrets.choice(choices[c]) if c in choices else c for c in text)


def _with_case(other: str, text: str) -> str:
    """Return a text in lower case, or in upper case like another one with letters."""
    return other.upper() if text == text.upper() and text != text.lower() else other


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
    patterns = (TIME, UUID, PUBLIC_ID, GENERATED, FINGERPRINT)
    yield from (part.lower() for pattern in patterns for part in pattern.findall(text))
    contents = [*map(_decode, PEM_IN_BASE64.findall(text)), text]
    encoded = (part for content in contents for pattern in (PEM, KEY) for part in pattern.findall(content))
    yield from (f"{OF_LINE}{line}" for part in encoded for _, line in LINE.findall(part))
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

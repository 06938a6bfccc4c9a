"""Other random values for the secret settings of a program, and their exchange for the former ones.

A throwaway run has random values in place of secrets (sandbox/commands/preparation.py). A report masks these
values, as they are and in common encodings. What a program computes from one looks like a literal of the
program: the value in reverse order, a part of it, or a decision by it. A run with other random values shows
this, since it then sends something else than the first one with the values exchanged.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, cast

from sandbox.engine.replay.exchange import Exchange
from sandbox.engine.replay.substitution import HEX, differing_text
from sandbox.wire.sentinels import OUTPUT, SECRET, SIGNATURE
from sandbox.wire.values import Path

RANDOM = re.compile(r"[0-9a-f]{32}")
"""Pattern of the random value of a secret setting. Any other value is written in the tree."""

BASE64 = re.compile(r"[0-9A-Za-z+/_-]{16,}={0,2}")
"""Pattern of a text in base64 that may have a random value, which takes more than 40 of these characters."""

NESTED = 2
"""Number of times that a text may be encoded in base64. The innermost one has the value as it is.

A report has to mask whatever counts as the exchange of a value. In a long text, the mask only decodes one
layer, in which it searches for all forms of a value, but among those in base64 only for the value itself
(review/plain_data.py: build_mask). tests/unit/review/values/test_exchanged_secrets.py compares both.
"""

URL_SAFE = str.maketrans("-_", "+/")

HASH = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8,}(?![0-9A-Za-z])")
"""Pattern of a hash in hexadecimal digits, also as a part of a name such as `database-0a1b2c3d`."""


class OtherSecrets(Exchange):
    """Other values in place of the random ones of secret settings; equal values stay equal."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._set({text: differing_text(text, HEX) for text in {*secrets} if RANDOM.fullmatch(text)})

    def _set(self, others: dict[str, str]) -> None:
        self._others = others
        self._forms = [
            pair
            for former, other in others.items()
            for pair in zip(_forms(former), _forms(other), strict=True)
        ]

    def reversed(self) -> "OtherSecrets":
        """Return the exchange of the other values for the former ones, which a report masks."""
        exchange = OtherSecrets(())
        exchange._set({other: former for former, other in self._others.items()})
        return exchange

    def __bool__(self) -> bool:
        return bool(self._others)

    def apply(self, text: str) -> str:
        """Return a text with the other values, also in base64 and in hexadecimal digits.

        The random values consist of digits and letters, so no other encoding of texts changes them.
        """
        return self._apply(text, NESTED)

    def _apply(self, text: str, depth: int) -> str:
        if depth:
            text = BASE64.sub(lambda run: self._apply_to_base64(run[0], depth - 1), text)
        for former, other in self._forms if depth else self._others.items():
            text = text.replace(former, other)
        return text

    def _apply_to_base64(self, run: str, depth: int) -> str:
        is_url_safe, content = "-" in run or "_" in run, run.rstrip("=")
        padding = "=" * (-len(content) % 4)
        try:
            decoded = base64.b64decode(content.translate(URL_SAFE) + padding, validate=True).decode("latin-1")
        except binascii.Error:
            return run
        other = self._apply(decoded, depth)
        if other == decoded:
            return run
        encode = base64.urlsafe_b64encode if is_url_safe else base64.b64encode
        encoded = encode(other.encode("latin-1")).decode()
        return encoded if run.endswith("=") else encoded.rstrip("=")


def _forms(secret: str) -> list[str]:
    encoded = secret.encode().hex()
    return [secret, secret.upper(), encoded, encoded.upper()]


def is_hash(expected: Any, actual: Any) -> bool:
    """Return True for two texts that differ in nothing but hashes in hexadecimal digits."""
    if not isinstance(expected, str) or not isinstance(actual, str):
        return False
    before, after = (HASH.sub(lambda run: "#" * len(run[0]), text) for text in (expected, actual))
    return before == after


def differing_hashes(former: str, expected: str, actual: str) -> list[str]:
    """Return the hashes in the former text where two others differ; nothing if these differ otherwise."""
    texts, before, after = (HASH.findall(text) for text in (former, expected, actual))
    if not is_hash(expected, actual) or not len(texts) == len(before) == len(after):
        return []
    return sorted({text for text, old, new in zip(texts, before, after, strict=True) if old != new})


class OtherHashes(Exchange):
    """The hashes of the other secrets in place of the former ones, as the program has sent them."""

    def __init__(self) -> None:
        self._others: dict[str, str] = {}

    def add(self, former: str, other: str) -> dict[str, str] | None:
        """Add the hashes in two texts that differ in nothing else; return the new ones, by the former ones.

        Return None if a former hash has another one elsewhere.
        """
        before, after = HASH.findall(former), HASH.findall(other)
        pairs = [*zip(before, after, strict=False)]
        if len(before) != len(after) or any(self._others.get(old, new) != new for old, new in pairs):
            return None
        added = {old: new for old, new in pairs if old != new and old not in self._others}
        self._others |= added
        return added

    def apply(self, text: str) -> str:
        for former, other in self._others.items():
            text = text.replace(former, other)
        return text


def is_marked(value: Any, path: Path) -> bool:
    """Return True if a program marks what a value has at a path as secret, or something around it."""
    for part in (*path, None):
        if isinstance(value, dict):
            members = cast(dict[str, Any], value)
            kind = members.get(SIGNATURE)
            if kind == SECRET or (kind == OUTPUT and members.get("secret") is True):
                return True
        try:
            value = cast(Any, value)[part]
        except (KeyError, IndexError, TypeError):
            return False
    return False

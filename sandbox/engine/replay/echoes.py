"""The texts of recorded answers, and the forms in which they may have a text that a program has sent."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote

DIGESTS = ("md5", "sha1", "sha256", "sha512")
"""Hashes of an input that an answer may have, such as the one of a file."""


class Echoes:
    """The texts of the recorded answers that are in no request at the same place."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._text = "\n".join(texts)

    @cached_property
    def _lower(self) -> str:
        return self._text.lower()

    def have(self, text: str) -> bool:
        """Return True if an answer has a text, in any case, as a part of another one, or in another form."""
        return text.lower() in self._lower or self.have_form(text)

    def have_form(self, text: str) -> bool:
        """Return True if an answer has a text in upper case, encoded, or as a hash."""
        is_encoded = any(form in self._text for form in _encoded(text))
        return is_encoded or any(digest in self._lower for digest in _digests(text))


def _encoded(text: str) -> Iterator[str]:
    """Yield the forms of a text other than the text itself, also the base64 of other texts that have it."""
    content = text.encode()
    forms = [
        text.upper(),
        quote(text, safe=""),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    ]
    yield from (form for form in forms if form != text)
    yield content.hex()
    for offset in range(
        3
    ):  # Three bytes become four characters, of which the first ones have other bits, too.
        encoded = base64.b64encode(bytes(offset) + content).decode()
        inner = encoded[-(-offset * 8 // 6) : (offset + len(content)) * 8 // 6]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _digests(text: str) -> Iterator[str]:
    """Yield the hashes of a text in hexadecimal digits and in base64, in lower case."""
    for name in DIGESTS:
        digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
        yield digest.hex()
        yield base64.b64encode(digest).decode().rstrip("=").lower()

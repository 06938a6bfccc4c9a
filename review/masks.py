"""Secrets and colours taken out of whatever is shown: by the engine's marks, and by value."""

import base64
import dataclasses
import re
from collections.abc import Iterable
from typing import Any, TypeVar, cast
from urllib.parse import quote

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks a value that is not plain."""

MASK = "[secret]"
UNKNOWN_TEXT = "(known after up)"
UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
    }
)
"""What the engine puts in place of a value that only `up` will know, by its type."""

SHORTEST = 6
"""Characters of a secret below which masking by value would hide common words."""

T = TypeVar("T")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")


def shown(value: object) -> object:
    """A value without what the engine marks as secret or unknown."""
    if isinstance(value, dict):
        found = cast(dict[str, object], value)
        return MASK if SIGNATURE in found else {key: shown(item) for key, item in found.items()}
    if isinstance(value, list):
        return [shown(item) for item in cast(list[object], value)]
    if isinstance(value, str):
        return UNKNOWN_TEXT if value in UNKNOWNS else value
    return value


def plain_text(text: str) -> str:
    """Text without terminal colours and the engine's colour tags."""
    return _COLOURS.sub("", text)


class Masks:
    """Hides values that are known to be secret, also where they were encoded."""

    def __init__(self, values: Iterable[str]) -> None:
        forms: set[str] = set()
        for value in values:
            if len(value) >= SHORTEST:
                raw = value.encode()
                forms |= {value, quote(value, safe=""), base64.b64encode(raw).decode(), raw.hex()}
                # Inside a longer text, base64 has three forms; their middle is the same wherever it stands.
                forms |= {
                    base64.b64encode(b" " * lead + raw).decode()[4:-4] for lead in (1, 2) if len(raw) > 9
                }
                forms |= {base64.b64encode(raw).decode()[:-4]} if len(raw) > 9 else set()
        longest = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def text(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def clean(self, value: T) -> T:
        """The same, with every text in it masked."""
        return cast(T, self._clean(value))

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._clean(item) for item in cast(list[Any], value)]
        if isinstance(value, dict):
            return {self.text(key): self._clean(item) for key, item in cast(dict[str, Any], value).items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {each.name: self._clean(getattr(value, each.name)) for each in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        return value

"""Secrets taken out of whatever is shown: by the engine's marks, and by value."""

import base64
import dataclasses
import re
from collections.abc import Iterable
from typing import Any, TypeGuard
from urllib.parse import quote

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks a value that is not plain."""

MASK, UNKNOWN_TEXT = "[secret]", "(known after up)"
UNKNOWNS = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7|3eeb2bf0-c639-47a8-9e75-3b44932eb421|"
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2|dd056dcd-154b-4c76-9bd3-c8f88648b5ff|030794c1-ac77-496b-92df-f27374a8bd58|"
    "e48ece36-62e2-4504-bad9-02848725956a"
)  # fmt: skip
"""What the engine puts in place of a value that only `up` will know, by its type."""

SHORTEST = 6
"""Characters of a secret below which masking by value would hide common words."""


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is a list."""
    return isinstance(value, list)


def shown(value: Any) -> Any:
    """A value without what the engine marks as secret or unknown."""
    if is_map(value):
        return MASK if SIGNATURE in value else {key: shown(item) for key, item in value.items()}
    if is_list(value):
        return [shown(item) for item in value]
    return UNKNOWNS.sub(UNKNOWN_TEXT, value) if isinstance(value, str) else value


class Masks:
    """Hides values that are known to be secret, also where they were encoded."""

    def __init__(self, values: Iterable[str]) -> None:
        forms: set[str] = set()
        for value in values:
            raw = value.encode()
            forms |= {value, quote(value, safe=""), raw.hex(), base64.b64encode(raw).decode()}
            # Inside a longer text base64 has three forms, each with a middle that is always the same.
            forms |= {
                base64.b64encode(b" " * lead + raw)[4 if lead else 0 : -4].decode() for lead in (0, 1, 2)
            }
        kept = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, kept)) or "(?!)")

    def clean(self, value: Any) -> Any:
        """The same, with every text in it masked."""
        if isinstance(value, str):
            return self._pattern.sub(MASK, value)
        if is_list(value):
            return [self.clean(item) for item in value]
        if is_map(value):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [each.name for each in dataclasses.fields(value)]
            return dataclasses.replace(value, **{name: self.clean(getattr(value, name)) for name in names})
        return value

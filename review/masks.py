"""Secrets taken out of whatever is shown: by the engine's marks, and by value."""

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard
from urllib.parse import quote

SIGNATURE = "4dabf18193072939515e22adb298388d"  # the key by which the engine marks a value that is not plain
MASK, UNKNOWN_TEXT = "[secret]", "(known after up)"
# What the engine puts in place of a value that only `up` will know, by its type.
UNKNOWNS = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7|3eeb2bf0-c639-47a8-9e75-3b44932eb421|"
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2|dd056dcd-154b-4c76-9bd3-c8f88648b5ff|030794c1-ac77-496b-92df-f27374a8bd58|"
    "e48ece36-62e2-4504-bad9-02848725956a"
)  # fmt: skip
URL_SAFE = str.maketrans("+/", "-_")  # of base64
SHORTEST = 6  # characters of a secret below which masking by value would hide common words


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


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """The same plain data with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if is_list(value):
        return [each_text(item, change) for item in value]
    if is_map(value):
        return {change(key): each_text(item, change) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{key: each_text(item, change) for key, item in vars(value).items()})
    return value


def masks(values: Iterable[str]) -> Callable[[str], str]:
    """Hides values that are known to be secret in a text, also where they were encoded."""
    forms: set[str] = set()
    for value in values:
        raw, plain = value.encode(), json.dumps(value, ensure_ascii=False)[1:-1]
        go = re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", plain)  # as the engine writes JSON
        escaped = {plain, go, json.dumps(value)[1:-1], repr(value)[1:-1], repr(raw)[2:-1]}
        forms |= {value, quote(value, safe=""), quote(value), raw.hex(), *escaped}
        forms |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in escaped}  # JSON in JSON
        # Inside a longer text base64 has three forms, each with a middle that is always the same.
        for lead in (0, 1, 2):
            text = base64.b64encode(b" " * lead + raw).decode()[4 if lead else 0 :]
            ends = f"{text} {text.rstrip('=')} {text[:-4]}"
            forms |= {*ends.split(), *ends.translate(URL_SAFE).split()}
    kept = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, kept)) or "(?!)")
    return lambda text: pattern.sub(MASK, text)

"""Secrets that are known by their value taken out of whatever is shown."""

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard
from urllib.parse import quote

from sandbox.summary import MASK

URL_SAFE = str.maketrans("+/", "-_")  # of base64
SHORTEST = 6  # characters of a secret below which masking by value would hide common words


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is a list."""
    return isinstance(value, list)


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

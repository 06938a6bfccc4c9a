"""Plain data: the value at a path, its text, secrets taken out of it by their value."""

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard
from urllib.parse import quote

from sandbox.summary import MASK

_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')  # of a path as the engine writes it
SHORTEST = 6  # characters of a secret below which masking by value would hide common words


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is a list."""
    return isinstance(value, list)


def value_at(value: Any, path: str) -> Any:
    """The value at a path as the engine writes it; None where there is none."""
    for key, index, name in _STEP.findall(path):
        if value == MASK:
            return MASK
        if is_list(value) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            value = value.get(name or key) if is_map(value) else None
    return value


def plain(value: object) -> str | None:
    """A value as text."""
    return value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False, default=str)


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
            forms |= {*ends.split(), *ends.replace("+", "-").replace("/", "_").split()}
    kept = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, kept)) or "(?!)")
    return lambda text: pattern.sub(MASK, text)

"""Operations on plain data: look-up by path, conversion to strings, masking of secret values."""

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard
from urllib.parse import quote

from sandbox.summary import MASK

PATH_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
"""Pattern of a step in a property path of the engine."""

SHORTEST = 6
"""Smallest number of characters of a secret that is masked; a shorter secret would mask common words."""


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return True for a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return True for a JSON list."""
    return isinstance(value, list)


def value_at(value: Any, path: str) -> Any:
    """Return the value at a property path of the engine, or None if there is no such value."""
    for key, index, name in PATH_STEP.findall(path):
        if value == MASK:
            return MASK
        if is_list(value) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            value = value.get(name or key) if is_map(value) else None
    return value


def as_text(value: object) -> str | None:
    """Return a value as a string; None stays None."""
    return value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False, default=str)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of plain data in which `change` is applied to every string."""
    if isinstance(value, str):
        return change(value)
    if is_list(value):
        return [map_texts(item, change) for item in value]
    if is_map(value):
        return {change(key): map_texts(item, change) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{key: map_texts(item, change) for key, item in vars(value).items()})
    return value


def build_mask(values: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks these values in a string, in all common encodings."""
    forms = {form for value in values for form in _encodings(value) if len(form) >= SHORTEST}
    longest_first = sorted(forms, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
    return lambda text: pattern.sub(MASK, text)


def _encodings(value: str) -> Iterator[str]:
    """Yield the forms that a value may have in JSON, Python, a URL, hexadecimal and base64."""
    raw, json_text = value.encode(), json.dumps(value, ensure_ascii=False)[1:-1]
    # Go's JSON encoder, which the engine uses, escapes these characters as well.
    go_json = re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json_text)
    escaped = {json_text, go_json, json.dumps(value)[1:-1], repr(value)[1:-1], repr(raw)[2:-1]}
    yield from (value, quote(value, safe=""), quote(value), raw.hex())
    yield from escaped
    for text in escaped:
        yield json.dumps(text, ensure_ascii=False)[1:-1]  # JSON in JSON
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the base64 of a value at each of the three offsets that it can have in a longer string.

    Characters around the value do not change the middle of its base64. The URL-safe alphabet is included.
    """
    for offset in (0, 1, 2):
        encoded = base64.b64encode(b" " * offset + raw).decode()[4 if offset else 0 :]
        for form in (encoded, encoded.rstrip("="), encoded[:-4]):
            yield form
            yield form.replace("+", "-").replace("/", "_")

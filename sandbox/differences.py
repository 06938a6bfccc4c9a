"""Differences of the inputs of resources that a preview changes, for the terminal."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sandbox.stateful import data_loss

LONGEST = 80
"""Number of characters above which only the part around the first difference of a value is shown."""

CONTEXT = 20
"""Number of equal characters that are shown before the first difference in a long value."""


@dataclass(frozen=True)
class Difference:
    """A resource that a preview updates, replaces or deletes.

    `lines` has a line for each input that changes. `later` has the paths of inputs whose new value is known
    after `up`. `loss` describes the loss of data if the resource holds data and is replaced or deleted.
    """

    op: str
    lines: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    loss: str = ""


def compare(
    op: str, resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any], later: str
) -> Difference:
    """Return the difference between the old and the new inputs of a resource.

    Secrets must be masked in both. `later` is the placeholder for a value that is known only after `up`. A
    deletion has no lines.
    """
    loss = data_loss(resource_type, old) if op in ("replace", "delete") else ""
    if op == "delete":
        return Difference(op, loss=loss)
    lines, unknown = list[str](), list[str]()
    for path, before, after in _leaves("", old, new):
        if after == later:
            unknown.append(path)
        else:
            lines.append(f"{path}: {_short(before, after)} → {_short(after, before)}")
    return Difference(op, tuple(lines), tuple(unknown), loss)


def _leaves(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path, the old value and the new value of each difference; an absent value is None."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast(Mapping[str, Any], old), cast(Mapping[str, Any], new)
        for key in dict.fromkeys((*before, *after)):
            # Inputs with two underscores are notes of the provider, such as the names of its defaults. Below
            # an input, such a key is the program's.
            if path or not key.startswith("__"):
                yield from _leaves(_join(path, key), before.get(key), after.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        before, after = cast(list[Any], old), cast(list[Any], new)
        for index in range(max(len(before), len(after))):
            items = [side[index] if index < len(side) else None for side in (before, after)]
            yield from _leaves(f"{path}[{index}]", *items)
    else:
        yield path, old, new


def _join(path: str, key: str) -> str:
    name = key if re.fullmatch(r"[^.\[\]\"]+", key) else f'["{key}"]'
    return f"{path}.{name}" if path and not name.startswith("[") else f"{path}{name}"


def _short(value: Any, other: Any) -> str:
    """Return a value on one line, shortened to the part around the first difference if it is long."""
    if value is None:
        return "(absent)"
    text, other_text = f"{value}".replace("\n", " ⏎ "), f"{other}".replace("\n", " ⏎ ")
    if len(text) <= LONGEST:
        return text
    pairs = enumerate(zip(text, other_text, strict=False))
    start = max(0, next((index for index, (left, right) in pairs if left != right), 0) - CONTEXT)
    end = start + LONGEST
    return f"{'… ' if start else ''}{text[start:end]}{' …' if text[end:] else ''}"

"""Differences between the inputs in the state and those of the program."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sandbox.wire.values import UNKNOWN, Json, Path, kind, plain

ABSENT = object()


@dataclass(frozen=True)
class Change:
    """A property that was added, deleted or updated."""

    path: Path
    kind: Literal["add", "delete", "update"]
    old: Any = None
    new: Any = None


def changes(old: Json, new: Json) -> list[Change]:
    """Return every difference, ignoring secret marks; an unknown value counts as different."""
    return list(_changes(plain(old), plain(new), ()))


def _changes(old: Any, new: Any, path: Path) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast(Json, old), cast(Json, new)
        for key in dict.fromkeys((*before, *after)):
            if key != "__defaults":
                yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        left, right = cast(list[Any], old), cast(list[Any], new)
        for index in range(max(len(left), len(right))):
            before, after = (side[index] if index < len(side) else ABSENT for side in (left, right))
            yield from _changes(before, after, (*path, index))
    elif old is ABSENT:
        yield Change(path, "add", None, new)
    elif new is ABSENT:
        yield Change(path, "delete", old)
    elif (kind(old), cast(object, old)) != (kind(new), cast(object, new)):
        yield Change(path, "update", old, new)


def reaches(change: Change, path: Sequence[str]) -> bool:
    """Return True if a change is inside a property, or adds or deletes an object that contains it.

    An unknown object may contain the same value, and does not count.
    """
    changed = [part for part in change.path if isinstance(part, str)]
    if len(changed) >= len(path):
        return changed[: len(path)] == list(path)
    rest = path[len(changed) :]
    held = changed == list(path[: len(changed)]) and change.new is not UNKNOWN
    return held and any(_holds(side, rest) for side in (change.old, change.new))


def _holds(value: Any, path: Sequence[str]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_holds(item, path) for item in cast(list[Any], value))
    return isinstance(value, dict) and path[0] in value and _holds(cast(Json, value)[path[0]], path[1:])

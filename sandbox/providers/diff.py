"""Differences between the inputs in the state and the inputs in the program."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, cast, get_args

from sandbox.wire.values import UNKNOWN, Json, Path, kind, plain

ABSENT = object()
"""A placeholder for the value of a property that one side lacks."""


Kind = Literal["add", "delete", "update"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The kinds of a change."""


@dataclass(frozen=True)
class Change:
    """A property that was added, deleted or updated."""

    path: Path
    kind: Kind
    old: Any = None
    new: Any = None


def changes(old: Json, new: Json) -> list[Change]:
    """Return every difference between the inputs. Secret marks are ignored; unknown values always differ."""
    return list(_changes(plain(old), plain(new), ()))


def _changes(old: Any, new: Any, path: Path) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        old_object, new_object = cast(Json, old), cast(Json, new)
        for key in dict.fromkeys((*old_object, *new_object)):
            # Below the top, such a key is the program's, such as the name of a file in a ConfigMap.
            if path or key != "__defaults":
                yield from _changes(old_object.get(key, ABSENT), new_object.get(key, ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        pairs = zip_longest(cast(list[Any], old), cast(list[Any], new), fillvalue=ABSENT)
        for index, (old_item, new_item) in enumerate(pairs):
            yield from _changes(old_item, new_item, (*path, index))
    elif old is ABSENT:
        yield Change(path, "add", None, new)
    elif new is ABSENT:
        yield Change(path, "delete", old)
    elif (kind(old), cast(object, old)) != (kind(new), cast(object, new)):
        yield Change(path, "update", old, new)


def reaches(change: Change, path: Sequence[str]) -> bool:
    """Return True if a change is inside a property, or adds or deletes an object that contains the property.

    `path` has the names of properties, without indices. An unknown object does not count, since it may
    contain the same value.
    """
    changed = [part for part in change.path if isinstance(part, str)]
    if len(changed) >= len(path):
        return changed[: len(path)] == list(path)
    if changed != list(path[: len(changed)]) or change.new is UNKNOWN:
        return False
    rest = path[len(changed) :]
    return _contains(change.old, rest) or _contains(change.new, rest)


def _contains(value: Any, path: Sequence[str]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_contains(item, path) for item in cast(list[Any], value))
    if not isinstance(value, dict) or path[0] not in value:
        return False
    return _contains(cast(Json, value)[path[0]], path[1:])

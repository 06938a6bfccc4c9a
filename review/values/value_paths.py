"""Paths of values in the inputs of a resource, in which list items have a position or an identifier."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from review.plain_data import PATH_STEP, decode_key, is_list, is_map, path_of, quote_name, value_at
from review.values.list_items import POLICY_ELEMENTS, SETS, Pair, find_item, pair_items


@dataclass(frozen=True)
class Paths:
    """The paths of a value.

    `shown` names the items of lists by their identifiers. `old` and `new` lead to the value in base and head;
    None if a side has no list item with the value. `common` leads to the value, or to a list that contains
    it, in every stack. `is_exact` is False for such a list.

    `sets` has the names of the lists in the value whose order has no meaning. `is_policy_input` is True for
    an input of AWS that may have a policy. A program may give other lists the names of those of a policy.
    """

    shown: str
    old: str | None
    new: str | None
    common: str
    is_exact: bool = True
    sets: frozenset[str] = frozenset()
    is_policy_input: bool = False

    @classmethod
    def of(cls, name: str, kind: str = "") -> Self:
        """Return the paths of a property of a resource of this type."""
        path = property_path(name)
        package, _, rest = kind.partition(":")
        sets = SETS.get(package) or SETS.get(f"{package}:{rest.partition(':')[0]}") or frozenset[str]()
        is_input = package == "aws" and "polic" in name.lower()
        return cls(path, path, path, path, sets=sets, is_policy_input=is_input)

    def of_document(self, *sides: dict[str, Any]) -> Self:
        """Return the same paths, with the sets of a policy if both sides are one; an empty side counts."""
        documents = [side for side in sides if side]
        is_policy = self.is_policy_input and all(
            {"Version", "Statement"} <= side.keys() for side in documents
        )
        return replace(self, sets=POLICY_ELEMENTS) if documents and is_policy else self

    def with_key(self, key: str, following: str = "") -> Self:
        """Return the paths of a member of an object; `following` is the next key, if the place is shown."""
        old, new = (None if path is None else _join(path, key) for path in (self.old, self.new))
        common = _join(self.common, key) if self.is_exact else self.common
        shown = f"{_join(self.shown, key)}{_position(following)}"
        return replace(self, shown=shown, old=old, new=new, common=common)

    def with_item(self, pair: Pair) -> Self:
        """Return the paths of an item of a list."""
        old, new = (
            None if path is None or index is None else f"{path}[{index}]"
            for path, index in ((self.old, pair.old), (self.new, pair.new))
        )
        is_exact = self.is_exact and pair.is_stable
        common = f"{self.common}[{pair.label}]" if is_exact else self.common
        shown = f"{self.shown}[{pair.label}]{_position(pair.following)}"
        return replace(self, shown=shown, old=old, new=new, common=common, is_exact=is_exact)

    def with_part(self, part: str) -> Self:
        """Return the paths of a part of a text, or of the order of a list."""
        shown, old, new, common = (
            None if path is None else f"{path.removesuffix(' › ')} › {part}"
            for path in (self.shown, self.old, self.new, self.common)
        )
        return replace(self, shown=shown or "", old=old, new=new, common=common or "", sets=frozenset[str]())

    @property
    def has_ordered_keys(self) -> bool:
        """True if the order of keys may have a meaning: a reader of a text may take the first that matches.

        Objects of the engine have no order, and that of a policy has no meaning.
        """
        return " › " in self.shown and not self.sets

    @property
    def is_set(self) -> bool:
        """True if the order of the list to which the paths lead has no meaning."""
        return re.split(r" › |[.]", self.shown)[-1] in self.sets

    @property
    def places(self) -> tuple[str | None, str | None]:
        """The paths in base and head up to the text that contains the value."""
        old, new = (None if path is None else place_of(path) for path in (self.old, self.new))
        return old, new

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The steps of the places."""
        return [steps_of(place) for place in self.places if place is not None]

    @property
    def position(self) -> str:
        """The path in the head or, if it has no such item, in the base."""
        return self.new or self.old or self.shown


def _position(following: str) -> str:
    """Return the place of a new item or member before the next one, as a path shows it."""
    return f" (before {following})" if following else ""


def _join(path: str, key: str) -> str:
    """Return the path of a member of an object, in the engine's notation outside of texts."""
    if " › " not in path and not re.fullmatch(r"[\w$]+", key):
        return f"{path}[{quote_name(key)}]"
    return path_of(path, key).replace(" › .", " › ")


def property_path(name: str) -> str:
    """Return the path of a property, whose name is in quotes if it could be taken for something else."""
    return _join("", name)


def place_of(path: str) -> str:
    """Return a path up to the text that contains the value."""
    return path.partition(" › ")[0]


def steps_of(path: str) -> tuple[str, ...]:
    """Return the steps of a path up to a text, which are equal for all notations of the path."""
    return tuple(index or name or key for key, index, name in PATH_STEP.findall(place_of(path)))


def find_related(path: str, places: Sequence[Sequence[tuple[str, ...]]]) -> list[int]:
    """Return the indexes of the places inside of a path or, if there are none, of the nearest around it."""
    steps = steps_of(path)
    inside = [
        index for index, sides in enumerate(places) if any(place[: len(steps)] == steps for place in sides)
    ]
    if inside:
        return inside
    lengths = [
        max((len(place) for place in sides if steps[: len(place)] == place), default=0) for sides in places
    ]
    nearest = max(lengths, default=0)
    return [index for index, length in enumerate(lengths) if length == nearest > 0]


def locate(path: str, before: Any, after: Any, *, kind: str = "") -> Paths | None:
    """Return the paths of what is at a path in both sides; None if other items of a list are there.

    `kind` is the type of the resource.
    """
    paths: Paths | None = None
    for key, index, name in PATH_STEP.findall(path):
        step = name or decode_key(key) or index
        if paths and is_list(before) and is_list(after) and index:
            pairs = pair_items(before, after, is_set=paths.is_set)
            position = int(index)
            pair = next((pair for pair in pairs if pair.old == pair.new == position), None)
            if pair is None:
                return None
            paths, before, after = paths.with_item(pair), before[position], after[position]
        else:
            if paths and is_map(before) and is_map(after):
                paths = paths.of_document(before, after)
            paths = paths.with_key(step) if paths else Paths.of(step, kind)
            before, after = (side.get(step) if is_map(side) else None for side in (before, after))
    return paths


def value_at_common(value: Any, path: str) -> Any:
    """Return the value at a path in which identifiers name list items, or None if there is no such value."""
    for step in PATH_STEP.finditer(path):
        if is_list(value) and step[1]:
            value = find_item(value, decode_key(step[1]))
        else:
            value = value_at(value, step[0])
    return value

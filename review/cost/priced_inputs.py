"""Inputs of resources that change no price, and the values of inputs that the prices are for."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from review.plain_data import PATH_STEP, is_list, is_map, path_of

PROVIDER_NOTES = "__defaults"
"""Key in which a bridged provider notes what it has set itself, at any depth."""

MOST_NAMES = 5
"""Number of inputs without a price that a line of the bill names."""

Pattern = tuple[str, ...]
"""Steps of a path; `*` in a step stands for any characters of a key. Lists have no steps of their own."""

STRICT = ConfigDict(extra="forbid", frozen=True)


class PricedInputs(BaseModel):
    """Inputs of resource types for which a price holds; every other input may change the price.

    An input in `neutral` changes no price, or the charges of the type compute its effect. So does all that is
    inside. `priced_for` has the values that a price is for, by path; `null` there stands for an absent value.
    `pod` is the path of a pod, whose inputs the table has once.
    """

    model_config = STRICT

    neutral: tuple[str, ...] = ()
    priced_for: Mapping[str, tuple[str | bool | int | None, ...]] = Field(default_factory=dict[str, Any])
    pod: str | None = None

    @cached_property
    def covered(self) -> tuple[Pattern, ...]:
        """The patterns of all inputs that this table names."""
        return tuple(steps(path) for path in (*self.neutral, *self.priced_for))

    @cached_property
    def values(self) -> tuple[tuple[str, Pattern, tuple[object, ...]], ...]:
        """The paths, patterns and values of the inputs for which only some values have this price."""
        return tuple((path, steps(path), values) for path, values in self.priced_for.items())

    def joined(self, *others: "PricedInputs") -> "PricedInputs":
        """Return this table with the inputs of others."""
        inputs = [path for other in (self, *others) for path in other.neutral]
        values = {path: allowed for other in (self, *others) for path, allowed in other.priced_for.items()}
        return PricedInputs(neutral=tuple(inputs), priced_for=values)

    def below(self, path: str) -> "PricedInputs":
        """Return this table for an object that is at a path."""
        inputs = tuple(f"{path}.{name}" for name in self.neutral)
        values = {f"{path}.{name}": allowed for name, allowed in self.priced_for.items()}
        return PricedInputs(neutral=inputs, priced_for=values)

    def unpriced(self, inputs: Mapping[str, Any]) -> list[str]:
        """Return the paths of inputs for which the price of a resource may not hold, sorted."""
        others = {*_unnamed(inputs, self.covered, "")}
        for path, pattern, values in self.values:
            if any(not _is_one_of(value, values) for value in _values(inputs, pattern)):
                others.add(path)
        return sorted(others)


def steps(path: str) -> Pattern:
    """Return the steps of a path such as `metadata.annotations["a.b"]`."""
    return tuple(quoted or name for quoted, _, name in PATH_STEP.findall(path))


def name_some(paths: list[str]) -> str:
    """Return the first paths as a text, and the number of the others."""
    rest = len(paths) - MOST_NAMES
    return ", ".join(paths[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _is_one_of(value: object, values: tuple[object, ...]) -> bool:
    return any(value == priced and isinstance(value, bool) == isinstance(priced, bool) for priced in values)


def _unnamed(value: Any, patterns: tuple[Pattern, ...], path: str) -> Iterator[str]:
    """Yield the shortest paths below which no pattern covers a value."""
    if any(not pattern for pattern in patterns):
        return
    if is_list(value) and patterns:
        for item in value:
            yield from _unnamed(item, patterns, path)
    elif is_map(value) and patterns:
        for key, member in value.items():
            rest = tuple(pattern[1:] for pattern in patterns if fnmatchcase(key, pattern[0]))
            if key != PROVIDER_NOTES:
                yield from _unnamed(member, rest, path_of(path, key))
    elif _has_content(value):
        yield path


def _has_content(value: Any) -> bool:
    """Return True for a value other than null, and for a list or an object that has one."""
    if is_list(value):
        return any(map(_has_content, value))
    if is_map(value):
        return any(_has_content(member) for key, member in value.items() if key != PROVIDER_NOTES)
    return value is not None


def _values(value: Any, pattern: Pattern) -> Iterator[object]:
    """Yield the values at a pattern, one for each item of a list; None stands for an absent or empty one."""
    if is_list(value) and value:
        for item in value:
            yield from _values(item, pattern)
    elif is_list(value) or value is None:
        yield None
    elif pattern and is_map(value):
        members = [value[key] for key in value if fnmatchcase(key, pattern[0])]
        for member in members or [None]:
            yield from _values(member, pattern[1:])
    else:
        yield value

"""The parts of a request body, with their paths, and checks of them that yield faults.

A check of a part that is missing, or that has another type than the check expects, yields nothing: the models
of the official clients check types. The default message names the constraint and its value, such as
`maximum: 255`, and never the part's own value.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from sandbox.wire.values import Json

LENGTHS: Sequence[tuple[type[Any], str]] = ((str, "Length"), (list, "Items"), (dict, "Properties"))
"""The types that have a length, and the end of the constraint's name, such as `minLength`."""


class Part:
    """A value in a request body, with its path; the value is None if the path does not exist."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> "Part":
        """Return the member with a name. In a dotted path, each part names a member of the one before."""
        part = self
        for step in name.split("."):
            part = Part(part.members.get(step), f"{part.path}/{step}")
        return part

    def __bool__(self) -> bool:
        """Return True if the part exists."""
        return self.value is not None

    @property
    def members(self) -> Json:
        """The members by their names; empty if the value is not an object."""
        return cast(Json, self.value) if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Part]":
        """The items, or the values of an object's members."""
        if isinstance(self.value, list):
            pairs = enumerate(cast("list[Any]", self.value))
        else:
            pairs = self.members.items()
        return [Part(value, f"{self.path}/{key}") for key, value in pairs]

    def may_be(self, *values: str) -> bool:
        """Return True if the value is one of these or is missing."""
        return self.value is None or self.value in values

    def has_any(self, *names: str) -> bool:
        """Return True if one of the members exists, or if the part itself does not exist."""
        return not self or not self.members.keys().isdisjoint(names)

    def fault(self, message: str) -> str:
        """Return a fault of this part."""
        return f"{self.path or '/'}: {message}"

    def fault_if(self, condition: object, message: str) -> Iterator[str]:
        """Yield a fault if the condition is true."""
        if condition:
            yield self.fault(message)

    def needs(self, *names: str) -> Iterator[str]:
        """Yield a fault for each of the members that is missing."""
        if isinstance(self.value, dict):
            for name in names:
                yield from self.fault_if(name not in self.members, f"required: {list(names)}")

    def within(
        self, least: float | None, most: float | None = None, *, exclusive: bool = False
    ) -> Iterator[str]:
        """Yield a fault if a number is beyond a limit, or with `exclusive` if it equals one."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return
        low, high = ("exclusiveMinimum", "exclusiveMaximum") if exclusive else ("minimum", "maximum")
        if least is not None:
            is_low = self.value < least or (exclusive and self.value == least)
            yield from self.fault_if(is_low, f"{low}: {least}")
        if most is not None:
            is_high = self.value > most or (exclusive and self.value == most)
            yield from self.fault_if(is_high, f"{high}: {most}")

    def is_one_of(self, allowed: Sequence[Any], message: str = "") -> Iterator[str]:
        """Yield a fault if the value exists and is not allowed."""
        yield from self.fault_if(self and self.value not in allowed, message or f"enum: {list(allowed)}")

    def matches(self, pattern: str, message: str = "") -> Iterator[str]:
        """Yield a fault if a text does not contain a match of the regular expression."""
        if isinstance(self.value, str):
            yield from self.fault_if(not re.search(pattern, self.value), message or f"pattern: {pattern}")

    def has_length(self, least: int, most: int | None = None) -> Iterator[str]:
        """Yield a fault if a text, list or object has too few or too many characters, items or members."""
        noun = next((noun for kind, noun in LENGTHS if isinstance(self.value, kind)), "")
        if not noun:
            return
        length = len(self.value)
        yield from self.fault_if(length < least, f"min{noun}: {least}")
        yield from self.fault_if(most is not None and length > most, f"max{noun}: {most}")

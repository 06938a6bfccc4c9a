"""Lengths of the lists that a review invents in place of lists that only an account knows."""

import functools
import typing
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.wire import schema

ITEMS = 3
"""Length of an invented list: its first items, those after them, the last one and the whole list differ."""

PARTS = 20_000
"""Largest number of parts of invented outputs for which a list inside of another one has several items.

Only few types have more, such as a dashboard of Datadog, whose widgets have widgets.
"""


def item_paths(path: tuple[str, ...], cls: type[Any]) -> list[tuple[str, ...]]:
    """Return the paths of the items of an invented list in a resource or an answer of a class."""
    outer_lists = sum(map(str.isdecimal, path))
    count = 1 if outer_lists and outer_lists >= _deepest_list(cls) else ITEMS
    return [(*path, str(index)) for index in range(count)]


@functools.cache
def _deepest_list(cls: type[Any]) -> int:
    """Return how many lists inside each other have several items, so that there are not too many parts."""
    counts = Counter(depth for prop in schema.properties(cls).values() for depth in _depths(prop.hint))
    sizes = (
        sum(count * ITEMS ** min(depth, most) for depth, count in counts.items())
        for most in range(1, max(counts) + 1)
    )
    return sum(size <= PARTS for size in sizes)


def _depths(hint: Any, outer: tuple[Any, ...] = (), depth: int = 0) -> Iterator[int]:
    """Yield the number of lists around each part of a value. `outer` are the classes of the outer objects."""
    option = next(iter(schema.value_hints(hint)), Any)
    noun, inner = schema.noun(option), typing.get_args(option)
    if noun == "a list" and inner:
        yield from _depths(inner[0], outer, depth + 1)
    elif schema.is_object(option) and option not in outer:
        for member in schema.properties(option).values():
            yield from _depths(member.hint, (*outer, option), depth)
    else:
        yield depth

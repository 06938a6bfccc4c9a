"""Paths of inputs whose changes the engine ignores, and the values at these paths."""

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import chain
from typing import Any

from review.plain_data import as_text, is_equal, is_list, is_map, path_of

IGNORED = "ignoreChanges"
"""Option with the paths at which a state keeps its values: those of the creation, which a review has not."""

ALL = "*"
"""Part of a path that stands for each name and each index."""

PATH_PART = re.compile(r'\["((?:\\"|[^"])*)"\]|\[([^\]"]*)\]|([^.\[]+)')
"""Pattern of a part of a path of the engine: a name in quotes, an index, or a name. The engine skips the dots
between them (pulumi/pulumi, sdk/go/common/resource/properties_path.go: ParsePropertyPath).
"""


def ignored_paths(options: Mapping[str, Any]) -> list[list[str]]:
    """Return the paths of ignored changes in parts: names, indices or `ALL`."""
    return option_paths(options, IGNORED)


def option_paths(options: Mapping[str, Any], name: str) -> list[list[str]]:
    """Return the paths of an option in parts: names, indices or `ALL`."""
    texts = options.get(name)
    paths = [as_text(text) or "" for text in texts] if is_list(texts) else []
    return [
        [quoted.replace('\\"', '"') or index or name for quoted, index, name in PATH_PART.findall(path)]
        for path in paths
    ]


def join_parts(parts: Iterable[str]) -> str:
    """Return the path of ignored changes with these parts; other parts have another path."""
    return reduce(path_of, parts, "")


def select(content: Any, parts: list[str]) -> list[Any]:
    """Return the values to which the parts of a path of ignored changes lead."""
    contents = [content]
    for part in parts:
        members = chain.from_iterable(map(_members, contents))
        contents = [value for name, value in members if part in (ALL, name)]
    return contents


def find_hidden_changes(
    options: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Return the values before and after by path, where inputs differ at a path of ignored changes.

    A list stands for several values.
    """
    values = {
        join_parts(parts): (select(before, parts), select(after, parts)) for parts in ignored_paths(options)
    }
    return {
        path: (_single(old), _single(new)) for path, (old, new) in values.items() if not is_equal(old, new)
    }


def _single(values: list[Any]) -> Any:
    """Return the only value, None without one, or all of several values."""
    return values if len(values) > 1 else next(iter(values), None)


def _members(content: Any) -> list[tuple[str, Any]]:
    if is_map(content):
        return sorted(content.items())
    return [(str(index), item) for index, item in enumerate(content)] if is_list(content) else []

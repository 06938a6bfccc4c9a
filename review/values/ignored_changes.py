"""Paths of inputs whose changes the engine ignores, and the values at these paths."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from review.plain_data import as_text, is_equal, is_list, is_map, mark_nulls, path_of

IGNORED = "ignoreChanges"
"""Option with the paths at which a state keeps its values: those of the creation, which a review has not."""

ALL = "*"
"""Part of a path that stands for each name and each index."""

INDEX = re.compile(r"\+?0*([0-9]+)|-0*(0)")
"""Pattern of an index that Go's `strconv.ParseInt` reads, with its digits as a group."""

DIGITS = re.compile(r"[0-9]+")
"""Pattern of an index in a path of the report."""

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
        [
            quoted.replace('\\"', '"') or _index(index) or name
            for quoted, index, name in PATH_PART.findall(path)
        ]
        for path in paths
    ]


def _index(text: str) -> str:
    """Return an index as the number that the engine reads; `ALL` and any other text as they are."""
    match = INDEX.fullmatch(text)
    return match[1] or match[2] if match else text


def join_parts(parts: Iterable[str]) -> str:
    """Return the path of ignored changes with these parts; other parts have another path.

    A number counts as an index, although a key of an object may have this name.
    """
    return reduce(_join, parts, "")


def _join(path: str, part: str) -> str:
    return f"{path}[{part}]" if DIGITS.fullmatch(part) else path_of(path, part)


def select(content: Any, parts: list[str]) -> dict[str, Any]:
    """Return the values to which the parts of a path of ignored changes lead, by their own paths."""
    contents: list[tuple[tuple[str, ...], Any]] = [((), content)]
    for part in parts:
        contents = [
            ((*names, name), value)
            for names, parent in contents
            for name, value in _members(parent)
            if part in (ALL, name)
        ]
    return {join_parts(names): value for names, value in contents}


def is_ignored(options: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Return True if a path of ignored changes leads to the value at this path, or to one around it."""
    return any(
        0 < len(parts) <= len(names)
        and all(part in (ALL, name) for part, name in zip(parts, names, strict=False))
        for parts in ignored_paths(options)
    )


def find_hidden_changes(
    options: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Return the values before and after by path, where inputs differ at a path of ignored changes.

    None means that a side has no value; a null is NULL. For a path with `ALL`, the values are objects with
    those by their own paths, unless it leads to none.
    """
    before, after = mark_nulls(before), mark_nulls(after)
    hidden: dict[str, tuple[Any, Any]] = {}
    for parts in ignored_paths(options):
        path, old, new = join_parts(parts), select(before, parts), select(after, parts)
        if not is_equal(old, new):
            hidden[path] = _selected(old, path, parts), _selected(new, path, parts)
    return hidden


def _selected(values: Mapping[str, Any], path: str, parts: Sequence[str]) -> Any:
    return (values or None) if ALL in parts else values.get(path)


def _members(content: Any) -> list[tuple[str, Any]]:
    if is_map(content):
        return sorted(content.items())
    return [(str(index), item) for index, item in enumerate(content)] if is_list(content) else []

"""The stack files: each value with its line, what changed, and which key a property's value came from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from review.model import Place, Setting

COMMON = frozenset({"true", "false", "null"})
"""Values that identify nothing by themselves; nor does a short one."""

Values = dict[str, tuple[Any, int]]
"""Value and line by key: `pipe:database.instanceClass`, `pipe:network.subnets.public[1]`."""


@dataclass(frozen=True)
class StackFile:
    """A stack's file on both sides."""

    name: str
    base: Values
    head: Values

    @cached_property
    def changed(self) -> dict[str, tuple[str | None, str | None]]:
        """Keys that differ, with both values as text."""
        pairs = {key: (_text(self.base.get(key)), _text(self.head.get(key))) for key in self.base | self.head}
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}

    def origin(self, path: str, before: object, after: object, near: str) -> Setting | None:
        """The key that a property's value came from, if something identifies it; `near` is the component."""
        old, new = plain(before), plain(after)
        alike = [key for key, pair in self.changed.items() if pair == (old, new)]
        within = [key for key, pair in self.changed.items() if _within(pair, old, new)]
        if found := _one(alike, path, near) or _one(within, path, near):
            return self._setting(found, "changed alike")
        return self.holder(path, after, near)

    def holder(self, path: str, value: object, near: str) -> Setting | None:
        """The key that holds a value: by its name, or as the only one with such a value."""
        text = plain(value)
        same = [key for key, (found, _) in self.head.items() if text is not None and plain(found) == text]
        if found := _one([key for key in same if leaf(key).lower() == leaf(path).lower()], path, near):
            return self._setting(found, "same name and value")
        unique = len(same) == 1 and text and len(text) > 3 and text.lower() not in COMMON
        return self._setting(same[0], "the only such value") if unique else None

    def _setting(self, key: str, by: str) -> Setting:
        return Setting(key, Place(self.name, (self.head.get(key) or self.base[key])[1], "sets"), by)


def read(name: str, base: Path | None, head: Path | None) -> StackFile:
    """A stack file of two projects; a side without it, or with one that is no YAML, has no values."""
    return StackFile(name, *({} if side is None else _values(side / name) for side in (base, head)))


def leaf(path: str) -> str:
    """The last name of a path: `max` of `spec.replicas[0].max`."""
    return path.rpartition(".")[2].partition("[")[0]


def plain(value: object) -> str | None:
    """A value as text."""
    return (
        value
        if value is None or isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )


def _values(file: Path) -> Values:
    try:
        node = yaml.compose(file.read_text(), yaml.SafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {
        path: found for key, value in pairs if key.value == "config" for path, *found in _leaves(value, "")
    }  # pyright: ignore


def _leaves(node: yaml.Node, path: str) -> Iterator[tuple[str, Any, int]]:
    if isinstance(node, yaml.ScalarNode):
        value = yaml.SafeLoader("").construct_object(node)  # pyright: ignore[reportUnknownMemberType]
        yield path, value, node.start_mark.line + 1
    for index, each in enumerate(node.value if isinstance(node, yaml.CollectionNode) else ()):
        if isinstance(node, yaml.MappingNode):
            yield from _leaves(each[1], f"{path}.{each[0].value}".lstrip("."))
        else:
            yield from _leaves(each, f"{path}[{index}]")


def _one(keys: list[str], path: str, near: str) -> str:
    """The one key; among several the one that has the property's name, or is of the component's topic."""
    named = [key for key in keys if leaf(key).lower() == leaf(path).lower()]
    topical = [key for key in keys if near and near in key.partition(".")[0]]
    return next((chosen[0] for chosen in (keys, named, topical) if len(chosen) == 1), "")


def _within(pair: tuple[str | None, str | None], before: str | None, after: str | None) -> bool:
    """Whether the value is a part of a longer one: `pipe-backup` of `pipe-backup-logs`."""
    old, new = pair
    return bool(
        old
        and new
        and before
        and after
        and len(old) > 3
        and old in before
        and before.replace(old, new) == after
    )


def _text(found: tuple[Any, int] | None) -> str | None:
    return plain(found[0]) if found else None

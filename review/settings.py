"""The stack files: each value with its line, what changed, and which key a property's value came from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from review.model import Place, Setting

COMMON = frozenset({"", "true", "false", "null", "0", "1", "2", "3"})
"""Values that identify nothing by themselves."""

Values = dict[str, tuple[Any, int]]
"""Value and line by key: `pipe:database.instanceClass`, `pipe:network.subnets.public[1]`."""


@dataclass(frozen=True)
class StackFile:
    """A stack's file on both sides."""

    name: str
    base: Values = field(default_factory=dict[str, tuple[Any, int]])
    head: Values = field(default_factory=dict[str, tuple[Any, int]])

    @property
    def changed(self) -> dict[str, tuple[str | None, str | None]]:
        """Keys that differ, with both values as text."""
        keys = [*self.head, *(key for key in self.base if key not in self.head)]
        pairs = {key: (_text(self.base.get(key)), _text(self.head.get(key))) for key in keys}
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}

    def origin(self, path: str, before: object, after: object, near: str) -> Setting | None:
        """The key that a property's value came from, if something identifies it; `near` is the component."""
        old, new = _plain(before), _plain(after)
        alike = [key for key, pair in self.changed.items() if pair == (old, new)]
        if found := _one(alike, path, near):
            return self._setting(found, "changed alike")
        # The value may be part of a longer one: `pipe-backup` in `pipe-backup-logs`.
        within = [key for key, pair in self.changed.items() if _within(pair, old, new)]
        if found := _one(within, path, near):
            return self._setting(found, "changed alike")
        return self.holder(path, after, near)

    def holder(self, path: str, value: object, near: str) -> Setting | None:
        """The key that holds a value: by its name, or as the only one with such a value."""
        text, name = _plain(value), leaf(path)
        if text is None:
            return None
        same = [key for key, (found, _) in self.head.items() if _plain(found) == text]
        named = [key for key in same if leaf(key).lower() == name.lower()]
        if found := _one(named, path, near):
            return self._setting(found, "same name and value")
        if text.lower() not in COMMON and len(text) > 3 and len(same) == 1:
            return self._setting(same[0], "the only such value")
        return None

    def _setting(self, key: str, by: str) -> Setting:
        line = (self.head.get(key) or self.base[key])[1]
        return Setting(key, Place(self.name, line, "sets"), by)


def read(name: str, base: Path | None, head: Path | None) -> StackFile:
    """A stack file of two trees; a side without it, or with one that is no YAML, has no values."""
    return StackFile(name, *({} if side is None else _values(side / name) for side in (base, head)))


def leaf(path: str) -> str:
    """The last name of a path: `max` of `spec.maxReplicas[0].max`."""
    return path.rpartition(".")[2].partition("[")[0]


def _values(file: Path) -> Values:
    try:
        node = yaml.compose(file.read_text(), yaml.SafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    config = (
        next((value for key, value in node.value if key.value == "config"), None)
        if isinstance(node, yaml.MappingNode)
        else None
    )
    return {path: (value, line) for path, value, line in _leaves(config, "")}


def _leaves(node: yaml.Node | None, path: str) -> Iterator[tuple[str, Any, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, f"{path}.{key.value}" if path else str(key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _leaves(value, f"{path}[{index}]")
    elif isinstance(node, yaml.ScalarNode):
        yield path, yaml.SafeLoader("").construct_object(node), node.start_mark.line + 1


def _one(keys: list[str], path: str, near: str) -> str:
    """The one key, or the one among several that has the property's name, or the component's topic."""
    for chosen in (
        keys,
        [key for key in keys if leaf(key).lower() == leaf(path).lower()],
        [key for key in keys if near and near in key.partition(".")[0]],
    ):
        if len(chosen) == 1:
            return chosen[0]
    return ""


def _within(pair: tuple[str | None, str | None], before: str | None, after: str | None) -> bool:
    old, new = pair
    if not (old and new and before and after) or len(old) < 4:
        return False
    return before.replace(old, new) == after and before != after


def _text(found: tuple[Any, int] | None) -> str | None:
    return None if found is None else _plain(found[0])


def _plain(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

"""The stack files: each value with its line, what changed, and which key a property's value came from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from review.model import Setting

# Values that identify nothing by themselves; nor does a short one.
COMMON = frozenset({"true", "false", "null"})
# Value and line by key: `pipe:database.instanceClass`, `pipe:network.subnets.public[1]`.
Values = dict[str, tuple[str, int]]


@dataclass(frozen=True)
class StackFile:
    """A stack's file on both sides."""

    name: str
    base: Values
    head: Values

    @cached_property
    def _changed(self) -> dict[str, tuple[str | None, str | None]]:
        pairs = {key: tuple(side.get(key, (None,))[0] for side in (self.base, self.head))
                 for key in self.base | self.head}  # fmt: skip
        return {key: (old, new) for key, (old, new) in pairs.items() if old != new}

    def origin(self, path: str, old: str | None, new: str | None, near: str) -> Setting | None:
        """The key that a property's value came from, if something identifies it; `near` is the component."""
        alike = [key for key, pair in self._changed.items() if pair == (old, new)]
        within = [key for key, pair in self._changed.items() if _within(*pair, old, new)]
        found = _one(alike, path, near) or _one(within, path, near)
        return self._setting(found, "changed alike") if found else self.holder(path, new, near)

    def holder(self, path: str, value: str | None, near: str) -> Setting | None:
        """The key that holds a value: by its name, or as the only one with such a value."""
        same = [key for key, (found, _) in self.head.items() if found == value]
        if found := _one([key for key in same if _leaf(key) == _leaf(path)], path, near):
            return self._setting(found, "same name and value")
        unique = len(same) == 1 and value and len(value) > 3 and value.lower() not in COMMON
        return self._setting(same[0], "the only such value") if unique else None

    def _setting(self, key: str, by: str) -> Setting:
        return Setting(self.name, (self.head.get(key) or self.base[key])[1], "sets", key, by)


def read(stack: str, *sides: tuple[Path, Path | None]) -> StackFile:
    """A stack's file in projects of trees; a side without it, or with one that is no YAML, has no values."""
    name = f"Pulumi.{stack}.yaml"
    paths = [f"{(project / name).relative_to(tree)}" for tree, project in sides if project]
    return StackFile([name, *paths][-1], *(_values(each / name) if each else {} for _, each in sides))


def plain(value: object) -> str | None:
    """A value as text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _values(file: Path) -> Values:
    try:
        node = yaml.compose(file.read_text(), yaml.SafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return dict(_leaves(node, "")) if node else {}


def _leaves(node: yaml.Node, path: str) -> Iterator[tuple[str, tuple[str, int]]]:
    if isinstance(node, yaml.ScalarNode) and path.startswith("config."):
        yield path.removeprefix("config."), (node.value, node.start_mark.line + 1)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, f"{path}.{key.value}".lstrip("."))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _leaves(value, f"{path}[{index}]")


def _leaf(path: str) -> str:
    """The last name of a path: `max` of `spec.replicas[0].max`."""
    return path.rpartition(".")[2].partition("[")[0].lower()


def _one(keys: list[str], path: str, near: str) -> str:
    """The one key; among several the one that has the property's name, or is of the component's topic."""
    named = [key for key in keys if _leaf(key) == _leaf(path)]
    topical = [key for key in keys if near and near in key.partition(".")[0]]
    return next((chosen[0] for chosen in (keys, named, topical) if len(chosen) == 1), "")


def _within(old: str | None, new: str | None, before: str | None, after: str | None) -> bool:
    """Whether a change of a value is a part of a longer one's: `pipe-backup` in `pipe-backup-logs`."""
    if not (old and new and before and after) or len(old) <= 3:
        return False
    return old in before and before.replace(old, new) == after

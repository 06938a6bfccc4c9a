"""The stack files: each value with its line, what changed, and which key a property's value came from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from review.jail.regular_files import read_text
from review.model import Place
from sandbox.errors import CommandError

COMMON = frozenset({"true", "false", "null"})  # identify nothing by themselves; nor does a short value
LARGEST = 4 * 2**20  # bytes of a stack file
Values = dict[str, tuple[str, int]]  # value and line by key: `pipe:network.subnets.public[1]`


@dataclass(frozen=True)
class StackFile:
    """A stack's file on both sides."""

    name: str
    base: Values
    head: Values

    def origin(self, path: str, old: str | None, new: str | None, near: str) -> Place | None:
        """The key that a property's value came from, if something identifies it; `near` is the component.

        It changed as the property did, or as a part of it (`pipe-backup` in `pipe-backup-logs`); or it has
        the value and the property's name; or it alone has such a value.
        """
        pairs = {key: (self.base.get(key, (None,))[0], self.head.get(key, (None,))[0])
                 for key in self.base | self.head}  # fmt: skip
        changed = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
        alike = [key for key, pair in changed.items() if pair == (old, new)]
        within = [key for key, (was, now) in changed.items() if was and now and len(was) > 3
                  and was in (old or "") and (old or "").replace(was, now) == new]  # fmt: skip
        same = [key for key, (_, value) in pairs.items() if value == new and key in self.head]
        named = [key for key in same if _leaf(key) == _leaf(path)]
        unique = same if len(same) == 1 and new and len(new) > 3 and new.lower() not in COMMON else []
        ways = ((alike, "changed alike"), (within, "changed alike"), (named, "same name and value"))
        for keys, by in (*ways, (unique, "the only such value")):
            if key := _one(keys, path, near):
                return Place(self.name, (self.head.get(key) or self.base[key])[1], "sets", key, by)
        return None


def read(stack: str, *sides: tuple[Path, Path | None]) -> StackFile:
    """A stack's file in projects of trees; a side without it, or with one that is no YAML, has no values."""
    name = f"Pulumi.{stack}.yaml"
    paths = [f"{(project / name).relative_to(tree)}" for tree, project in sides if project]
    return StackFile([name, *paths][-1], *(_values(each / name) if each else {} for _, each in sides))


def _values(file: Path) -> Values:
    try:
        text = read_text(file, LARGEST, follow_links=True)
        return dict(_leaves(yaml.compose(text, yaml.SafeLoader), ""))
    except (OSError, yaml.YAMLError, CommandError):
        return {}


def _leaves(node: yaml.Node | None, path: str) -> Iterator[tuple[str, tuple[str, int]]]:
    if isinstance(node, yaml.ScalarNode) and path.startswith("config."):
        yield path.removeprefix("config."), (node.value, node.start_mark.line + 1)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, f"{path}.{key.value}".lstrip("."))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _leaves(value, f"{path}[{index}]")


def _leaf(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0].lower()


def _one(keys: list[str], path: str, near: str) -> str:
    named = [key for key in keys if _leaf(key) == _leaf(path)]
    topical = [key for key in keys if near and near in key.partition(".")[0]]
    return next((chosen[0] for chosen in (keys, named, topical) if len(chosen) == 1), "")

"""Settings of a stack file with their lines, and the search for the setting from which a value comes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from review.model import SETS, SourceLocation
from review.plain_data import path_of
from sandbox.errors import CommandError
from sandbox.summary import LATER, MASK
from sandbox.workspace import yaml_tree

COMMON_VALUES = frozenset(
    {"true", "false", "null", "none", "default", "enabled", "disabled", "0.0.0.0/0", "::/0", "127.0.0.1"}
)
"""Values that are too common to identify a setting, in lower case."""

COMMON_NUMBER = re.compile(r"-?\d{1,4}([.]\d+)?")
"""Pattern of the numbers that are too common to identify a setting, such as seconds and sizes."""

SHORT_VALUE = 3
"""Largest number of characters of a value that is too short to identify a setting."""

ALLOWED_ACCOUNTS = "aws:allowedAccountIds["
"""Start of the key of each account to which the AWS provider is limited."""

HIDDEN = "\0"
"""Character in place of a mask, for comparisons."""

SettingValues = dict[str, tuple[str, int]]
"""Value and line by key, such as `pipe:network.subnets.public[1]`."""

ValuePair = tuple[str | None, str | None]
"""Value in base and head; None if the side lacks the value."""


@dataclass(frozen=True)
class StackFile:
    """The settings of a stack file in the base and the head.

    `is_on_both_sides` is False if a side has no settings to compare, since it lacks the file or the file
    cannot be read. `trouble` is the reason why a file cannot be read, or an empty string. `texts` has the
    keys whose values are texts in base and head: `"false"` is one, and `false` is none.
    """

    name: str
    base: SettingValues
    head: SettingValues
    is_on_both_sides: bool = True
    trouble: str = ""
    texts: tuple[frozenset[str], frozenset[str]] = (frozenset[str](), frozenset[str]())

    @property
    def account(self) -> str:
        """The only AWS account in which the stack may be, by its provider's setting; empty if unknown.

        The setting of the base counts, since the head may name a foreign account. That of the head counts if
        the base has no such stack.
        """
        settings = self.base or self.head
        accounts = [value for key, (value, _) in settings.items() if key.startswith(ALLOWED_ACCOUNTS)]
        return accounts[0] if len(accounts) == 1 else ""

    def find_setting(
        self, path: str, old: str | None, new: str | None, component: str
    ) -> SourceLocation | None:
        """Return the setting from which a property's value came, or None if the values identify no setting.

        The candidates are, in this order: settings that changed as the property did; settings whose change
        explains a part of the property's change (`pipe-backup` in `pipe-backup-logs`); settings with the
        property's value and name; and the only setting with the property's value.

        A mask in a property's value is none of its characters, so a setting with the same text explains none.
        """
        old, new = _without_masks(old), _without_masks(new)
        pairs = {key: (_value(self.base, key), _value(self.head, key)) for key in self.base | self.head}
        values = {
            key: pair for key, pair in pairs.items() if not any(HIDDEN in text for text in pair if text)
        }
        changed = {key: pair for key, pair in values.items() if pair[0] != pair[1]}
        changed_alike = [key for key, pair in changed.items() if pair == (old, new)]
        changed_within = [key for key, pair in changed.items() if _changed_within(pair, old or "", new)]
        same_value = [key for key, pair in values.items() if pair[1] == new and key in self.head]
        same_name = [key for key in same_value if _last_name(key) == _last_name(path)]
        only_value = same_value if len(same_value) == 1 and _identifies(new) else []
        candidates = (
            (changed_alike, "changed alike"),
            (changed_within, "changed alike"),
            (same_name, "same name and value"),
            (only_value, "the only such value"),
        )
        for keys, reason in candidates:
            if key := _choose(keys, path, component):
                _, line = self.head.get(key) or self.base[key]
                return SourceLocation(self.name, line, SETS, key, reason)
        return None


def read_stack_file(stack: str, *sides: tuple[Path, Path | None]) -> StackFile:
    """Read a stack file in base and head; each side is given as a tree and the folder of its project.

    The file is read as the sandbox reads it, so that the report has the settings that the program gets. A
    side without a project, or whose file cannot be read, has no values.
    """
    name = f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    paths = [f"{(project / name).relative_to(tree)}" for tree, project in sides if project]
    leaves: list[list[_Leaf] | None] = []
    troubles: list[str] = []
    for _, project in sides:
        try:
            leaves.append(_read_leaves(project / name) if project else None)
        except (CommandError, OSError, RecursionError) as error:
            leaves.append(None)
            troubles.append(f"the settings of {name} cannot be read: {error}")
    base, head = ({leaf.key: (leaf.value, leaf.line) for leaf in side or ()} for side in leaves)
    old, new = (frozenset(leaf.key for leaf in side or () if leaf.is_text) for side in leaves)
    return StackFile([name, *paths][-1], base, head, None not in leaves, "; ".join(troubles), (old, new))


class _Leaf(NamedTuple):
    """A scalar, empty mapping or empty list below `config`."""

    key: str
    value: str
    line: int
    is_text: bool


def _read_leaves(file: Path) -> list[_Leaf]:
    tree = yaml_tree.read(file)
    return [*_leaves(tree["config"], "config")] if "config" in tree else []


def _leaves(node: yaml.Node, path: str) -> Iterator[_Leaf]:
    key = path.removeprefix("config").removeprefix(".") if path.startswith(("config.", "config[")) else ""
    if isinstance(node, yaml.ScalarNode) and key:
        yield _Leaf(key, node.value, node.start_mark.line + 1, _is_text(node))
    elif isinstance(node, yaml.CollectionNode) and key and not node.value:
        empty = "{}" if isinstance(node, yaml.MappingNode) else "[]"
        yield _Leaf(key, empty, node.start_mark.line + 1, is_text=False)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, path_of(path, f"{key.value}"))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _leaves(value, f"{path}[{index}]")


def _is_text(node: yaml.ScalarNode) -> bool:
    """Return True for a text in quotes, and for one without them that is no value of another type."""
    return node.style is not None or (
        node.tag == yaml_tree.STRING and not yaml_tree.NOT_TEXT.fullmatch(node.value)
    )


def _value(values: SettingValues, key: str) -> str | None:
    return values[key][0] if key in values else None


def _without_masks(text: str | None) -> str | None:
    return text and text.replace(MASK, HIDDEN).replace(LATER, HIDDEN)


def _changed_within(setting: ValuePair, old: str, new: str | None) -> bool:
    """Return True if the setting's change, applied to the property's old value, gives the new value."""
    before, after = setting
    if not before or not after or len(before) <= SHORT_VALUE:
        return False
    return before in old and old.replace(before, after) == new


def _identifies(value: str | None) -> bool:
    if not value or len(value) <= SHORT_VALUE or COMMON_NUMBER.fullmatch(value):
        return False
    return value.lower() not in COMMON_VALUES


def _last_name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0].lower()


def _choose(keys: list[str], path: str, component: str) -> str:
    """Return the only key, else the only one with the property's name, else the only one of the component.

    Return an empty string if none of these exists.
    """
    same_name = [key for key in keys if _last_name(key) == _last_name(path)]
    same_topic = [key for key in keys if component and component in key.partition(".")[0]]
    for candidates in (keys, same_name, same_topic):
        if len(candidates) == 1:
            return candidates[0]
    return ""

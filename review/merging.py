"""Merging of equal entries about several stacks, whose names and accounts are replaced for the comparison."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from review import model
from review.model import Change, Property
from review.plain_data import is_list
from review.stacks.properties import CHECKSUMS
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK

ItemT = TypeVar("ItemT", bound=model.Item)

PLACEHOLDER = re.compile(r"<(?:stack|account)(?=\u200b*>)")
"""Pattern of the words that replace a stack's name and account, without their last character."""

MARKS = rf"{re.escape(MASK)}|{re.escape(LATER)}|\((?:not )?secret\)\Z"
"""Pattern of the report's own words in values, in which no name of a stack is replaced."""

TEXTS = frozenset(
    {"name", "former_name", "key", "parents", "component", "upstream", "dependents", "message", "remediation"}
    | {"waiver", "path", "before", "after", "folded", "sources"}
)
"""Fields that may name a stack. The others have words of the report, such as `new`, or names of files."""


class Merging:
    """Replaces the names and accounts of stacks in strings, and merges entries that are equal then.

    `mask` masks the secrets in a string before: nobody would find a secret in which a name is replaced.
    """

    def __init__(self, stacks: Sequence[Stack], mask: Callable[[str], str] = str) -> None:
        self._replacing = {stack.name: _replacing(stack, mask) for stack in stacks}
        self._mask = mask

    def without_stack(self, text: str, stack: str) -> str:
        """Mask secrets, and replace a stack's name by `<stack>` and its own account in an ARN by `<account>`.

        The name is replaced where it is a whole word, except in the name of a stack file and in the report's
        own words for values that it does not show, which a stack may have as its name. The ARN of another
        account stays as it is, since it decides who has access. A text that has such a placeholder already
        gets an invisible character in it, which a report shows as an escape.
        """
        return self._replacing[stack](text)

    def merge(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """Yield each item once, with all its stacks; with several stacks, `<stack>` replaces their names.

        Equal items of one stack are not merged: two components may contain resources of the same name.
        """
        groups: dict[tuple[str, int], list[ItemT]] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for item in items:
            comparable = self._comparable(item)
            number = counts[item.stacks[0], comparable]
            counts[item.stacks[0], comparable] += 1
            groups.setdefault((comparable, number), []).append(item)
        for group in groups.values():
            first = group[0]
            change = self._replacing[first.stacks[0]] if len(group) > 1 else self._mark
            merged: ItemT = _change_texts(first, change)
            if isinstance(merged, Change):
                merged = replace(merged, properties=self._with_all_values(merged, group))
            yield replace(merged, stacks=[item.stacks[0] for item in group])

    def _with_all_values(self, merged: Change, group: Sequence[model.Item]) -> list[Property]:
        """Return the properties of a change, with the values of each stack that were not compared."""
        changes = [item for item in group if isinstance(item, Change)]
        properties: list[Property] = []
        for index, shown in enumerate(merged.properties):
            for side in ("before", "after"):
                values = {item.stacks[0]: getattr(item.properties[index], side) for item in changes}
                if _comparable_property(shown) != shown and len({*values.values()}) > 1:
                    texts = {
                        stack: model.ABSENT if value is None else value for stack, value in values.items()
                    }
                    text = ", ".join(f"{stack}: {value}" for stack, value in texts.items())
                    shown = replace(shown, **{side: self._mark(text)})
            properties.append(shown)
        return properties

    def _mark(self, text: str) -> str:
        return _mark_placeholders(self._mask(text))

    def _comparable(self, item: model.Item) -> str:
        """Return a string that is equal for items to be merged.

        It omits the values of checksums, and old values in place of which only the deployment has a new one.
        """
        item = _change_texts(item, self._replacing[item.stacks[0]])
        if isinstance(item, Change):
            item = replace(item, properties=[*map(_comparable_property, item.properties)])
        return repr(replace(item, stacks=[]))


def _change_texts(value: Any, change: Callable[[str], str], name: str = "") -> Any:
    """Return a copy of an entry in which `change` is applied to the texts that may name a stack."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {key: _change_texts(member, change, key) for key, member in vars(value).items()}
        return dataclasses.replace(value, **members)
    if is_list(value):
        return [_change_texts(item, change, name) for item in value]
    if not isinstance(value, str):
        return value
    return change(value) if name in TEXTS else _mark_placeholders(value)


def _comparable_property(changed: Property) -> Property:
    if changed.folded == CHECKSUMS:
        return replace(changed, before="", after="", setting=None)
    if changed.folded and changed.after == LATER:
        return replace(changed, before="", setting=None)
    return changed


def _mark_placeholders(text: str) -> str:
    """Return a text that equals no text with a placeholder of the report."""
    return PLACEHOLDER.sub(lambda placeholder: f"{placeholder[0]}\u200b", text)


def _replacing(stack: Stack, mask: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that masks secrets in a string and replaces a stack's name and account."""
    name = re.escape(stack.name.rpartition("/")[2])
    names = re.compile(rf"{MARKS}|(?<![A-Za-z0-9])({name})(?![A-Za-z0-9]|\.yaml)")
    account = stack.file.account
    accounts = re.compile(rf"(?<=:){re.escape(account)}(?=:)" if account else "(?!)")

    def change(text: str) -> str:
        text = names.sub(lambda match: "<stack>" if match[1] else match[0], _mark_placeholders(mask(text)))
        return accounts.sub("<account>", text)

    return change

"""Values of properties in parts: the scalars in a value, and the parts in which two values differ."""

import difflib
import json
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from review.model import LONGEST_DIFFERENCE
from review.plain_data import (
    as_text,
    as_texts,
    is_equal,
    is_list,
    is_map,
    map_texts,
    mark_nulls,
    mark_own,
    path_of,
    quote_name,
)
from review.values.list_items import is_permutation, is_reordered, pair_items
from review.values.secret_marks import marks_in, without_marks
from review.values.value_paths import Paths
from sandbox.summary import LATER, MASK
from sandbox.wire.values import unique_members

LONG_LIST = 200
"""Number of characters above which the items of a new list, or of an object with one, are parts."""

ORDER, ORDER_OF_KEYS = "order", "[order of keys]"
"""Names for the order of a list, and of an object in a text, in a path. No key has brackets there."""


class Part(NamedTuple):
    """A value that changes, or the order of a list (`is_order`), which has no meaning in a set (`is_set`).

    `are_lines` is True for lines of a text.
    """

    paths: Paths
    before: Any
    after: Any
    is_order: bool = False
    is_set: bool = False
    are_lines: bool = False

    @property
    def texts(self) -> tuple[str | None, str | None]:
        """The values as a report shows them."""
        return (self.before, self.after) if self.are_lines else as_texts(self.before, self.after)

    @property
    def path(self) -> str:
        """The path that a report shows."""
        return self.paths.shown


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each scalar, empty object or empty list in a value."""
    if is_map(value) and value:
        for key, member in value.items():
            yield from leaves(path_of(path, key), member)
    elif is_list(value) and value:
        for index, item in enumerate(value):
            yield from leaves(f"{path}[{index}]", item)
    else:
        yield path, value


def compact(path: str, value: Any, apart: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a new value that a report shows, with their paths.

    Short objects and lists are one part. What is at the paths in `apart` is a part of its own, and so is the
    only scalar in an object. A long text with a JSON document is split.
    """
    text = as_text(value) or ""
    has_own = any(other != path and other.startswith(path) for other in apart)
    longest = LONGEST_DIFFERENCE if _is_record(value) else LONG_LIST
    if _has_members(value) and value and (has_own or len(text) > longest or _has_one_leaf(value)):
        members = (
            ((path_of(path, key), member) for key, member in value.items())
            if is_map(value)
            else ((f"{path}[{index}]", item) for index, item in enumerate(value))
        )
        for inner, member in members:
            yield from compact(inner, member, apart)
    elif len(text) > LONGEST_DIFFERENCE and (document := parse_json(value)):
        yield from ((f"{path} › {inner}", part) for inner, part in compact("", document))
    else:
        yield path, value


def _is_record(value: Any) -> bool:
    """Return True for an object without a list of objects, such as a statement of a policy, or labels."""
    return is_map(value) and not any(
        is_list(member) and any(map(_has_members, member)) for member in value.values()
    )


def _has_one_leaf(value: Any) -> bool:
    return len([*islice(leaves("", value), 2)]) == 1


def split(paths: Paths, before: Any, after: Any) -> Iterator[Part]:
    """Split a changed value into small parts: JSON by key, lists by item, text by line.

    None means that a side has no value; a null is NULL.

    In a list whose items move, a secret that looks the same on both sides is a part, too.
    """
    if is_equal(before, after) and not (paths.has_ordered_keys and as_text(before) != as_text(after)):
        if paths.old != paths.new:
            yield from _secrets(paths, before)
        return
    before_document, after_document = parse_json(before), parse_json(after)
    are_documents = before_document is not None and after_document is not None
    if are_documents and not is_equal(before_document, after_document):
        yield from split(paths.with_part(""), before_document, after_document)
    elif is_map(before) and is_map(after):
        yield from _split_objects(paths.of_document(before, after), before, after)
    elif is_list(before) and is_list(after) and not _is_only_known_later(before, after):
        yield from _split_lists(paths, before, after)
    elif "\n" in str(before) and "\n" in str(after):
        yield from line_differences(paths, str(before), str(after))
    elif before is None and len(as_text(after) or "") > LONGEST_DIFFERENCE and _has_members(after):
        yield from split(paths, type(after)(), after)
    elif before is None and len(as_text(after) or "") > LONGEST_DIFFERENCE and after_document:
        yield from split(paths.with_part(""), type(after_document)(), after_document)
    else:
        yield Part(paths, before, after)


def _has_members(value: Any) -> bool:
    return is_map(value) or is_list(value)


def _secrets(paths: Paths, value: Any) -> Iterator[Part]:
    """Yield the secrets in a value of a moved item: they may differ, although they look the same."""
    if MASK not in str(value):
        return
    shown, old, new = ([*leaves(path or "", value)] for path in (paths.shown, paths.old, paths.new))
    for (path, leaf), (old_path, _), (new_path, _) in zip(shown, old, new, strict=True):
        if MASK in str(leaf):
            yield Part(Paths(path, old_path, new_path, paths.common, is_exact=False), leaf, leaf)


def show_secrets(part: Part, *mark_secrets: Callable[[str], str]) -> Iterator[Part]:
    """Yield a part without marks, and a part for each masked secret in it whose change its texts do not show.

    `mark_secrets` are the functions that mask secrets in the texts of base and head, even if the program does
    not mark these as secrets. If one text has more secrets, none of them has a certain counterpart.
    """
    sides = part.before, part.after
    yield part._replace(before=without_marks(part.before), after=without_marks(part.after))
    if mark_secrets:
        sides = [map_texts(side, mark) for side, mark in zip(sides, mark_secrets, strict=True)]
    old, new = map(marks_in, sides)
    if not old or not new or is_equal(*map(without_marks, sides)):
        return
    if len(old) != len(new):
        yield Part(part.paths.with_part("secrets"), MASK, MASK)
        return
    for number, (before, after) in enumerate(zip(old, new, strict=True), 1):
        if before != after:
            place = f"secret {number} of {len(old)}" if len(old) > 1 else "secret"
            yield Part(part.paths.with_part(place), MASK, MASK)


def is_unknown(value: Any) -> bool:
    """Return True for an unknown value, or a list of them; the rest of another value may be the program's."""
    items: list[Any] = value if is_list(value) else [value]
    return bool(items) and all(item == LATER for item in items)


def _is_only_known_later(before: list[Any], after: list[Any]) -> bool:
    """Return True for lists of different lengths of which nothing but the length is known on one side."""
    return len(before) != len(after) and (is_unknown(before) or is_unknown(after))


def _split_objects(paths: Paths, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Part]:
    """Yield the differences between two objects: those of their members, and another order of the keys."""
    following = _following_keys(before, after) if paths.has_ordered_keys else {}
    for key in before | after:
        yield from split(paths.with_key(key, following.get(key, "")), before.get(key), after.get(key))
    common = [key for key in before if key in after], [key for key in after if key in before]
    if paths.has_ordered_keys and common[0] != common[1]:
        orders = (", ".join(map(quote_name, keys)) for keys in common)
        yield Part(paths.with_part(ORDER_OF_KEYS), *orders, is_order=True)


def _following_keys(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """Return, for each new key before a key that both objects have, the next such key in quotes."""
    following: dict[str, str] = {}
    common = ""
    for key in reversed(after):
        if key in before:
            common = quote_name(key)
        elif common:
            following[key] = common
    return following


def _split_lists(paths: Paths, before: list[Any], after: list[Any]) -> Iterator[Part]:
    """Yield the differences between two lists: those of their items, and another order of the same items."""
    is_set = paths.is_set
    if is_permutation(before, after) and (is_set or not any(map(_has_members, before))):
        yield Part(paths.with_part(ORDER), before, after, is_order=True, is_set=is_set)
        return
    pairs = pair_items(before, after, is_set=is_set)
    for pair in pairs:
        old, new = (
            None if index is None else side[index] for side, index in ((before, pair.old), (after, pair.new))
        )
        yield from split(paths.with_item(pair), old, new)
    if is_reordered(pairs) and not is_set:
        common = [pair for pair in pairs if pair.old is not None and pair.new is not None]
        labels = (
            [pair.label for pair in side] for side in (sorted(common, key=lambda pair: pair.old or 0), common)
        )
        yield Part(paths.with_part(ORDER), *map(", ".join, labels), is_order=True)


def line_differences(paths: Paths, before: str, after: str) -> Iterator[Part]:
    """Yield a part for each place at which lines differ, with the number of its first line.

    So a line that moves, or that is removed in one place and added in another, is two parts. Lines keep their
    indentation, which may decide to which block they belong.
    """
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        removed, added = old[start:end], new[new_start:new_end]
        place = f"line {new_start + 1}" if added else f"line {start + 1} of the base"
        yield Part(paths.with_part(place), _text_of(removed), _text_of(added), are_lines=True)


def _text_of(lines: list[str]) -> str | None:
    """Return lines as a text, with a line break for each if all are empty; None without a line."""
    return ("\n".join(lines) if any(lines) else "\n" * len(lines)) if lines else None


def parse_json(text: Any) -> Any:
    """Return the JSON document in a string, or None if the string is no JSON that all readers read alike.

    Which value of a repeated key counts depends on the reader, and so does the value of a number that Python
    would write with other digits. An escape of a surrogate without its other half is no character (RFC 8259,
    section 8.2), so no message could contain it. A document with very many levels counts as a text, too.
    White space around a document has no meaning.
    """
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(
            text,
            object_pairs_hook=unique_members,
            parse_int=partial(_number, int),
            parse_float=partial(_number, float),
            parse_constant=partial(_number, int),  # Only Python reads NaN and Infinity.
        )
        json.dumps(document, ensure_ascii=False).encode()  # ValueError for a surrogate in a key or a value
        # Escapes in JSON could spell the report's own words.
        return mark_nulls(map_texts(document, mark_own))
    except (ValueError, RecursionError):
        return None


def _number(kind: type[int | float], digits: str) -> int | float:
    """Return a number of a JSON document; raise ValueError if the number would be written in another way."""
    number = kind(digits)
    if str(number) != digits:
        raise ValueError(f"{digits} may be another number for another reader")
    return number

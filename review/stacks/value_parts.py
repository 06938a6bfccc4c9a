"""Values of properties in parts: the scalars in a value, and the parts in which two values differ."""

import difflib
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from review.plain_data import is_equal, is_list, is_map, map_texts, mark_own, path_of

EMPTY_LINE = "⏎"
"""Sign for an empty line."""

Part = tuple[str, Any, Any]
"""Path with its old and new value."""


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


def split(path: str, before: Any, after: Any) -> Iterator[Part]:
    """Split a changed value into small parts: JSON by key, lists by item, text by line."""
    if is_equal(before, after):
        return
    before_document, after_document = parse_json(before), parse_json(after)
    if before_document and after_document:
        yield from split(f"{path} › ", before_document, after_document)
    elif is_map(before) and is_map(after):
        for key in before | after:
            key_path = path_of(path, key).replace(" › .", " › ")
            nulls = [key in side and side[key] is None for side in (before, after)]
            if any(nulls) and not all(nulls):
                old, new = (
                    "null" if is_null else side.get(key)
                    for side, is_null in zip((before, after), nulls, strict=True)
                )
                yield key_path, old, new
            else:
                yield from split(key_path, before.get(key), after.get(key))
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for index, (old_item, new_item) in enumerate(zip(before, after, strict=True)):
            yield from split(f"{path}[{index}]", old_item, new_item)
    elif is_list(before) and is_list(after) and _is_flat(before) and _is_flat(after):
        yield path, *_list_difference(before, after)
    elif "\n" in str(before) and "\n" in str(after):
        yield from _line_differences(path, str(before), str(after))
    else:
        yield path, before, after


def _is_flat(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _list_difference(before: list[Any], after: list[Any]) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the removed and the added items of a list, or the whole lists if other items move, too."""
    old, new = ([json.dumps(item) for item in items] for items in (before, after))
    if [item for item in old if item in new] != [item for item in new if item in old]:
        return before, after
    removed = [value for item, value in zip(old, before, strict=True) if item not in new]
    added = [value for item, value in zip(new, after, strict=True) if item not in old]
    return removed or None, added or None


def _line_differences(path: str, before: str, after: str) -> Iterator[Part]:
    """Yield a part for each place at which lines differ, with the number of its first line.

    So a line that moves, or that is removed in one place and added in another, is two parts. Lines are
    without their common indentation.
    """
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        lines = textwrap.dedent("\n".join([*old[start:end], *new[new_start:new_end]])).split("\n")
        removed, added = lines[: end - start], lines[end - start :]
        place = f"line {new_start + 1}" if added else f"line {start + 1} of the base"
        yield f"{path} › {place}", _text_of(removed), _text_of(added)


def _text_of(lines: list[str]) -> str | None:
    """Return lines as a text, with a sign for each if all are empty; None without a line."""
    text = "\n".join(lines)
    return (text if text.strip() else EMPTY_LINE * len(lines)) if lines else None


def parse_json(text: Any) -> Any:
    """Return the JSON document in a string, or None if the string is not JSON or repeats a key.

    Which value of a repeated key counts depends on the reader, so only the text shows all values. A document
    with very many levels counts as a text, too.
    """
    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return None
    try:
        # Escapes in JSON could spell the report's own words.
        return map_texts(json.loads(text, object_pairs_hook=_unique), mark_own)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with these members; raise ValueError if a key is repeated."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key is repeated")
    return members

"""What changes in a resource, property by property, with the noise marked as such."""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from review.masks import MASK, UNKNOWN_TEXT, is_list, is_map
from review.model import Property
from review.observed import Step
from review.settings import StackFile, plain

ORDERED = frozenset({"command", "args", "containers", "initContainers", "rules", "env"})
"""Lists whose order means something."""

CHECKSUM = re.compile(r"\S*(checksum|hash|sha)\S* [0-9a-f]{6,64} [0-9a-f]{6,64}")
"""A property that only says that something else changed."""

MISSING: Any = object()
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')

Pair = tuple[Any, Any]


def properties(step: Step, follows: Callable[[str], str], file: StackFile, near: str) -> list[Property]:
    """The properties of an update or replacement; `follows` names the changed resource one comes from."""
    if step.old is None or step.new is None:
        return []
    old, new = step.old.inputs, step.new.inputs
    found: dict[str, Property] = {}
    for path in step.diff or step.forced_by:
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        source = follows(top(path))
        for place, (before, after) in _parts(path, value_at(old, path), value_at(new, path)):
            folded = f"follows from {source}" if source and before != MASK else ""
            if not folded and not forces and CHECKSUM.fullmatch(f"{place} {before} {after}"):
                folded = "checksums"
            if not folded and _reordered(place, old, new):
                place, folded = place.rpartition("[")[0], "order only"
            kind = "add" if before is MISSING else "remove" if after is MISSING else "change"
            old_text, new_text = (None if each is MISSING else plain(each) for each in (before, after))
            setting = None if folded else file.origin(place, old_text, new_text, near)
            found[place] = Property(place, kind, old_text, new_text, forces, folded, setting)
    return list(found.values())


def top(path: str) -> str:
    """The first name of a path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def value_at(value: Any, path: str) -> Any:
    """The value at a path as the engine writes it; MISSING where there is none."""
    for key, index, name in _STEP.findall(path):
        if value == MASK:
            return MASK
        if is_list(value) and index and int(index) < len(value):
            value = value[int(index)]
        elif is_map(value) and (name or key) in value:
            value = value[name or key]
        else:
            return MISSING
    return value


def _parts(path: str, before: Any, after: Any) -> Iterator[tuple[str, Pair]]:
    """A changed value in parts that a reader can take in: JSON by its keys, long text by its lines."""
    documents = _json(before), _json(after)
    if all(map(_nested, documents)):
        yield from ((f"{path} › {inner}", pair) for inner, pair in _compare(*documents, ""))
    elif (is_map(before) and is_map(after)) or (is_list(before) and is_list(after)):
        yield from (
            (f"{path}{'' if inner[0] == '[' else '.'}{inner}", pair)
            for inner, pair in _compare(before, after, "")
        )
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before and "\n" in after:
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
        gone, come = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        yield f"{path} › lines", (gone or MISSING, come or MISSING)
    else:
        yield path, (before, after)


def _compare(before: Any, after: Any, path: str) -> Iterator[tuple[str, Pair]]:
    if is_map(before) and is_map(after):
        for key in before | after:
            yield from _compare(
                before.get(key, MISSING), after.get(key, MISSING), f"{path}.{key}".lstrip(".")
            )
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _compare(one, other, f"{path}[{index}]")
    elif is_list(before) and is_list(after) and path and not any(map(_nested, before + after)):
        gone, come = (
            [each for each in one if each not in other] for one, other in ((before, after), (after, before))
        )
        yield path, (gone or MISSING, come or MISSING) if gone or come else (before, after)
    elif before != after:
        yield path or "[0]", (before, after)


def _nested(value: Any) -> bool:
    return is_map(value) or is_list(value)


def _reordered(path: str, old: Any, new: Any) -> bool:
    """Whether an element changes of a list that holds the same as before."""
    parent = path.rpartition("[")[0]
    lists = [value_at(side, parent) for side in (old, new)] if path.endswith("]") and parent else []
    if not lists or not all(isinstance(each, list) for each in lists) or parent.rpartition(".")[2] in ORDERED:
        return False
    one, other = (sorted(json.dumps(item, sort_keys=True) for item in each) for each in lists)
    return one == other and UNKNOWN_TEXT not in str(other)


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) and text[:1] in ("{", "[") else None
    except ValueError:
        return None

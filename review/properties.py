"""What changes in a resource, property by property, with the noise marked as such."""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from review.masks import is_list, is_map
from review.model import Property
from review.observed import Step
from review.settings import StackFile, plain
from sandbox.summary import LATER, MASK

# Lists whose order means something.
ORDERED = frozenset({"command", "args", "containers", "initContainers", "rules", "env"})
# A property that only says that something else changed.
CHECKSUM = re.compile(r"\S*(checksum|hash|sha)\S* [0-9a-f]{6,64} [0-9a-f]{6,64}")
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


def properties(step: Step, follows: Callable[[str], str], file: StackFile, near: str) -> list[Property]:
    """The properties of an update or replacement; `follows` names the changed resources one comes from."""
    if step.old is None or step.new is None:
        return []
    sides = step.old.inputs, step.new.inputs
    found: dict[str, Property] = {}
    for path in step.diff or step.forced_by:
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        source, before, after = follows(path), *(value_at(side, path) for side in sides)
        for place, one, other in [*_parts(path, before, after)] or [(path, before, after)]:
            folded = f"follows from {source}" if source and one != MASK else ""
            folded = f"forces the replacement, {folded}" if folded and forces else folded
            if not folded and not forces and CHECKSUM.fullmatch(f"{place} {one} {other}"):
                folded = "checksums"
            if not folded and _reordered(place, *sides):
                place, folded = place.rpartition("[")[0], "order only"
            old, new = plain(one), plain(other)
            setting = None if folded else file.origin(place, old, new, near)
            found[place] = Property(place, old, new, forces, folded, setting)
    return list(found.values())


def value_at(value: Any, path: str) -> Any:
    """The value at a path as the engine writes it; None where there is none."""
    for key, index, name in _STEP.findall(path):
        if value == MASK:
            return MASK
        if is_list(value) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            value = value.get(name or key) if is_map(value) else None
    return value


def _parts(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """A changed value in parts that a reader can take in: JSON by its keys, long text by its lines."""
    documents = _json(before), _json(after)
    if documents[0] and documents[1]:
        yield from _parts(f"{path} › ", *documents)
    elif is_map(before) and is_map(after):
        for key in before | after:
            yield from _parts(f"{path}.{key}".replace(" › .", " › "), before.get(key), after.get(key))
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _parts(f"{path}[{index}]", one, other)
    elif is_list(before) and is_list(after) and not {dict, list} & {*map(type, before + after)}:
        gone = [each for each in before if each not in after]
        come = [each for each in after if each not in before]
        yield path, gone or None if come or gone else before, come or None if come or gone else after
    elif "\n" in str(before) and "\n" in str(after):
        lines = [*difflib.unified_diff(str(before).splitlines(), str(after).splitlines(), n=0)][2:]
        gone, come = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        yield f"{path} › lines", gone or None, come or None
    elif before != after:
        yield path, before, after


def _json(text: Any) -> Any:
    """What a text of JSON holds, if that is an object or a list."""
    try:
        return json.loads(text) if isinstance(text, str) and text[:1] in ("{", "[") else None
    except ValueError:
        return None


def _reordered(path: str, old: Any, new: Any) -> bool:
    """Whether an element changes of a list that holds the same as before."""
    parent = path.rpartition("[")[0]
    lists = [value_at(side, parent) for side in (old, new)] if path.endswith("]") else []
    if not lists or not all(map(is_list, lists)) or parent.rpartition(".")[2] in ORDERED:
        return False
    one, other = (sorted(json.dumps(item, sort_keys=True) for item in each) for each in lists)
    return one == other and LATER not in str(other)

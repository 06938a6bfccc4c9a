"""What changes in a resource, property by property, with the noise marked as such."""

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from review.engine_run import Stack, Step
from review.model import Property, listed, title
from review.plain_data import is_list, is_map, plain, value_at
from sandbox.summary import LATER, MASK

ORDERED = frozenset({"command", "args", "containers", "initContainers", "rules", "env"})  # order matters
CHECKSUM = re.compile(r"\S*(checksum|hash|sha)\S* [0-9a-f]{6,64} [0-9a-f]{6,64}")  # of what else changed


def properties(step: Step, stack: Stack) -> list[Property]:
    """The properties of an update or replacement."""
    if step.old is None or step.new is None:
        return []
    sides = step.old.inputs, step.new.inputs
    found: dict[str, Property] = {}
    for path in step.diff or step.forced_by:
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        sources = [title(each.resource) for each in stack.sources(step, path) if each.op != "update"]
        source, before, after = listed(sources, 3), *(value_at(side, path) for side in sides)
        for place, one, other in [*_parts(path, before, after)] or [(path, before, after)]:
            folded = f"follows from {source}" if source and one != MASK else ""
            folded = f"forces the replacement, {folded}" if folded and forces else folded
            if not folded and not forces and CHECKSUM.fullmatch(f"{place} {one} {other}"):
                folded = "checksums"
            if not folded and _reordered(place, *sides):
                place, folded = place.rpartition("[")[0], "order only"
            old, new = plain(one), plain(other)
            setting = stack.file.origin(place, old, new, stack.component(step.resource.urn))
            found[place] = Property(place, old, new, forces, folded, setting)
    return list(found.values())


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
    try:
        return json.loads(text) if isinstance(text, str) and text[:1] in ("{", "[") else None
    except ValueError:
        return None


def _reordered(path: str, old: Any, new: Any) -> bool:
    parent = path.rpartition("[")[0]
    lists = [value_at(side, parent) for side in (old, new)] if path.endswith("]") else []
    if not lists or not all(map(is_list, lists)) or parent.rpartition(".")[2] in ORDERED:
        return False
    one, other = (sorted(json.dumps(item, sort_keys=True) for item in each) for each in lists)
    return one == other and LATER not in str(other)

"""What changes in a resource, property by property, with the noise marked as such."""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from review.masks import MASK, UNKNOWN_TEXT, shown
from review.model import Property
from review.observed import Step
from review.settings import StackFile

ORDERED = frozenset({"command", "args", "containers", "initContainers", "rules", "env"})
"""Lists whose order means something, though their values are plain."""

MISSING = object()
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


def properties(step: Step, follows: Callable[[str], str], file: StackFile, near: str) -> list[Property]:
    """The properties of an update or a replacement; `follows` names the changed resource that one comes from."""
    if step.old is None or step.new is None:
        return []
    old, new = shown(step.old.inputs), shown(step.new.inputs)
    found: dict[str, Property] = {}
    for path in step.diff or dict.fromkeys(step.forced_by, "update"):
        forces = step.diff.get(path, "").endswith("replace") or path in step.forced_by
        top = re.split(r"[.\[]", path, maxsplit=1)[0]
        for place, before, after in _parts(path, value_at(old, path), value_at(new, path)):
            folded = "" if before == MASK else _noise(place, before, after, old, new, follows(top))
            if folded == "order only":
                place = _parent(place)
                before, after = value_at(old, place), value_at(new, place)
            setting = None if folded else file.origin(place, _or_none(before), _or_none(after), near)
            kind = "add" if before is MISSING else "remove" if after is MISSING else "change"
            found[place] = Property(place, kind, _text(before), _text(after), forces, folded, setting)
    return list(found.values())


def value_at(value: object, path: str) -> object:
    """The value at a path as the engine writes it; MISSING where there is none."""
    for key, index, name in _STEP.findall(path):
        if isinstance(value, list) and index and int(index) < len(cast(list[object], value)):
            value = cast(list[object], value)[int(index)]
        elif isinstance(value, dict) and (name or key) in value:
            value = cast(dict[str, object], value)[name or key]
        else:
            return MISSING
    return value


def _parts(path: str, before: object, after: object) -> Iterator[tuple[str, object, object]]:
    """A changed value in parts that a reader can take in: JSON by its keys, long text by its lines."""
    if isinstance(before, str) and isinstance(after, str):
        documents = _json(before), _json(after)
        if all(isinstance(each, dict | list) for each in documents):
            yield from ((f"{path} › {inner}", *pair) for inner, pair in _compare(*documents, ""))
            return
        if "\n" in before and "\n" in after:
            lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
            removed, added = (
                "\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+"
            )
            yield f"{path} › lines", removed or MISSING, added or MISSING
            return
    if isinstance(before, dict | list) and isinstance(after, type(before)):
        yield from (
            (f"{path}{'' if inner[0] == '[' else '.'}{inner}", *pair)
            for inner, pair in _compare(before, after, "")
        )
        return
    yield path, before, after


def _compare(before: Any, after: Any, path: str) -> Iterator[tuple[str, tuple[object, object]]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*cast(dict[str, Any], before), *cast(dict[str, Any], after)]):
            inner = f"{path}.{key}" if path else key
            yield from _compare(before.get(key, MISSING), after.get(key, MISSING), inner)
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(cast(list[Any], before)) == len(cast(list[Any], after))
    ):
        for index, (one, other) in enumerate(
            zip(cast(list[Any], before), cast(list[Any], after), strict=True)
        ):
            yield from _compare(one, other, f"{path}[{index}]")
    elif (
        isinstance(before, list) and isinstance(after, list) and path and _scalars(before) and _scalars(after)
    ):
        gone, come = (
            [each for each in one if each not in other] for one, other in ((before, after), (after, before))
        )
        yield path, (gone or MISSING, come or MISSING) if gone or come else (before, after)
    elif before != after:
        yield path or "[0]", (before, after)


def _scalars(value: list[Any]) -> bool:
    return not any(isinstance(each, dict | list) for each in value)


def _noise(path: str, before: object, after: object, old: object, new: object, source: str) -> str:
    if source and (after == UNKNOWN_TEXT or isinstance(after, str | list | dict)):
        return f"follows from {source}"
    parent = _parent(path)
    lists = value_at(old, parent), value_at(new, parent)
    if (
        parent != path
        and all(isinstance(each, list) for each in lists)
        and parent.rpartition(".")[2] not in ORDERED
    ):
        one, other = (
            sorted(json.dumps(item, sort_keys=True) for item in cast(list[Any], each)) for each in lists
        )
        if one == other:
            return "order only"
    return ""


def _parent(path: str) -> str:
    return path.rpartition("[")[0] if path.endswith("]") and not path.endswith('"]') else path


def _json(text: str) -> object:
    try:
        return json.loads(text) if text[:1] in "{[" else None
    except ValueError:
        return None


def _or_none(value: object) -> object:
    return None if value is MISSING else value


def _text(value: object) -> str | None:
    if value is MISSING:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

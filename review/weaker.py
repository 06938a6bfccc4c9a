"""Where prod is weaker than stg, and what a change makes different between stacks."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from review.masks import UNKNOWN_TEXT, is_map
from review.model import EXISTING, NEW, RULES, Finding
from review.observed import Resource, Step
from review.properties import value_at
from review.settings import StackFile, plain

WEAKER, APART = "prod-weaker-than-stg", "stacks-no-longer-the-same"
Named = Mapping[tuple[str, str], Resource]  # resources by type and name
Sides = tuple[Named | None, Named]  # a stack before and after; None where there is nothing to compare with


def weaker(prod: Sides, stg: Sides, file: StackFile) -> Iterator[Finding]:
    """What is weaker in prod than in stg, and whether the change made it so; `file` is prod's."""
    before = None if prod[0] is None or stg[0] is None else {*_weak(prod[0], stg[0])}
    for each in _weak(prod[1], stg[1]):
        (kind, name, path, value, message), one = each, prod[1].get((each[0], each[1]))
        new, old = before is not None and each not in before, prod[0].get(each[:2]) if prod[0] else None
        was = plain(value_at(old.inputs, path)) if old else None
        level, status = ("mandatory", NEW) if new else ("advisory", EXISTING)
        yield Finding(
            stacks=["prod"], type=kind, name=name, places=one.places if one else [], policy=WEAKER,
            level=level, status=status, blocks=new, message=message,
            setting=file.origin(path, was, value, name),
        )  # fmt: skip


def _weak(prod: Named, stg: Named) -> Iterator[tuple[str, str, str, str, str]]:
    """Type, name, property, its value in prod, and what is to be said."""
    for rule in RULES["strength"]:
        kind, path = rule["type"], rule.get("path", "")
        counts, where = [sum(each[0] == kind for each in side) for side in (prod, stg)], rule.get("where", {})
        if not path and counts[0] < counts[1]:
            said = f"{rule['what']}: {counts[0]} of {kind} in prod and {counts[1]} in stg"
            yield "", "the stack", "", "", said
        for name in (name for each, name in stg if path and each == kind
                     and where.items() <= stg[each, name].inputs.items()):  # fmt: skip
            pair = [side.get((kind, name)) for side in (prod, stg)]
            values = [value_at(each.inputs, path) if each else None for each in pair]
            weak = rule.get("absent") if values[0] is None else _measure(values[0])
            strong = _measure(values[1])
            if weak is not None and strong is not None and weak < strong:
                known = [str(size if is_map(each) else "absent" if each is None else plain(each))
                         for each, size in zip(values, (weak, strong), strict=True)]  # fmt: skip
                said = f"{rule['what']}: {path} is {known[0]} in prod and {known[1]} in stg"
                yield kind, name, path, known[0], said


def _measure(value: Any) -> float | None:
    """How strong a value is: a number, or the oldest TLS version that a server's configuration allows."""
    lines = re.findall(r"ssl_protocols([^;]*);", str(value))
    if versions := re.findall(r"TLSv(1(?:\.\d)?)", " ".join(lines)):
        return min(map(float, versions))
    number = isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value))
    return float(value) if number else None


def apart(stacks: Mapping[str, Sides], steps: Iterable[Step],
          neutral: Callable[[str, str], str]) -> Iterator[Finding]:  # fmt: skip
    """Resources and properties that were the same in two stacks, and are no longer."""
    # Of what comes or goes, whether it is there.
    paths = {(step.resource.key, path): step for step in steps
             for path in (step.diff if step.op in ("update", "replace") else ("",))}  # fmt: skip
    for key, path in sorted(paths):
        said: dict[str, list[str]] = {}
        for stack, sides in stacks.items():
            ones = [side.get(key) for side in sides if side is not None]
            texts = [plain(value_at(each.inputs, path)) or "(absent)" if each and path else
                     f"{'' if each else 'not '}there" for each in ones]  # fmt: skip
            if len(ones) == 2 and (not path or all(ones)):
                said[stack] = [neutral(text, stack) for text in texts]
        known = [(stack, *values) for stack, values in said.items() if UNKNOWN_TEXT not in "".join(values)]
        if any(one[1] == two[1] and one[2] != two[2] for one, two in combinations(known, 2)):
            told = ", ".join(f"{after} in {stack}" for stack, _, after in known)
            yield Finding(
                stacks=[each[0] for each in known], type=key[0], name=key[1], places=paths[key, path].places,
                policy=APART, message=f"{path or 'it'} is {told}",
            )  # fmt: skip

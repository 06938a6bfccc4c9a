"""Where prod is weaker than stg, and what a change makes different between stacks."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from review.masks import is_map
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
        counts = [sum(each[0] == kind for each in side) for side in (prod, stg)]
        if not path and counts[0] < counts[1]:
            said = f"{rule['what']}: {counts[0]} of {kind} in prod and {counts[1]} in stg"
            yield "", "the stack", "", "", said
        for name in (name for each, name in stg if path and each == kind):
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
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def apart(
    stacks: Mapping[str, Sides], steps: Iterable[Step], neutral: Callable[[str, str], str]
) -> Iterator[Finding]:
    """Properties that were the same in all stacks that have the resource, and are no longer."""
    changed = [step for step in steps if step.op in ("update", "replace")]
    for *key, path in sorted({(*step.resource.key, path) for step in changed for path in step.diff}):
        kind, name = key
        pairs = {stack: (old[kind, name], new[kind, name]) for stack, (old, new) in stacks.items()
                 if old and (kind, name) in old and (kind, name) in new}  # fmt: skip
        before, after = ({stack: neutral(plain(value_at(pair[at].inputs, path)) or "(absent)", stack)
                          for stack, pair in pairs.items()} for at in (0, 1))  # fmt: skip
        if len(before) > 1 and len({*before.values()}) == 1 and len({*after.values()}) > 1:
            said = f"{path} is {', '.join(f'{value} in {stack}' for stack, value in after.items())}"
            places = next(iter(pairs.values()))[1].places
            yield Finding(
                stacks=[*after],
                type=kind,
                name=name,
                places=places,
                policy=APART,
                message=said,
            )

"""Where prod is weaker than stg, and what a change makes different between stacks."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from review.model import EXISTING, NEW, Difference, Weaker
from review.observed import Observed, Resource
from review.properties import MISSING, value_at
from review.risks import RULES, Graph

STRONG, LESS = "prod", "stg"
Resources = Mapping[str, Resource]


@dataclass(frozen=True)
class Both:
    """A stack's resources before and after; `before` is None where there is nothing to compare with."""

    before: Resources | None
    after: Resources


def weaker(stacks: Mapping[str, Both]) -> list[Weaker]:
    """What is weaker in prod than in stg, and whether the change made it so."""
    if STRONG not in stacks or LESS not in stacks:
        return []
    prod, stg = stacks[STRONG], stacks[LESS]
    compared = prod.before is not None and stg.before is not None
    before = set(_weak(prod.before or {}, stg.before or {}))
    found: list[Weaker] = []
    for what, kind, name, path, weak, strong in _weak(prod.after, stg.after):
        new = compared and (what, kind, name, path, weak, strong) not in before
        one = next((each for each in prod.after.values() if (each.type, each.name) == (kind, name)), None)
        component = Graph(prod.after).component(one.urn) if one else ""
        places = list(one.places) if one else []
        found.append(
            Weaker(
                what, component, kind, name, path, weak, strong, NEW if new else EXISTING, places, blocks=new
            )
        )
    return found


def _weak(prod: Resources, stg: Resources) -> Iterator[tuple[str, ...]]:
    ours, theirs = ({(each.type, each.name): each for each in side.values()} for side in (prod, stg))
    for rule in RULES["strength"]:
        what, kind, path = rule["what"], rule["type"], rule.get("path")
        if path is None:
            counts = [sum(each.type == kind for each in side.values()) for side in (prod, stg)]
            if counts[0] < counts[1]:
                yield what, kind, "the stack", f"count of {kind}", str(counts[0]), str(counts[1])
            continue
        for key in (key for key in theirs if key[0] == kind and key in ours):
            values = [_measure(value_at(side[key].inputs, path), rule.get("by")) for side in (ours, theirs)]
            if values[0] is not None and values[1] is not None and values[0] < values[1]:
                flag = path in ("multiAz", "deletionProtection")
                weak, strong = (str(bool(value)).lower() if flag else f"{value:g}" for value in values)
                yield what, kind, key[1], path, weak, strong


def _measure(value: Any, by: str | None) -> float | None:
    if by == "tls":
        lines = re.findall(r"ssl_protocols([^;]*);", str(value))
        return min(
            (float(each or "1.0") for line in lines for each in re.findall(r"TLSv(1(?:\.\d)?)", line)),
            default=None,
        )
    try:
        return float(value) if isinstance(value, bool | int | float | str) else None
    except ValueError:
        return None


def differences(
    stacks: Mapping[str, Both], seen: Mapping[str, Observed], text: Callable[[Any, str], str]
) -> list[Difference]:
    """Properties that were the same in all stacks that have the resource, and are no longer."""
    steps = [
        step for each in seen.values() for step in each.steps.values() if step.op in ("update", "replace")
    ]
    paths = {(step.resource.type, step.resource.name, path) for step in steps for path in step.diff}
    sides = {
        name: [{(each.type, each.name): each for each in side.values()} for side in (both.before, both.after)]
        for name, both in stacks.items()
        if both.before is not None
    }
    found: list[Difference] = []
    for kind, name, path in sorted(paths):
        has = {stack: pair for stack, pair in sides.items() if all((kind, name) in side for side in pair)}
        before, after = ({stack: _told(value_at(pair[index][kind, name].inputs, path), stack, text)
                          for stack, pair in has.items()} for index in (0, 1))  # fmt: skip
        if len(before) > 1 and len(set(before.values())) == 1 and len(set(after.values())) > 1:
            stack = next(iter(has))
            component = Graph(stacks[stack].after).component(has[stack][1][kind, name].urn)
            found.append(Difference(component, kind, name, path, after))
    return found


def _told(value: Any, stack: str, text: Callable[[Any, str], str]) -> str:
    return "(absent)" if value is MISSING else text(value, stack)

"""What a stack costs more or less a month, from the price table in docs/prices.yaml."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from review.model import Cost, CostLine
from review.observed import Resource, Step
from review.properties import MISSING, value_at
from review.risks import shown_inputs

FILE = Path(__file__).parents[1] / "docs" / "prices.yaml"
HOURS = 730.0
"""Hours of a month, as AWS's own calculator has them."""


@cache
def table() -> Mapping[str, Any]:
    return cast(Mapping[str, Any], yaml.safe_load(FILE.read_text()))


def source() -> str:
    """Where the prices are from."""
    dates = sorted(str(each["date"]) for each in table()["prices"])
    return (
        f"{FILE.name}: {table()['region']}, {dates[0]} to {dates[-1]}, {HOURS:g} hours a month, without tax"
    )


def cost(steps: Iterable[Step]) -> Cost | None:
    """The difference that changed resources make; None where nothing with a price changes."""
    lines: list[CostLine] = []
    unknown: list[str] = []
    for step in steps:
        old = step.old if step.op != "create" else None
        new = step.new if step.op != "delete" else None
        before, after = _parts(old), _parts(new)
        for part in sorted(before | after):
            one, other = before.get(part, 0.0), after.get(part, 0.0)
            if one is None or other is None:
                unknown.append(f"{step.resource.name}: {part}")
            elif one != other:
                lines.append(CostLine(step.resource.name, part, round(one, 2), round(other, 2)))
        unknown += _unknown(step, old, new, bool(before | after))
    if not lines and not unknown:
        return None
    total = sum((each.after or 0) - (each.before or 0) for each in lines)
    return Cost(round(total, 2), lines, sorted(set(unknown)))


def _parts(resource: Resource | None) -> dict[str, float | None]:
    """Dollars a month by part; None where the table has no price for what is asked for."""
    found: dict[str, float | None] = {}
    for price in table()["prices"] if resource else ():
        if resource is None or price["type"] != resource.type:
            continue
        inputs = shown_inputs(resource)
        if not all(value_at(inputs, path) == value for path, value in price.get("match", {}).items()):
            found.setdefault(price["part"], None)
            continue
        each = price["month"] if "month" in price else price["hour"] * HOURS
        found[price["part"]] = each * _count(inputs, price.get("times"))
    return found


def _count(inputs: Mapping[str, object], path: str | None) -> float:
    value = value_at(inputs, path) if path else 1
    if isinstance(value, list):
        return float(len(cast(list[object], value)))
    return float(value) if isinstance(value, int | float) else 1.0


def _unknown(step: Step, old: Resource | None, new: Resource | None, priced: bool) -> list[str]:
    entry = table()["unknown"].get(step.resource.type)
    if entry is None:
        free = priced or step.resource.type.startswith(tuple(table()["free"]))
        return [] if free else [f"{step.resource.name}: {step.resource.type} is not in the price table"]
    if old and new:
        pairs = (
            (value_at(shown_inputs(old), path), value_at(shown_inputs(new), path)) for path in entry["by"]
        )
        if not any(one != other and (one, other) != (MISSING, MISSING) for one, other in pairs):
            return []
    return [f"{step.resource.name}: {entry['what']}"]

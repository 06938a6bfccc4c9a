"""What a stack costs more or less a month, from the price table in docs/prices.yaml."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from review.masks import is_list
from review.model import Cost, CostLine
from review.observed import Resource, Step
from review.properties import value_at

FILE = Path(__file__).parents[1] / "docs" / "prices.yaml"
HOURS = 730.0  # hours of a month, as AWS's own calculator has them


@cache
def table() -> Mapping[str, Any]:
    """The price table."""
    return yaml.safe_load(FILE.read_text())


def source() -> str:
    """Where the prices are from."""
    dates = sorted(str(each["date"]) for each in table()["prices"])
    days = f"{dates[0]} to {dates[-1]}"
    return f"{FILE.name}: {table()['region']}, {days}, {HOURS:g} hours a month, without tax"


def cost(steps: Iterable[Step]) -> Cost | None:
    """The difference that changed resources make; None where nothing with a price changes."""
    lines: list[CostLine] = []
    unknown: set[str] = set()
    for step in steps:
        old, new = step.old if step.op != "create" else None, step.new if step.op != "delete" else None
        name, before, after = step.resource.name, _parts(old), _parts(new)
        for part in sorted(before | after):
            one, other = before.get(part, 0.0), after.get(part, 0.0)
            if one is None or other is None:
                unknown.add(f"{name}: {part}")
            elif one != other:
                lines.append(CostLine(name, part, round(one, 2), round(other, 2)))
        if not before | after and (said := _unknown(step.resource.type, old, new)):
            unknown.add(f"{name}: {said}")
    total = round(sum(each.after - each.before for each in lines), 2)
    found = Cost(total, sorted(lines, key=lambda each: (each.resource, each.what)), sorted(unknown))
    return found if lines or unknown else None


def _parts(resource: Resource | None) -> dict[str, float | None]:
    """Dollars a month by part; None where the table has no price for what is asked for."""
    found: dict[str, float | None] = {}
    for price in table()["prices"]:
        if resource and price["type"] == resource.type:
            fits = all(value_at(resource.inputs, at) == value for at, value in price.get("match", {}).items())
            times = value_at(resource.inputs, price["times"]) if "times" in price else 1
            number = len(times) if is_list(times) else times if isinstance(times, int | float) else None
            each = price["month"] if "month" in price else price["hour"] * HOURS
            if fits or price["part"] not in found:
                found[price["part"]] = each * number if fits and number is not None else None
    return found


def _unknown(kind: str, old: Resource | None, new: Resource | None) -> str:
    """What of a resource costs something that the table does not know; nothing if that stays as it is."""
    entry = table()["unknown"].get(kind)
    if entry is None:
        free = {kind, f"{kind.partition(':')[0]}:"} & {*table()["free"]}
        return "" if free else f"{kind} is not in the price table"
    sides = [[value_at(each.inputs, path) for path in entry["by"]] if each else None for each in (old, new)]
    return "" if sides[0] == sides[1] else entry["what"]

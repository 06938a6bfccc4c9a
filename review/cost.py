"""What a stack costs more or less a month, from the price table in docs/prices.yaml."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml

from review.engine_run import Resource, Step
from review.model import CostLine
from review.plain_data import is_list, value_at

FILE = Path(__file__).parents[1] / "docs" / "prices.yaml"
TABLE: Mapping[str, Any] = yaml.safe_load(FILE.read_text())
Costs = tuple[float, list[CostLine], list[str]]
HOURS = 730.0  # hours of a month, as AWS's own calculator has them


_DATES = sorted(str(each["date"]) for each in TABLE["prices"])
SOURCE = f"{FILE.name}: {TABLE['region']}, {_DATES[0]} to {_DATES[-1]}, {HOURS:g} hours a month, without tax"


def cost(steps: Iterable[Step]) -> Costs:
    """The difference that changed resources make, its parts, and what has no price in the table."""
    lines, unknown = list[CostLine](), set[str]()
    for step in steps:
        before = _parts(step.old if step.op != "create" else None)
        after = _parts(step.new if step.op != "delete" else None)
        for part in before | after:
            one, other = before.get(part, 0.0), after.get(part, 0.0)
            if isinstance(one, float) and isinstance(other, float) and one != other:
                lines.append(CostLine(step.resource.name, part, round(one, 2), round(other, 2)))
            elif one != other:
                unknown.add(f"{step.resource.name}: {part}")
    total = round(sum(each.after - each.before for each in lines), 2)
    return total, sorted(lines, key=attrgetter("resource", "what")), sorted(unknown)


def _parts(resource: Resource | None) -> dict[str, float | str]:
    """Dollars a month by part; where the table has no price, the inputs that it depends on."""
    found: dict[str, float | str] = {}
    if resource is None:
        return found
    for price in (each for each in TABLE["prices"] if each["type"] == resource.type):
        fits = all(value_at(resource.inputs, at) == value for at, value in price.get("match", {}).items())
        times = value_at(resource.inputs, price["times"]) if "times" in price else 1
        number = len(times) if is_list(times) else times if isinstance(times, int | float) else None
        each = price["month"] if "month" in price else price["hour"] * HOURS
        if fits or price["part"] not in found:
            known = fits and number is not None
            found[price["part"]] = float(each * number) if known else f"{resource.inputs}"
    if entry := TABLE["unknown"].get(resource.type):
        found[entry["what"]] = f"{[value_at(resource.inputs, path) for path in entry['by']]}"
    elif not found and not {resource.type, f"{resource.type.partition(':')[0]}:"} & {*TABLE["free"]}:
        found[f"{resource.type} is not in the price table"] = f"{resource.inputs}"
    return found

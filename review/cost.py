"""Monthly cost of a change, according to the price table in docs/prices.yaml."""

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml

from review.engine_run import Resource, Step
from review.model import CostLine
from review.plain_data import is_list, value_at

FILE = Path(__file__).parents[1] / "docs" / "prices.yaml"
TABLE: Mapping[str, Any] = yaml.load(FILE.read_text(), yaml.CSafeLoader)

HOURS = 730.0
"""Hours per month, as in the AWS Pricing Calculator."""

_DATES = sorted(str(price["date"]) for price in TABLE["prices"])
SOURCE = f"{FILE.name}: {TABLE['region']}, {_DATES[0]} to {_DATES[-1]}, {HOURS:g} hours a month, without tax"

Costs = tuple[float, list[CostLine], list[str]]
"""Difference in US dollars per month, its parts, and the parts without a price."""

PartCosts = dict[str, float | str]
"""US dollars per month by part; for a part without a price, a string that changes if the cost may change."""


def cost(steps: Iterable[Step]) -> Costs:
    """Return the cost difference of the changed resources, its parts, and the parts without a price."""
    lines, unpriced = list[CostLine](), set[str]()
    for step in steps:
        before = _part_costs(step.old) if step.op != "create" else {}
        after = _part_costs(step.new) if step.op != "delete" else {}
        for part in before | after:
            old, new = before.get(part, 0.0), after.get(part, 0.0)
            if old == new:
                continue
            if isinstance(old, float) and isinstance(new, float):
                lines.append(CostLine(step.resource.name, part, round(old, 2), round(new, 2)))
            else:
                unpriced.add(f"{step.resource.name}: {part}")
    total = round(sum(line.after - line.before for line in lines), 2)
    return total, sorted(lines, key=attrgetter("resource", "part")), sorted(unpriced)


def month(resource_type: str, inputs: Mapping[str, Any]) -> float | None:
    """Return the US dollars per month of a resource; None if a part depends on use or has no price."""
    resource = Resource({"urn": f"::{resource_type}", "type": resource_type, "inputs": dict(inputs)})
    parts = _part_costs(resource).values()
    return None if any(isinstance(part, str) for part in parts) else sum(map(float, parts))


def _part_costs(resource: Resource | None) -> PartCosts:
    if resource is None:
        return {}
    costs = _priced_parts(resource)
    if entry := TABLE["unknown"].get(resource.type):
        costs[entry["part"]] = f"{[value_at(resource.inputs, path) for path in entry['by']]}"
    elif not costs and not _is_free(resource.type):
        costs[f"{resource.type} is not in the price table"] = f"{resource.inputs}"
    return costs


def _priced_parts(resource: Resource) -> PartCosts:
    """Return the costs by part. A price that matches the resource's inputs precedes a general price."""
    costs: PartCosts = {}
    for price in _prices_of(resource.type):
        fits = all(value_at(resource.inputs, path) == value for path, value in price.get("match", {}).items())
        if not fits and price["part"] in costs:
            continue
        number = _number(price, resource)
        unit = price["month"] if "month" in price else price["hour"] * HOURS
        priced = fits and number is not None
        costs[price["part"]] = float(unit * number) if priced else f"{resource.inputs}"
    return costs


def _prices_of(resource_type: str) -> Iterator[Mapping[str, Any]]:
    return (price for price in TABLE["prices"] if price["type"] == resource_type)


def _number(price: Mapping[str, Any], resource: Resource) -> float | None:
    """Return the number of units of a price that a resource has, or None if it cannot be computed."""
    if "times" not in price:
        return 1
    value = value_at(resource.inputs, price["times"])
    if is_list(value):
        return len(value)
    return value if isinstance(value, int | float) else None


def _is_free(resource_type: str) -> bool:
    """Return True if the price table lists the resource type or its whole package as free."""
    package = resource_type.partition(":")[0]
    return resource_type in TABLE["free"] or f"{package}:" in TABLE["free"]

"""Estimate of a stack's monthly bill, and the comparison of two estimates."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from review.cost.aws_charges import AWS_CHARGES
from review.cost.charges import Charge, Context
from review.cost.nodes import job_sizes
from review.cost.price_table import HOME, TABLE, Price, PriceTable
from review.cost.priced_inputs import name_some
from review.cost.service_charges import NODES, SERVICE_CHARGES
from review.cost.usage import Usage, usage_of
from review.model import CostLine, StackCosts
from review.stacks.resources import Resource
from sandbox.progress import name_of

CHARGES = {**AWS_CHARGES, **SERVICE_CHARGES}
PROVIDER = "pulumi:providers:aws"
NOT_IN_TABLE = "a resource of type"

OTHER_INPUTS = "inputs that may change the price"

OTHER_JOBS = "nodes for jobs of another size or schedule"

QUALITY = {"old": "of 2025", "weak": "second-hand"}
"""Remarks about prices whose source is not a current list."""


@dataclass(frozen=True)
class Line:
    """A part of the bill; `month` is in US dollars, and None if the price is unknown in the region.

    `unpriced` has what decides on the cost of a part without a price. It can contain secret values.
    """

    type: str
    resource: str
    part: str
    month: float | None
    basis: str
    assumptions: tuple[str, ...] = ()
    unpriced: str = field(default="", repr=False)


def estimate(resources: Iterable[Resource], usage: Usage, table: PriceTable = TABLE) -> list[Line]:
    """Return the parts of the bill for resources. Resources without a price of their own have none."""
    everything = tuple(resources)
    regions = {
        resource.urn: str(resource.values["region"])
        for resource in everything
        if resource.type == PROVIDER and "region" in resource.values
    }
    return [line for resource in everything for line in _lines(resource, everything, regions, usage, table)]


def compare(
    stack: str, before: Collection[Resource] | None, after: Collection[Resource] | None
) -> StackCosts:
    """Return the costs of a stack in base and head; None stands for a side that is unknown."""
    usage = usage_of(stack)
    old, new = (None if side is None else estimate(side, usage) for side in (before, after))
    old_lines, new_lines = (_number(side or ()) for side in (old, new))
    lines = list[CostLine]()
    for key in old_lines | new_lines:
        line = new_lines.get(key) or old_lines[key]
        months = [
            None if side is None else lines_of[key].month if key in lines_of else 0.0
            for side, lines_of in ((old, old_lines), (new, new_lines))
        ]
        if months == [0.0, 0.0] and line.month == 0:
            continue
        rounded = [month if month is None else round(month, 2) for month in months]
        assumed = [*line.assumptions]
        lines.append(CostLine(line.resource, line.part, rounded[0], rounded[1], line.basis, assumed))
    jobs = _changed_jobs(before, after)
    if jobs:
        lines.append(CostLine(", ".join(jobs), "nodes for jobs", None, None, f"no price of {OTHER_JOBS}"))
    lines.sort(key=_importance)
    sums = [None if side is None else round(total(side), 2) for side in (old, new)]
    difference = None
    if old is not None and new is not None and _unpriced(old) == _unpriced(new) and not jobs:
        # The reader sees the rounded sums, so the difference is theirs.
        difference = round(round(total(new), 2) - round(total(old), 2), 2)
    return StackCosts(sums[0], sums[1], difference, lines)


def _changed_jobs(before: Collection[Resource] | None, after: Collection[Resource] | None) -> list[str]:
    """Return the names of the jobs that may need nodes for another time than before; of a new stack, none."""
    if not before or not after:
        return []
    old, new = job_sizes(before), job_sizes(after)
    return sorted({name_of(urn) for urn in old | new if old.get(urn) != new.get(urn)})


def _unpriced(lines: Iterable[Line]) -> list[tuple[object, ...]]:
    """Return the parts without a price, sorted, with what decides on the cost of each."""
    return sorted((*_key(line), line.unpriced) for line in lines if line.month is None)


def total(lines: Iterable[Line]) -> float:
    """Return the sum of the lines with a price, in US dollars per month."""
    return sum(line.month or 0.0 for line in lines)


def month(resource_type: str, inputs: Mapping[str, Any]) -> float | None:
    """Return the US dollars per month of a resource without further resources, at the default use.

    The result is None if a part of it has no price.
    """
    lines = estimate([resource_of(resource_type, "it", HOME, inputs)], usage_of(""))
    return None if any(line.month is None for line in lines) else total(lines)


def resource_of(resource_type: str, name: str, region: str, inputs: Mapping[str, Any]) -> Resource:
    """Return a resource with these inputs that no engine has evaluated, for tests and documents."""
    with_region = {"region": region, **inputs} if resource_type.startswith("aws:") else {**inputs}
    return Resource({"urn": f"::{name}", "type": resource_type, "custom": True, "inputs": with_region})


def _key(line: Line) -> tuple[str, str, str]:
    return line.type, line.resource, line.part


def _number(lines: Iterable[Line]) -> dict[tuple[object, ...], Line]:
    """Return lines by key and number, since resources of several components may have one name."""
    numbered, numbers = dict[tuple[object, ...], Line](), Counter[tuple[str, str, str]]()
    for line in lines:
        key = _key(line)
        numbered[*key, numbers[key]] = line
        numbers[key] += 1
    return numbered


def _importance(line: CostLine) -> tuple[bool, float, float, str, str]:
    """Return a sort key: an unknown change first, then the largest one, the largest cost, and the names."""
    before, after = line.before or 0.0, line.after or 0.0
    is_known = line.before == line.after or None not in (line.before, line.after)
    return is_known, -abs(after - before), -after, line.part, line.resource


def _region(resource: Resource, regions: Mapping[str, str]) -> str:
    """Return the region of a resource: its own, that of its provider, or the one of all stacks."""
    if region := resource.values.get("region"):
        return str(region)
    provider = str(resource.state.get("provider") or "").rpartition("::")[0]
    return regions.get(provider, HOME)


def _lines(
    resource: Resource,
    everything: tuple[Resource, ...],
    regions: Mapping[str, str],
    usage: Usage,
    table: PriceTable,
) -> Iterator[Line]:
    region = _region(resource, regions)
    for charge in _charges(resource, Context(everything, usage, region, table)):
        line = _line(resource, charge, region, usage, table)
        if line.month is None:
            line = replace(line, unpriced=_decisive(resource, region, charge, everything))
        part, basis = map(resource.hide_literals, (line.part, line.basis))
        yield replace(line, part=part, basis=basis)


def _charges(resource: Resource, context: Context) -> Iterator[Charge]:
    """Yield the charges of a resource, and one without a price if an input may change the price."""
    if of_type := CHARGES.get(resource.type):
        yield from of_type(resource, context)
    elif not context.table.is_free(resource.type):
        yield Charge(resource.type, f"{NOT_IN_TABLE} {resource.type}")
        return
    if others := context.table.inputs_of(resource.type).unpriced(resource.values):
        yield Charge(OTHER_INPUTS, f"{resource.type} with this {name_some(others)}")


def _line(resource: Resource, charge: Charge, region: str, usage: Usage, table: PriceTable) -> Line:
    line = Line(resource.type, resource.name, charge.part, 0.0, "")
    assumptions = tuple(usage.describe(field, resource.name) for field in charge.assumes)
    if not 0 < charge.quantity < math.inf:  # AWS refuses other quantities.
        return replace(line, basis=charge.detail, assumptions=assumptions)
    price = table.find(charge.price, region)
    if price is None:
        missing = f"no price of {charge.price} in {region}"
        return replace(line, month=None, basis=missing, assumptions=assumptions)
    month = charge.quantity * price.month
    return replace(line, month=month, basis=_basis(charge, price), assumptions=assumptions)


def _decisive(resource: Resource, region: str, charge: Charge, everything: tuple[Resource, ...]) -> str:
    """Return what decides on the cost of a charge without a price: any input of the resource may.

    For example, AWS bills the IOPS of an io2 disk. Unknown nodes depend on all pods of the stack.
    """
    decisive = everything if charge.price == NODES else (resource,)
    inputs = [(item.name, item.values) for item in decisive]
    return repr((charge.price, region, charge.quantity, inputs))


def _basis(charge: Charge, price: Price) -> str:
    """Return the calculation of a line: quantity and price, and a remark about the price's source."""
    quality = f"; price {QUALITY[price.trust]}" if price.trust in QUALITY else ""
    detail = f" ({charge.detail})" if charge.detail else ""
    return f"{charge.quantity:,.4g} × {price.usd:,.6g} USD per {price.unit}{detail}{quality}"


def is_known(resource_type: str, table: PriceTable = TABLE) -> bool:
    """Return True if a resource type has charges or is free."""
    return resource_type in CHARGES or table.is_free(resource_type)

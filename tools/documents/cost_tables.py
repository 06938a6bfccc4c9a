"""Tables of docs/cost.md and of its Japanese version, from the review's cost estimates."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic.alias_generators import to_camel

from review.plain_data import is_map

STACKS = ("dev", "stg", "prod")
ACCOUNTS = tuple(f"foundation/{stack}" for stack in (*STACKS, "shared"))
JAPANESE = Path(__file__).with_name("cost_texts_ja.yaml")

Texts = Mapping[str, str]
"""Translations by the English text."""

Translate = Callable[[str], str]
"""Function that translates an English text."""


@cache
def _estimates() -> Mapping[str, list[Any]]:
    """Return the lines of each stack's estimate, by the stack's name in the review."""
    from review.cost import estimate, usage

    # Imported here, since moto's copy of the AWS managed policies takes time to load.
    from tools.iam.recording import record_programs

    estimates: dict[str, list[Any]] = {}
    for program in record_programs():
        name = f"foundation/{program.stack}" if program.is_foundation else program.stack
        resources = [
            estimate.resource_of(resource.type, resource.name, resource.region, resource.inputs)
            for resource in program.resources
        ]
        estimates[name] = estimate.estimate(resources, usage.usage_of(name))
    return estimates


@cache
def japanese() -> Texts:
    """Return the Japanese translations by the English text."""
    return yaml.safe_load(JAPANESE.read_text())


def format_costs(stacks: tuple[str, ...], texts: Texts | None = None) -> str:
    """Format the estimates of stacks as one table, with a list of the parts without a price below it.

    Without `texts`, the result is English. Raises KeyError if `texts` lacks a translation.
    """
    translate = _translator(texts)
    sums: dict[str, dict[str, float]] = {}
    missing: dict[str, dict[str, None]] = {}
    for stack in stacks:
        for line in _estimates()[stack]:
            if line.month is None:
                missing.setdefault(line.part, {})[stack.rpartition("/")[2]] = None
            elif round(line.month, 2):
                row = sums.setdefault(line.part, dict.fromkeys(stacks, 0.0))
                row[stack] += line.month
    rows = _heading(translate("USD a month"), stacks)
    for part, row in sorted(sums.items(), key=lambda item: (-item[1][stacks[2]], item[0])):
        rows.append(f"| {translate(part)} | {' | '.join(f'{row[stack]:.2f}' for stack in stacks)} |")
    totals = [f"**{sum(row[stack] for row in sums.values()):.2f}**" for stack in stacks]
    rows.append(f"| **{translate('sum')}** | {' | '.join(totals)} |")
    if missing:
        rows += ["", translate("Not included, since no public source has their price in the region:"), ""]
        rows += [f"- {translate(part)} ({', '.join(of)})" for part, of in sorted(missing.items())]
    return "\n".join([*rows, "", *_source(translate)])


def format_usage(stacks: tuple[str, ...], texts: Texts | None = None) -> str:
    """Format the assumptions behind the stacks' estimates as a table; `texts` is as in `format_costs`."""
    from review.cost import usage

    translate = _translator(texts)
    used = {
        text.partition(": ")[2]
        for stack in stacks
        for line in _estimates()[stack]
        for text in line.assumptions
    }
    rows = _heading(translate("assumption"), stacks)
    for field, info in usage.Usage.model_fields.items():
        if info.description in used:
            values = [_format(getattr(usage.usage_of(stack), field)) for stack in stacks]
            meaning = translate(str(info.description))
            rows.append(f"| `{to_camel(field)}`: {meaning} | {' | '.join(values)} |")
    return "\n".join(rows)


def _translator(texts: Texts | None) -> Translate:
    return str if texts is None else texts.__getitem__


def _heading(first: str, stacks: tuple[str, ...]) -> list[str]:
    names = [stack.rpartition("/")[2] for stack in stacks]
    return [f"| {first} | {' | '.join(names)} |", "|---|" + "---:|" * len(stacks)]


def _source(translate: Translate) -> Iterator[str]:
    from review.cost import price_table

    yield f"{translate('Source')}: {price_table.SOURCE.replace('without tax', translate('without tax'))}"


def _format(value: Any) -> str:
    if is_map(value):
        return ", ".join(f"{name} {amount:g}" for name, amount in value.items())
    return value if isinstance(value, str) else format(value, "g")

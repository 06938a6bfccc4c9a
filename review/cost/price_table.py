"""Prices with their sources, the inputs that they hold for, and types without a price, from prices.yaml."""

import datetime
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, Field

from review.cost.priced_inputs import STRICT, PricedInputs

FILE = Path(__file__).with_name("prices.yaml")
HOME, EVERYWHERE = "ap-northeast-1", "global"
HOURS = 730.0
"""Hours per month, as in the AWS Pricing Calculator."""

Trust = Literal["confirmed", "single", "old", "weak"]
"""Quality of a price's source; prices.yaml explains the values."""


class Price(BaseModel):
    """Price of a unit in a region, in US dollars without tax. `date` is None if the source has no date."""

    model_config = STRICT

    name: str
    region: str
    unit: str
    usd: float = Field(ge=0)
    source: str = Field(min_length=1)
    date: datetime.date | None = None
    trust: Trust

    @property
    def month(self) -> float:
        """The price of a unit for a month, in US dollars."""
        return self.usd * HOURS if self.unit == "hour" else self.usd


class PricedTypes(PricedInputs):
    """Resource types with charges, and the inputs for which these are right."""

    types: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = ()


class FreeTypes(PricedInputs):
    """Resource types, or packages with a colon at their end, that cost nothing, with reason and source."""

    reason: str = Field(min_length=1)
    source: str = Field(pattern=r"^https://")
    types: tuple[str, ...] = Field(min_length=1)


class PriceTable(BaseModel):
    """Table of prices, of the inputs that they hold for, and of types without a price.

    `common` has the inputs that change no price in any type of a package, and `pod` those of a pod.
    """

    model_config = STRICT

    prices: tuple[Price, ...]
    common: Mapping[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    pod: PricedInputs = PricedInputs()
    priced: tuple[PricedTypes, ...] = ()
    free: tuple[FreeTypes, ...]

    def find(self, name: str, region: str) -> Price | None:
        """Return the price of a thing in a region; None if the table does not have it."""
        for price in self.prices:
            if price.name == name and price.region in (region, EVERYWHERE):
                return price
        return None

    def is_free(self, resource_type: str) -> bool:
        """Return True if the table lists the resource type, or its whole package, as free."""
        return any(name in _names(resource_type) for group in self.free for name in group.types)

    def inputs_of(self, resource_type: str) -> PricedInputs:
        """Return the inputs for which the price of a type holds; of a type that the table lacks, none."""
        tables = (self._by_type[name] for name in _names(resource_type) if name in self._by_type)
        return next(tables, PricedInputs())

    @cached_property
    def _by_type(self) -> dict[str, PricedInputs]:
        """The inputs of each type or package, with those of its package and of its pod."""
        return {
            name: self._complete(group, name) for group in (*self.priced, *self.free) for name in group.types
        }

    def _complete(self, group: PricedInputs, name: str) -> PricedInputs:
        common = PricedInputs(neutral=self.common.get(name.partition(":")[0], ()))
        pods = [self.pod.below(group.pod)] if group.pod else []
        return group.joined(common, *pods)


def _names(resource_type: str) -> tuple[str, str]:
    """Return the names under which the table may have a type: its own, and that of its package."""
    return resource_type, f"{resource_type.partition(':')[0]}:"


def load(file: Path = FILE) -> PriceTable:
    """Read a price table; raise pydantic.ValidationError if it is invalid."""
    return PriceTable.model_validate(yaml.load(file.read_text(), yaml.CSafeLoader))


TABLE = load()

_DATES = sorted(price.date for price in TABLE.prices if price.date)
SOURCE = f"{FILE.name}: {_DATES[0]} to {_DATES[-1]}, {HOURS:g} hours a month, without tax"
"""Age of the prices and the conventions of an estimate."""


def key_month() -> float:
    """Return the price of a KMS key per month, in US dollars."""
    price = TABLE.find("key", HOME)
    assert price is not None, f"{FILE.name} lacks the price of a key"
    return price.month

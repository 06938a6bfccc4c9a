"""Prices with their sources, and the resource types without a price, from prices.yaml."""

import datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_name("prices.yaml")
HOME, EVERYWHERE = "ap-northeast-1", "global"
HOURS = 730.0
"""Hours per month, as in the AWS Pricing Calculator."""

Trust = Literal["confirmed", "single", "old", "weak"]
"""Quality of a price's source; prices.yaml explains the values."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Price(BaseModel):
    """Price of a unit in a region, in US dollars without tax. `date` is None if the source has no date."""

    model_config = _STRICT

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


class FreeTypes(BaseModel):
    """Resource types, or packages with a colon at their end, that cost nothing, with reason and source."""

    model_config = _STRICT

    reason: str = Field(min_length=1)
    source: str = Field(pattern=r"^https://")
    types: tuple[str, ...] = Field(min_length=1)


class PriceTable(BaseModel):
    """Table of prices and of types without a price."""

    model_config = _STRICT

    prices: tuple[Price, ...]
    free: tuple[FreeTypes, ...]

    def find(self, name: str, region: str) -> Price | None:
        """Return the price of a thing in a region; None if the table does not have it."""
        for price in self.prices:
            if price.name == name and price.region in (region, EVERYWHERE):
                return price
        return None

    def is_free(self, resource_type: str) -> bool:
        """Return True if the table lists the resource type, or its whole package, as free."""
        package = f"{resource_type.partition(':')[0]}:"
        return any(name in (resource_type, package) for group in self.free for name in group.types)


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

"""Measures of the strength of a lock: each compares some inputs of a resource with those of the base."""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from review.plain_data import is_list, is_map

NUMBER = re.compile(r"\d+(?:\.\d+)?")

DAYS: Mapping[str, float] = {
    "SECONDS": 1 / 86400,
    "MINUTES": 1 / 1440,
    "HOURS": 1 / 24,
    "DAYS": 1,
    "MONTHS": 365 / 12,
    "YEARS": 365,
}
"""The units of SnapLock in days (Amazon FSx API reference, RetentionPeriod)."""


class Measure(NamedTuple):
    """Paths of inputs, and a function that tells whether their new values are weaker, or may be so."""

    paths: Sequence[str]
    is_weaker: Callable[[Sequence[Any], Sequence[Any]], bool]


def _number(paths: Sequence[str], strength: Callable[..., float | None]) -> Measure:
    """Return a measure by a number that follows from the values; None for values that cannot be compared."""

    def is_weaker(before: Sequence[Any], after: Sequence[Any]) -> bool:
        old, new = strength(*before), strength(*after)
        return old is not None and (new is None or new < old)

    return Measure(paths, is_weaker)


def mode(path: str, *order: str, default: str = "") -> Measure:
    """Return the measure of a mode, with the modes from the weakest to the strongest one.

    Without a default, no mode is the weakest.
    """

    def rank(value: Any) -> float | None:
        value = value or default
        if not value:
            return 0.0
        return order.index(value) + 1.0 if value in order else None

    return _number((path,), rank)


def date(path: str) -> Measure:
    """Return the measure of the time until which a lock keeps data; without one, it keeps nothing."""

    def end(value: Any) -> float | None:
        return 0.0 if value is None else _timestamp(value)

    return _number((path,), end)


def switch(path: str) -> Measure:
    """Return the measure of an input with which the provider removes a lock itself, if it is on."""

    def without(value: Any) -> float | None:
        return 0.0 if value else 1.0

    return _number((path,), without)


def period(units: Mapping[str, int]) -> Measure:
    """Return the measure of the time for which a lock keeps data, by path of the values and unit in days."""

    def longest(*values: Any) -> float | None:
        periods = [_days(value, unit) for value, unit in zip(values, units.values(), strict=True)]
        known = [days for days in periods if days is not None]
        return max(known, default=0.0) if len(known) == len(periods) else None

    return _number((*units,), longest)


def delay(path: str) -> Measure:
    """Return the measure of the days in which a lock can still be removed; without them, it always can."""

    def inverse(value: Any) -> float | None:
        days = _days(value, 1)
        return 1 / days if days else days

    return _number((path,), inverse)


def period_with_unit(path: str) -> Measure:
    """Return the measure of a period of SnapLock, which has a unit.

    INFINITE is for ever, and UNSPECIFIED until somebody sets a period (Amazon FSx API reference,
    RetentionPeriod).
    """

    def days(unit: Any, value: Any) -> float | None:
        if unit in ("INFINITE", "UNSPECIFIED"):
            return math.inf if unit == "INFINITE" else sys.float_info.max
        return _days_of_unit(unit, value)

    return _number((f"{path}.type", f"{path}.value"), days)


def delay_with_unit(path: str) -> Measure:
    """Return the measure of the time after which SnapLock locks a file; without it, it does not."""

    def inverse(unit: Any, value: Any) -> float | None:
        days = 0.0 if unit == "NONE" else _days_of_unit(unit, value)
        return 1 / days if days else days

    return _number((f"{path}.type", f"{path}.value"), inverse)


def _days_of_unit(unit: Any, value: Any) -> float | None:
    if unit is None:
        return 0.0
    return _days(value, DAYS[unit]) if isinstance(unit, str) and unit in DAYS else None


def _days(value: Any, unit: float) -> float | None:
    if value is None:
        return 0.0
    return float(value) * unit if NUMBER.fullmatch(str(value)) else None


def prefix_rules(path: str) -> Measure:
    """Return the measure of rules for objects of which the longest period counts, as those of R2.

    A rule has a prefix of keys; without one, it is for all objects. One rule of the base that no new rule
    replaces makes the lock weaker (Cloudflare R2, Bucket locks; API reference, R2 bucket lock rules).
    """

    def is_weaker(before: Sequence[Any], after: Sequence[Any]) -> bool:
        rules = [_enabled_rules(value) for value in (*before, *after)]
        return not all(any(_replaces(new, old) for new in rules[1]) for old in rules[0])

    return Measure((path,), is_weaker)


def _enabled_rules(value: Any) -> list[dict[str, Any]]:
    """Return the rules that are not off; what cannot be read is no rule."""
    rules = filter(is_map, value) if is_list(value) else ()
    return [rule for rule in rules if rule.get("enabled") is not False]


def _replaces(rule: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return True if a rule locks all objects of another one, for the same time or longer."""
    if not str(other.get("prefix") or "").startswith(str(rule.get("prefix") or "")):
        return False
    new, old = rule.get("condition"), other.get("condition")
    if new == old or not is_map(new) or not is_map(old):
        return new == old
    if new.get("type") != old.get("type"):
        return new.get("type") == "Indefinite"
    ends = _end(new), _end(old)
    return ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]


def _end(condition: dict[str, Any]) -> float | None:
    """Return the age or the date until which a rule locks an object, in seconds; None if it is unreadable."""
    if condition.get("type") != "Date":
        return _days(condition.get("maxAgeSeconds"), 1)
    return _timestamp(condition.get("date"))


def _timestamp(value: Any) -> float | None:
    """Return a date and time in seconds; None if it is unreadable."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

"""Quantities of Kubernetes: their numbers, and their canonical form, in which an API server returns them.

The policies and the components have parsers of their own: a policy shares no code with what it checks.
"""

import math
import re
from fractions import Fraction
from typing import Any

QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)

DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
"""The suffixes of powers of ten, by their exponent."""

BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
"""The suffixes of powers of 1024, by their exponent."""

LIMIT = 2**63
"""The first number that a quantity cannot have."""

LONGEST = 100
"""The largest number of characters of a quantity that is read."""


def parse(value: Any) -> Fraction | None:
    """Return a quantity as a number: `100m` as 1/10, `2Gi` as 2^31; None for anything else."""
    match = _match(value)
    return Fraction(match[1]) * _factor(match[2] or "") if match else None


def _match(value: Any) -> re.Match[str] | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    return QUANTITY.fullmatch(text) if len(text) <= LONGEST else None


def canonical(value: Any) -> Any:
    """Return a quantity in its canonical form; unchanged if it is none, or larger than a server accepts.

    No precision below a billionth is kept, no fraction is written, and the exponent is as large as possible
    (kubernetes, staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go: CanonicalizeBytes).
    """
    match, amount = _match(value), parse(value)
    if match is None or amount is None:
        return value
    suffix = match[2] or ""
    nanos = math.ceil(abs(amount) * 10**9)
    if nanos == 0 or nanos >= LIMIT * 10**9:
        return value if nanos else "0"
    sign = "-" if amount < 0 else ""
    if suffix in BINARY[1:] and nanos >= 1024 * 10**9 and nanos % 10**9 == 0:
        return sign + _binary(nanos // 10**9)
    mantissa, exponent = nanos, -9
    while mantissa % 1000 == 0 and exponent < max(DECIMAL):
        mantissa, exponent = mantissa // 1000, exponent + 3
    if suffix[:1] in ("e", "E") and suffix[1:]:
        return f"{sign}{mantissa}{f'e{exponent}' if exponent else ''}"
    return f"{sign}{mantissa}{DECIMAL[exponent]}"


def _factor(suffix: str) -> Fraction:
    if suffix in BINARY:
        return Fraction(1024 ** BINARY.index(suffix))
    exponents = {name: exponent for exponent, name in DECIMAL.items()}
    exponent = exponents[suffix] if suffix in exponents else int(suffix[1:])
    # A longer exponent makes a number that no server accepts, or 1n.
    return Fraction(10) ** max(-99, min(exponent, 99))


def _binary(number: int) -> str:
    exponent = 0
    while number % 1024 == 0 and exponent < len(BINARY) - 1:
        number, exponent = number // 1024, exponent + 1
    return f"{number}{BINARY[exponent]}"

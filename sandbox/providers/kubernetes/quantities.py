"""The canonical form of quantities, such as `1Gi` for `1024Mi`, in which an API server returns them."""

import math
import re
from fractions import Fraction
from typing import Any

from sandbox.providers.kubernetes import schemas
from sandbox.wire.values import Json

QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")

DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
"""The suffixes of powers of ten, by their exponent."""

BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
"""The suffixes of powers of 1024, by their exponent."""

LIMIT = 2**63
"""The first number that a quantity cannot have."""


def stored(manifest: Json) -> Json:
    """Return an object with the quantities as the server returns them; it does not read custom resources."""
    return schemas.with_quantities(manifest, canonical)


def canonical(value: Any) -> Any:
    """Return a quantity in its canonical form; unchanged if it is none, or larger than a server accepts.

    No precision below a billionth is kept, no fraction is written, and the exponent is as large as possible
    (kubernetes, staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go: CanonicalizeBytes).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    match = QUANTITY.fullmatch(str(value))
    if not match:
        return value
    suffix = match[2] or ""
    amount = Fraction(match[1]) * _factor(suffix)
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

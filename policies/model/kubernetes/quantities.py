"""Kubernetes quantities: `100m`, `0.5`, `1e3`, `128Mi`, `128M` and plain numbers."""

import re
from decimal import Decimal
from functools import lru_cache

# This does not import components/common/quantity.py: a policy must not share the code that it checks.
# apimachinery/pkg/api/resource/quantity.go: <number><suffix>, suffix binary, decimal or a decimal exponent.
_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?", re.ASCII
)
_SCALE = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def parse(value: object) -> Decimal | None:
    """Return a quantity as a number of cores or bytes; None if the value is not a quantity."""
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


@lru_cache(maxsize=1024)
def _parse_text(text: str) -> Decimal | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix, exponent = match.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SCALE[suffix] if suffix else Decimal(1)
    return Decimal(number) * scale

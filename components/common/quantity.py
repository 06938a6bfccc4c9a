"""Kubernetes quantities such as `100m`, `0.5` and `128Mi`.

The policies have their own parser, since they must not share code with the program that they check.
"""

import re
from decimal import Decimal

MIB = 1024**2
"""Number of bytes in a mebibyte."""

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SCALE = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T"))},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)},
}


def parse_quantity(text: str) -> Decimal:
    """Return the number that a quantity stands for: cores for CPU, bytes for memory.

    Raises ValueError for a string that is not a quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    return Decimal(match[1]) * _SCALE[match[2] or ""]

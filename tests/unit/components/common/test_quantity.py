"""Tests of Kubernetes quantities."""

from decimal import Decimal

import pytest

from components.common.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", Decimal("0.1")),
        ("0.5", Decimal("0.5")),
        ("2", Decimal(2)),
        ("3k", Decimal(3000)),
        ("1M", Decimal(10**6)),
        ("1Gi", Decimal(2**30)),
        ("1.5Ti", Decimal(3 * 2**39)),
    ],
)
def test_a_quantity_is_a_number_with_a_unit(text: str, number: Decimal) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "m", "-1", "1 Gi", "1gi", "1e3"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        parse_quantity(text)

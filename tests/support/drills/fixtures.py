"""Fixtures that the drills share."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.drills.service import Service

Measured = Callable[[str, float, str], None]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Provide a database with roles but without tables, a bucket, and the data jobs of prod."""
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Provide `measured(quantity, value, unit)`, which adds a line to the table of measurements."""

    def note(quantity: str, value: float, unit: str) -> None:
        record_property("measured", f"{quantity:<52} {value:10.2f} {unit}")

    return note

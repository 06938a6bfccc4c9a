"""What the drills share."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.drills.service import Service

Measured = Callable[[str, float, str], None]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A database with roles and without tables, a bucket, and the jobs of prod."""
    made = Service()
    yield made
    made.stop()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """`measured(what, value, unit)`: a line of the table."""

    def note(what: str, value: float, unit: str) -> None:
        record_property("measured", f"{what:<52} {value:10.2f} {unit}")

    return note

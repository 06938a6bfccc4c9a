"""Fixtures for the drills of the service."""

from tests.support.drills.fixtures import (
    measured as measured,
)
from tests.support.drills.fixtures import (
    service as service,
)

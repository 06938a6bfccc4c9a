"""Fixtures of service for this lane."""

from tests.support.drills.fixtures import (
    measured as measured,
)
from tests.support.drills.fixtures import (
    service as service,
)

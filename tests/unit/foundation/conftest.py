"""Fixtures of foundation for this lane."""

from tests.support.foundation.fixtures import (
    foundation as foundation,
)
from tests.support.foundation.fixtures import (
    policies as policies,
)

"""Fixtures for the unit tests of the foundation."""

from tests.support.components.fixtures import (
    recorder as recorder,
)
from tests.support.foundation.fixtures import (
    foundation as foundation,
)
from tests.support.foundation.fixtures import (
    policies as policies,
)
from tests.support.foundation.fixtures import (
    shared as shared,
)

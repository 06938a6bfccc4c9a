"""Fixtures of policies for this lane."""

from tests.support.policies.pytest_fixtures import (
    no_waivers as no_waivers,
)
from tests.support.policies.pytest_fixtures import (
    one_change as one_change,
)
from tests.support.policies.pytest_fixtures import (
    said as said,
)
from tests.support.policies.pytest_fixtures import (
    said_of_stack as said_of_stack,
)

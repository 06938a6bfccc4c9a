"""Fixtures of policies for this lane."""

from tests.support.policies.pytest_fixtures import messages_of as messages_of
from tests.support.policies.pytest_fixtures import messages_of_stack as messages_of_stack
from tests.support.policies.pytest_fixtures import no_waivers as no_waivers

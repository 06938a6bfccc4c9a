"""The fixture for the tests of the stand-ins."""

import pytest

from tests.support.sandbox.providers.resources import Providers


@pytest.fixture
def providers() -> Providers:
    """Return every package with its plan."""
    return Providers()

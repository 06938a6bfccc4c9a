import pytest

from tests.sandbox.providers.resources import Providers


@pytest.fixture
def providers() -> Providers:
    return Providers()

import pytest

from tests.support.sandbox.providers.resources import Providers


@pytest.fixture
def providers() -> Providers:
    return Providers()

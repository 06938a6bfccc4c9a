from pathlib import Path

import pytest

from tests.sandbox.providers.resources import Providers


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    return Providers(tmp_path)

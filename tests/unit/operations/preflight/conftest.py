"""Fixtures of the tests of preflight."""

from pathlib import Path

import pytest

from tests.support.operations import preflight
from tests.support.operations.preflight import Stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Provide a real stack without placeholders, and without credentials."""
    preflight.write_files(tmp_path)
    preflight.set_root(tmp_path, monkeypatch)
    return Stack(preflight.load(tmp_path), tmp_path)

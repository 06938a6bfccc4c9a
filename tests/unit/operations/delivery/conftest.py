"""Fixtures for the tests of deployments."""

from pathlib import Path

import pytest

from operations.lib import stack_file
from tests.support.operations.deploying import NEW


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the checkout, for the stack files."""
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def dev_file(root: Path) -> Path:
    """The stack file of dev, with the image of an interrupted deployment."""
    file = root / "Pulumi.dev.yaml"
    file.write_text(f"config:\n  pipe:api:\n    image: {NEW}\n    migrate: false\n")
    return file

"""Fixtures for the sandbox's tests."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sandbox.project import Project, create_project


@pytest.fixture(autouse=True)
def restored_umask() -> Iterator[None]:
    """Restore the umask, which a command makes stricter if it runs in the process of the tests."""
    umask = os.umask(0)
    os.umask(umask)
    yield
    os.umask(umask)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose resources belong to the file provider."""
    return create_project(tmp_path)


@pytest.fixture
def make_policies_mandatory(project: Project) -> Callable[[], None]:
    """Return a function that makes every policy of the stack mandatory."""
    file = project.root / "policies" / "config" / "dev.json"

    def make_mandatory() -> None:
        file.write_text(json.dumps({"all": "mandatory"}))

    return make_mandatory

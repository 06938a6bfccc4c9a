import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.sandbox.project import Project, make

FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test of this folder that runs the sandbox on a project: the real engine does its work."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and "project" in getattr(item, "fixturenames", []):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """A command that is run in the tests' own process makes the mask stricter, for all that comes after."""
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.fixture
def mandatory(project: Project) -> Callable[[], None]:
    """Make every policy of the stack mandatory."""
    file = project.root / "policies" / "config" / "dev.json"
    return lambda: cast(None, file.write_text(json.dumps({"all": "mandatory"})))

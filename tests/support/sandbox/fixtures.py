import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.support.sandbox.project import Project, make


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

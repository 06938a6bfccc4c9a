import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from tests.sandbox.project import Project, make


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.fixture
def mandatory(project: Project) -> Callable[[], None]:
    """Make every policy of the stack mandatory."""
    file = project.root / "policies" / "config" / "dev.json"
    return lambda: cast(None, file.write_text(json.dumps({"all": "mandatory"})))

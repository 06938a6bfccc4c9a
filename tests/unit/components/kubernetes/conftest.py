"""Fixtures of the Kubernetes components."""

from collections.abc import Callable
from typing import Any

import pytest

from components.common.naming import Naming
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, Topic
from tests.support.components.workloads import Objects


@pytest.fixture
def declare_objects(recorder: Recorder, naming: Naming, topic: Topic) -> Callable[..., Objects]:
    """Provide `declare_objects(build, stack, **changes)`, which returns the objects of one component."""

    def run(build: Callable[..., Any], stack: str = "prod", **changes: Any) -> Objects:
        recorder.inputs.clear()
        workloads.declare(recorder, build, naming, topic, stack, **changes)
        return workloads.manifests(recorder)

    return run

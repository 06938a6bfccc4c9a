"""Fixtures of the foundation, which is evaluated with mocks."""

import json
import runpy
from pathlib import Path

import pulumi
import pytest
import yaml

from tests.support.components.fixtures import Recorder, evaluate

FOUNDATION = Path(__file__).parents[3] / "foundation"


@pytest.fixture(scope="module")
def foundation() -> Recorder:
    """Provide the resources of foundation/__main__.py with its committed stack file."""
    config = yaml.safe_load((FOUNDATION / "Pulumi.foundation.yaml").read_text())["config"]
    recorder = Recorder()
    recorder.computed["aws:ecr/repository:Repository"] = {"repositoryUrl": "registry.example/pipe/api"}
    pulumi.runtime.set_mocks(recorder, project="pipe-foundation", stack="foundation")
    pulumi.runtime.set_all_config(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )
    try:
        evaluate(lambda: runpy.run_path(str(FOUNDATION / "__main__.py")) and None)
    finally:
        pulumi.runtime.set_all_config({})
    return recorder


@pytest.fixture
def policies(foundation: Recorder) -> dict[str, list[str]]:
    """Provide the policy documents that are attached to each role, by role name."""
    documents = {
        f"arn:aws:mock:::{name}": policy["policy"]
        for name, policy in foundation.of_type("aws:iam/policy:Policy").items()
    }
    attached: dict[str, list[str]] = {}
    for attachment in foundation.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values():
        attached.setdefault(attachment["role"], []).append(documents[attachment["policyArn"]])
    return attached

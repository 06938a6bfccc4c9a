"""Fixtures of the foundation, which is evaluated with mocks."""

import functools
import json
import runpy
from pathlib import Path

import pulumi
import pytest
import yaml

from tests.support.components.fixtures import Recorder, evaluate

FOUNDATION = Path(__file__).parents[3] / "foundation"


Policies = dict[str, list[str]]
"""Policy documents that are attached to each role, by role name."""


@functools.cache
def evaluate_foundation(stack: str) -> Recorder:
    """Return the resources of foundation/__main__.py with a committed stack file; callers only read them."""
    config = yaml.safe_load((FOUNDATION / f"Pulumi.{stack}.yaml").read_text())["config"]
    recorder = Recorder()
    recorder.computed["aws:ecr/repository:Repository"] = {"repositoryUrl": "registry.example/pipe/api"}
    pulumi.runtime.set_mocks(recorder, project="pipe-foundation", stack=stack)
    pulumi.runtime.set_all_config(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )
    try:
        evaluate(lambda: runpy.run_path(str(FOUNDATION / "__main__.py")) and None)
    finally:
        pulumi.runtime.set_all_config({})
    return recorder


@pytest.fixture
def foundation() -> Recorder:
    """Provide the resources of foundation in the account of stg."""
    return evaluate_foundation("stg")


@pytest.fixture
def shared() -> Recorder:
    """Provide the resources of foundation in the shared account."""
    return evaluate_foundation("shared")


def attached_policies(foundation: Recorder) -> Policies:
    """Return the policy documents of each role, without the managed policies of AWS."""
    documents = {
        f"arn:aws:mock:::{name}": policy["policy"]
        for name, policy in foundation.of_type("aws:iam/policy:Policy").items()
    }
    administration = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    documents["arn:aws:iam::aws:policy/AdministratorAccess"] = json.dumps({"Statement": [administration]})
    attached: Policies = {}
    for attachment in foundation.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values():
        if not attachment["policyArn"].startswith("arn:aws:iam::aws:policy/"):
            attached.setdefault(attachment["role"], []).append(documents[attachment["policyArn"]])
    for policy in foundation.of_type("aws:iam/rolePolicy:RolePolicy").values():
        attached.setdefault(policy["role"], []).append(policy["policy"])
    return attached


@pytest.fixture
def policies(foundation: Recorder) -> Policies:
    """Provide the policy documents that are attached to each role in the account of stg."""
    return attached_policies(foundation)

"""Tests that the deploy role may create and change everything in a stack, and nothing else."""

import json
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pulumi
import pytest
import yaml

from components.settings.load import load_file
from foundation.permissions.scope import Scope
from foundation.service_roles import environment_roles
from foundation.settings.load import read
from tests.support.components import aws
from tests.support.components.fixtures import Recorder, evaluate, load_topic
from tests.support.components.iam import verdict
from tests.support.foundation.fixtures import Policies
from tests.unit.foundation.test_stack_roles import ROLE, inputs_of

ROOT = Path(__file__).parents[3]

SEQUENCES = ROOT / "tests/support/sandbox/clouds/aws_sequences.toml"
"""File with the provider's calls in the life of each resource type."""


@pytest.fixture(scope="module")
def stack() -> Recorder:
    """Provide the AWS components of stg."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="pipe", stack="stg")
    naming = load_file(ROOT / "Pulumi.stg.yaml").settings.naming

    def program() -> None:
        for build in (aws.network, aws.cluster, aws.ci_runner, aws.backup_bucket, aws.database):
            build(naming, load_topic, protect=True)
        aws.pod_identity(naming, load_topic)

    evaluate(program)
    return recorder


def scope() -> Scope:
    config = yaml.safe_load((ROOT / "foundation" / "Pulumi.stg.yaml").read_text())["config"]
    settings, _ = read(config)
    assert settings is not None
    [environment] = settings.scopes
    return environment


def test_the_deploy_role_may_pass_exactly_the_service_roles_to_the_services_that_they_trust(
    foundation: Recorder, policies: Policies
) -> None:
    roles = foundation.of_type("aws:iam/role:Role").values()
    services = {
        role["name"]: statement["Principal"].get("Service")
        for role in roles
        for statement in json.loads(role["assumeRolePolicy"])["Statement"]
    }
    passed = {
        (name, service)
        for name in services
        for service in {*services.values()} - {None}
        if verdict(
            policies["pipe-stg-deploy"],
            "iam:PassRole",
            f"arn:aws:iam::444455556666:role/{name}",
            {"iam:PassedToService": service},
        )
        == "allow"
    }
    assert {name for name, _ in passed} == {role.name for role in environment_roles(scope())}
    assert passed <= set(services.items())
    # The stack also names roles of people and of GitHub's jobs, for access to the cluster.
    names = {name for _, name in ROLE.findall(json.dumps(list(inputs_of("stg").values())))}
    assert {(name, services[name]) for name in names if services.get(name)} <= passed
    assert len(passed) >= 10

"""Tests that the deploy role may create and change everything in a stack, and nothing else."""

import json
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pulumi
import pytest
import yaml

from components.settings.load import load_file
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles
from foundation.settings.load import read
from sandbox.clouds.aws.authorization.actions import action_of
from tests.support.components import aws
from tests.support.components.fixtures import Recorder, evaluate, load_topic
from tests.support.components.iam import verdict
from tests.support.foundation.fixtures import Policies
from tests.unit.foundation.test_stack_roles import ROLE
from tools.iam.recording import record_program

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
    inputs = [resource.inputs for resource in record_program("stg").resources]
    names = {name for _, name in ROLE.findall(json.dumps(inputs))}
    assert {(name, services[name]) for name in names if services.get(name)} <= passed
    assert len(passed) >= 9


def allowed_to(role: str, policies: dict[str, list[str]]) -> set[str]:
    """Return a role's allowed actions and patterns of actions."""
    return {
        action
        for policy in policies[f"pipe-stg-{role}"]
        for statement in json.loads(policy)["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


UNUSED = {
    # A cluster encrypts its secrets from its creation, and encryption cannot be disabled.
    "eks:AssociateEncryptionConfig",
    # Foundation owns the nodes' role, which the cluster leaves in an instance profile.
    "iam:RemoveRoleFromInstanceProfile",
    # Keys are always enabled and always rotate.
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
}
"""Operations of the provider for changes that no stack makes."""


def test_the_deploy_role_may_call_every_operation_of_the_provider(
    stack: Recorder, policies: dict[str, list[str]]
) -> None:
    calls = calls_of(stack)
    assert refused_to("deploy", policies, calls) == UNUSED


def calls_of(stack: Recorder) -> set[str]:
    """Return the provider's calls in the life of the stack's resources, such as `s3:DeleteBucket`."""
    sequences = tomllib.loads(SEQUENCES.read_text())
    declared = {typ for typ, _ in stack.inputs if typ.startswith("aws:")}
    operations: set[str] = {step["ask"] for typ in declared for step in sequences[typ]["steps"]}
    return {operation.replace(" ", ":") for operation in operations}


def refused_to(role: str, policies: Policies, calls: set[str]) -> set[str]:
    """Return the permissions for the calls that the role lacks."""
    allowed = allowed_to(role, policies)
    needed = {action_of(*call.split(":")) for call in calls}
    return {action for action in needed if not any(fnmatchcase(action, pattern) for pattern in allowed)}


CHANGES = {"ec2:DeleteTags", "logs:DeleteRetentionPolicy", "logs:DisassociateKmsKey"}
"""Calls with such a name that change a resource and do not end it."""
ENDS = re.compile(r"\w+:(Delete|Detach|Disassociate|Release|Revoke|Schedule)")
"""Pattern of the calls that end a resource."""


def test_operators_may_call_every_operation_that_ends_a_resource(
    stack: Recorder, policies: dict[str, list[str]]
) -> None:
    calls = {call for call in calls_of(stack) if ENDS.match(call)}
    assert refused_to("operators", policies, calls) == CHANGES
    assert len(calls) > 20

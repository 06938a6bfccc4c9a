"""Tests that the deploy role may create and change everything in a stack, and nothing else."""

import json
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.settings.load import load_file
from foundation.permissions.roles import MANAGED_POLICIES, SERVICES_WITH_ROLES
from tests.support.components import aws
from tests.support.components.fixtures import Recorder, evaluate, load_topic

ROOT = Path(__file__).parents[3]

SEQUENCES = ROOT / "tests/support/sandbox/clouds/aws_sequences.toml"
"""File with the provider's calls in the life of each resource type."""


@pytest.fixture(scope="module")
def stack() -> Recorder:
    """Provide every component of stg that creates a role."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="pipe", stack="stg")
    naming = load_file(ROOT / "Pulumi.stg.yaml").settings.naming

    def program() -> None:
        for build in (aws.network, aws.cluster, aws.ci_runner, aws.backup_bucket, aws.database):
            build(naming, load_topic, protect=True)
        for build in (aws.pod_identity, aws.aws_integration):
            build(naming, load_topic)

    evaluate(program)
    return recorder


def roles(stack: Recorder) -> dict[str, dict[str, Any]]:
    return {role["name"]: role for role in stack.of_type("aws:iam/role:Role").values()}


def test_every_role_has_the_name_that_the_deploy_role_may_use(stack: Recorder) -> None:
    assert {name for name in roles(stack) if not name.startswith("pipe-stg-")} == set()


def test_every_role_with_an_inline_policy_is_under_the_boundary(stack: Recorder) -> None:
    with_policy = {policy["role"] for policy in stack.of_type("aws:iam/rolePolicy:RolePolicy").values()}
    assert len(with_policy) >= 5
    for name in stack.of_type("aws:iam/role:Role"):
        role = stack.of_type("aws:iam/role:Role")[name]
        if role["name"] in with_policy:
            assert role["permissionsBoundary"] == "arn:aws:iam::444455556666:policy/pipe-stg-boundary"


def test_the_boundary_permits_the_actions_of_every_role(stack: Recorder, foundation: Recorder) -> None:
    boundary = json.loads(foundation.of_type("aws:iam/policy:Policy")["stg-boundary"]["policy"])
    within = [action for statement in boundary["Statement"] for action in statement["Action"]]
    for name, policy in stack.of_type("aws:iam/rolePolicy:RolePolicy").items():
        for statement in json.loads(policy["policy"])["Statement"]:
            for action in statement["Action"]:
                assert any(fnmatchcase(action, pattern) for pattern in within), f"{name}: {action}"


def test_attached_policies_are_those_that_the_deploy_role_may_attach(stack: Recorder) -> None:
    attachments = stack.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    attached = {
        attachment["policyArn"].removeprefix("arn:aws:iam::aws:policy/") for attachment in attachments
    }
    assert attached == set(MANAGED_POLICIES)


def test_the_deploy_role_may_pass_roles_to_their_services(stack: Recorder) -> None:
    principals: set[str] = set()
    for role in roles(stack).values():
        for statement in json.loads(role["assumeRolePolicy"])["Statement"]:
            # Datadog is not an AWS service: it assumes the role directly, and nobody passes the role.
            principals |= {statement["Principal"].get("Service", "")} - {""}
    assert principals == {f"{service}.amazonaws.com" for service in SERVICES_WITH_ROLES}


def allowed_to_deploy(policies: dict[str, list[str]]) -> set[str]:
    """Return the deploy role's allowed actions and patterns of actions."""
    return {
        action
        for policy in policies["pipe-stg-deploy"]
        for statement in json.loads(policy)["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


ACTIONS = {
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketReplication": "s3:PutReplicationConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Permissions whose name differs from the operation's name, by operation."""

UNUSED = {
    # A cluster encrypts its secrets from its creation, and encryption cannot be disabled.
    "eks:AssociateEncryptionConfig",
    # A role without the boundary could get any permission.
    "iam:DeleteRolePermissionsBoundary",
    # Keys are always enabled and always rotate.
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
}
"""Operations of the provider for changes that no stack makes."""


def test_the_deploy_role_may_call_every_operation_of_the_provider(
    stack: Recorder, policies: dict[str, list[str]]
) -> None:
    allowed = allowed_to_deploy(policies)
    sequences = tomllib.loads(SEQUENCES.read_text())
    declared = {typ for typ, _ in stack.inputs if typ.startswith("aws:")}
    operations: set[str] = {step["ask"] for typ in declared for step in sequences[typ]["steps"]}
    calls = {operation.replace("s3control ", "s3 ").replace(" ", ":") for operation in operations}
    needed = {ACTIONS.get(call, call) for call in calls}
    refused = {action for action in needed if not any(fnmatchcase(action, pattern) for pattern in allowed)}
    assert refused == UNUSED
    assert set(ACTIONS) <= calls

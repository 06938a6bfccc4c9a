"""Tests that the deploy role may create and change everything in a stack, and nothing else."""

import json
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pulumi
import pytest

from components.settings.load import load_file
from foundation.permissions.roles import SERVICES_WITH_ROLES
from tests.support.components import aws
from tests.support.components.fixtures import Recorder, evaluate, load_topic

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


def test_the_deploy_role_may_pass_roles_to_their_services(foundation: Recorder) -> None:
    roles = foundation.of_type("aws:iam/role:Role").values()
    principals: set[str] = set()
    for role in roles:
        for statement in json.loads(role["assumeRolePolicy"])["Statement"]:
            # Nobody passes the roles that Datadog, people and GitHub's jobs assume directly. Only an
            # administrator passes the roles of AWS Backup, which foundation uses itself.
            principals |= {statement["Principal"].get("Service", "")} - {"", "backup.amazonaws.com"}
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

import json
from typing import Any

import pytest

from tests.components.conftest import Recorder

ROLES = {
    "pipe-build": ["repo:pipe-dev/infrastructure:ref:refs/heads/main"],
    "pipe-preview": [
        "repo:pipe-dev/infrastructure:ref:refs/heads/main",
        "repo:pipe-dev/infrastructure:pull_request",
    ],
    "pipe-dev-deploy": ["repo:pipe-dev/infrastructure:environment:dev"],
    "pipe-stg-deploy": ["repo:pipe-dev/infrastructure:environment:stg"],
    "pipe-prod-deploy": ["repo:pipe-dev/infrastructure:environment:prod"],
}


def test_github_is_an_identity_provider_without_thumbprints(foundation: Recorder) -> None:
    [provider] = foundation.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider").values()
    assert provider["url"] == "https://token.actions.githubusercontent.com"
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    assert "thumbprintLists" not in provider


@pytest.mark.parametrize(("name", "subjects"), ROLES.items())
def test_each_role_is_for_exactly_these_jobs(foundation: Recorder, name: str, subjects: list[str]) -> None:
    [role] = [role for role in foundation.of_type("aws:iam/role:Role").values() if role["name"] == name]
    [statement] = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Federated": "arn:aws:mock:::github"}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": subjects,
        }
    }


def test_no_policy_is_longer_than_iam_allows(foundation: Recorder) -> None:
    for name, policy in foundation.of_type("aws:iam/policy:Policy").items():
        assert len("".join(policy["policy"].split())) <= 6144, name


def test_no_role_has_more_policies_than_iam_allows(policies: dict[str, list[str]]) -> None:
    assert max(len(documents) for documents in policies.values()) <= 10


def statements(foundation: Recorder) -> list[dict[str, Any]]:
    policies = foundation.of_type("aws:iam/policy:Policy").values()
    return [statement for policy in policies for statement in json.loads(policy["policy"])["Statement"]]


def test_no_statement_allows_a_whole_service_or_more(foundation: Recorder) -> None:
    actions = {action for statement in statements(foundation) for action in statement["Action"]}
    assert not {action for action in actions if action == "*" or action.endswith(":*")}


def test_an_image_is_pushed_once_scanned_and_encrypted(foundation: Recorder) -> None:
    [repository] = foundation.of_type("aws:ecr/repository:Repository").values()
    assert repository["name"] == "pipe/api"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [
        {"encryptionType": "KMS", "kmsKey": "arn:aws:mock:::registry"}
    ]


def test_the_newest_images_stay(foundation: Recorder) -> None:
    [lifecycle] = foundation.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy").values()
    untagged, rest = json.loads(lifecycle["policy"])["rules"]
    assert (untagged["selection"]["tagStatus"], untagged["selection"]["countNumber"]) == ("untagged", 14)
    assert (rest["selection"]["countType"], rest["selection"]["countNumber"]) == ("imageCountMoreThan", 200)


def test_state_is_kept_in_a_hardened_bucket_with_a_copy(foundation: Recorder) -> None:
    buckets = foundation.of_type("aws:s3/bucket:Bucket")
    assert {bucket["bucket"] for bucket in buckets.values()} == {
        "pipe-state-123456789012",
        "pipe-state-123456789012-logs",
        "pipe-state-123456789012-copy",
        "pipe-state-123456789012-copy-logs",
    }
    for typ in ("bucketVersioning:BucketVersioning", "bucketPublicAccessBlock:BucketPublicAccessBlock"):
        assert set(foundation.of_type(f"aws:s3/{typ}")) == set(buckets)
    assert set(foundation.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")) == {
        "state-bucket",
        "state-copy",
    }


def test_secrets_have_a_key_of_their_own_and_every_key_rotates(foundation: Recorder) -> None:
    aliases = foundation.of_type("aws:kms/alias:Alias")
    assert aliases["state"]["name"] == "alias/pipe-state"
    assert {alias["name"] for alias in aliases.values()} == {
        "alias/pipe-registry",
        "alias/pipe-state",
        "alias/pipe-state-bucket",
        "alias/pipe-state-copy",
    }
    for key in foundation.of_type("aws:kms/key:Key").values():
        assert key["enableKeyRotation"] is True


def test_everything_is_tagged(foundation: Recorder) -> None:
    for (typ, name), inputs in foundation.inputs.items():
        if typ in ("aws:iam/role:Role", "aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:iam/policy:Policy"):
            assert {"service", "env", "team", "managed-by", "Name"} <= set(inputs["tags"]), (typ, name)

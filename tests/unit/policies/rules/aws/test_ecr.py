import json
from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import (
    UNKNOWN,
    AssertChangeIsReported,
    Case,
    MessagesOf,
    resource,
    urn,
)

ECR = "aws:ecr/repository:Repository"


REPOSITORY: dict[str, Any] = {
    "name": "pipe/api",
    "imageTagMutability": "IMMUTABLE",
    "imageScanningConfiguration": {"scanOnPush": True},
    "encryptionConfigurations": [{"encryptionType": "KMS"}],
}


CASES: list[Case] = [
    (
        "ecr-tags-mutable",
        ECR,
        REPOSITORY,
        {"imageTagMutability": None},
        ["imageTagMutability is not set; set it to 'IMMUTABLE'"],
    ),
    ("ecr-tags-mutable", ECR, REPOSITORY, {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, []),
    (
        "ecr-not-scanned",
        ECR,
        REPOSITORY,
        {"imageScanningConfiguration": None},
        ["imageScanningConfiguration.scanOnPush is not set; set it to true"],
    ),
    (
        "ecr-not-encrypted-by-kms",
        ECR,
        REPOSITORY,
        {"encryptionConfigurations": [{"encryptionType": "AES256"}]},
        ["encryptionConfigurations is [{'encryptionType': 'AES256'}]; set it to [{encryptionType: 'KMS'}]"],
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("ecr-tags-mutable", ECR, "imageTagMutability"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


def document(**changes: Any) -> str:
    base = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::pipe/*"]}
    return json.dumps({"Statement": [{**base, **changes}]})


def test_a_repository_is_not_open_to_everybody(messages_of: MessagesOf) -> None:
    kind, policy = "aws:ecr/repositoryPolicy:RepositoryPolicy", "ecr-policy-any-principal"
    assert messages_of(policy, kind, {"policy": document(Principal={"AWS": "arn:aws:iam::1:root"})}) == []
    assert messages_of(policy, kind, {"policy": document(Principal="*")}) == [
        "policy.Statement[0].Principal is '*'; name the accounts that pull the images"
    ]


def test_a_repository_forgets_images(messages_of_stack: MessagesOf) -> None:
    policy, repository = "ecr-lifecycle-missing", resource(ECR, REPOSITORY)
    kind = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    assert messages_of_stack(policy, repository) == [
        "the repository is without a lifecycle policy; add an aws.ecr.LifecyclePolicy"
    ]
    by_name = resource(kind, {"repository": "pipe/api"})
    by_dependency = resource(kind, {"repository": UNKNOWN}, property_dependencies={"repository": (urn(ECR),)})
    assert messages_of_stack(policy, repository, by_name) == []
    assert messages_of_stack(policy, repository, by_dependency) == []

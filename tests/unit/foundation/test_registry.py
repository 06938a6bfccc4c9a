"""Tests of the image registry, its copy in a second region, and the pulls of other accounts."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.common.naming import Naming
from foundation.registry import Registry, RegistryArgs
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.iam import verdict

ACCOUNT, PROD = "123456789012", "777788889999"
REPOSITORIES = ("registry", "registry-copy")


@pytest.fixture
def registry(recorder: Recorder) -> Recorder:
    naming = Naming(environment="shared", team="platform", account=ACCOUNT, region="ap-northeast-1")
    args = RegistryArgs(
        repository="pipe/api",
        keep_images=200,
        untagged_days=14,
        pull_accounts=["111122223333", PROD],
        copy_region="ap-northeast-3",
        naming=naming,
        protect=True,
    )
    evaluate(lambda: Registry("registry", args) and None)
    return recorder


def test_both_regions_have_the_same_repository(registry: Recorder) -> None:
    for typ, differing in (
        ("aws:ecr/repository:Repository", "encryptionConfigurations"),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", ""),
        ("aws:ecr/repositoryPolicy:RepositoryPolicy", ""),
    ):
        resources = registry.of_type(typ)
        assert resources.keys() == set(REPOSITORIES), typ
        original, copy = (
            {key: value for key, value in resources[name].items() if key != differing}
            for name in REPOSITORIES
        )
        assert original == copy, typ
        regions = [registry.providers[typ, name] for name in REPOSITORIES]
        assert "registry-copy" in regions[1] and "registry-copy" not in regions[0], typ
    repositories = registry.of_type("aws:ecr/repository:Repository")
    for name in REPOSITORIES:
        [encryption] = repositories[name]["encryptionConfigurations"]
        assert encryption == {"encryptionType": "KMS", "kmsKey": f"arn:aws:mock:::{name}"}
        assert ("aws:ecr/repository:Repository", name) in registry.protected


def test_images_are_copied_only_after_the_copy_has_its_settings(registry: Recorder) -> None:
    replication = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
    [inputs] = registry.of_type(replication).values()
    assert inputs["replicationConfiguration"]["rules"] == [
        {
            "destinations": [{"region": "ap-northeast-3", "registryId": ACCOUNT}],
            "repositoryFilters": [{"filter": "pipe/api", "filterType": "PREFIX_MATCH"}],
        }
    ]
    assert ("aws:ecr/repository:Repository", "registry-copy") in registry.dependencies[
        replication, "registry"
    ]


NODE, DEPLOY = f"arn:aws:iam::{PROD}:role/pipe-prod-node", f"arn:aws:iam::{PROD}:role/pipe-prod-deploy"


@pytest.mark.parametrize(
    ("action", "principal", "expected"),
    [
        ("ecr:BatchGetImage", NODE, "allow"),
        ("ecr:GetDownloadUrlForLayer", NODE, "allow"),
        ("ecr:DescribeImages", NODE, "nothing"),
        ("ecr:DescribeImages", DEPLOY, "allow"),
        ("ecr:DescribeImageScanFindings", f"arn:aws:iam::{PROD}:role/pipe-prod-preview", "allow"),
        ("ecr:PutImage", DEPLOY, "nothing"),
        ("ecr:InitiateLayerUpload", DEPLOY, "nothing"),
        ("ecr:BatchDeleteImage", DEPLOY, "nothing"),
        ("ecr:SetRepositoryPolicy", DEPLOY, "nothing"),
        ("ecr:BatchGetImage", f"arn:aws:iam::{PROD}:role/pipe-prod-runner", "nothing"),
        ("ecr:BatchGetImage", "arn:aws:iam::999999999999:role/pipe-prod-node", "nothing"),
    ],
)
def test_other_accounts_only_pull(registry: Recorder, action: str, principal: str, expected: str) -> None:
    policy = registry.of_type("aws:ecr/repositoryPolicy:RepositoryPolicy")["registry"]["policy"]
    statements: list[Mapping[str, Any]] = json.loads(policy)["Statement"]
    # ECR refuses a policy with a resource.
    assert all("Resource" not in statement for statement in statements)
    document = json.dumps({"Statement": [{**statement, "Resource": "*"} for statement in statements]})
    assert verdict([document], action, "*", {"aws:PrincipalArn": principal}) == expected


def test_the_policy_names_exactly_the_accounts_that_pull(registry: Recorder) -> None:
    policy = registry.of_type("aws:ecr/repositoryPolicy:RepositoryPolicy")["registry"]["policy"]
    for statement in json.loads(policy)["Statement"]:
        assert statement["Principal"] == {
            "AWS": ["arn:aws:iam::111122223333:root", f"arn:aws:iam::{PROD}:root"]
        }


def test_no_other_account_may_use_the_keys_of_the_images(registry: Recorder) -> None:
    for key in registry.of_type("aws:kms/key:Key").values():
        [statement] = json.loads(key["policy"])["Statement"]
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}

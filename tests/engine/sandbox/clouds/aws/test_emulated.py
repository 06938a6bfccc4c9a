"""Tests of the emulated records of EKS and CodeBuild, and of the records that are deleted with them."""

from collections.abc import Generator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import trust

CLUSTER = {"clusterName": "pipe-dev"}
NOBODY = "arn:aws:iam::123456789012:role/nobody"
ROLE = "arn:aws:iam::123456789012:role/reader"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create("vpc", "a", "role", "key", "cluster")
        yield account


def grant(eks: Any, principal: str) -> None:
    scope = {"type": "cluster"}
    eks.associate_access_policy(**CLUSTER, principalArn=principal, policyArn=VIEW, accessScope=scope)


def granted(eks: Any, principal: str) -> list[str]:
    response = eks.list_associated_access_policies(**CLUSTER, principalArn=principal)
    return [policy["policyArn"] for policy in response["associatedAccessPolicies"]]


def test_only_a_principal_with_an_access_entry_is_granted_a_policy(account: AwsAccount) -> None:
    eks: Any = account.client("eks")
    for call in (
        lambda: grant(eks, NOBODY),
        lambda: eks.disassociate_access_policy(**CLUSTER, principalArn=NOBODY, policyArn=VIEW),
        lambda: granted(eks, NOBODY),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert cast(Any, error.value.response)["Error"]["Code"] == "ResourceNotFoundException"


def test_the_deletion_of_an_access_entry_deletes_only_its_own_policies(account: AwsAccount) -> None:
    eks: Any = account.client("eks")
    principals = [ROLE, f"{ROLE}/below"]
    for path, name in (("/", "reader"), ("/reader/", "below")):
        account.client("iam").create_role(Path=path, RoleName=name, AssumeRolePolicyDocument=trust("ec2"))
    for principal in principals:
        eks.create_access_entry(**CLUSTER, principalArn=principal)
        grant(eks, principal)
    assert granted(eks, ROLE) == [VIEW]
    eks.delete_access_entry(**CLUSTER, principalArn=ROLE)
    assert granted(eks, principals[1]) == [VIEW]
    eks.create_access_entry(**CLUSTER, principalArn=ROLE)
    assert granted(eks, ROLE) == []
    for principal in principals:
        eks.delete_access_entry(**CLUSTER, principalArn=principal)


def test_a_project_and_a_cluster_with_the_same_name_are_independent(account: AwsAccount) -> None:
    eks: Any = account.client("eks")
    codebuild: Any = account.client("codebuild")
    project = {
        "name": "pipe-dev",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": account.live["role"].outputs["arn"],
    }
    eks.create_addon(**CLUSTER, addonName="coredns")
    codebuild.create_project(**project)
    codebuild.delete_project(name="pipe-dev")
    assert eks.list_addons(**CLUSTER)["addons"] == ["coredns"]
    codebuild.create_project(**project)
    account.delete("cluster")
    assert eks.list_clusters()["clusters"] == []
    assert codebuild.list_projects()["projects"] == ["pipe-dev"]
    del account.live["cluster"]
    account.create("cluster")
    assert eks.list_addons(**CLUSTER)["addons"] == []

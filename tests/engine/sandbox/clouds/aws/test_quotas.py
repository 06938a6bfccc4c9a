"""Tests of the quotas of a new account."""

from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.clouds.aws import service_quotas
from tests.support.rows import each_row
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account

LOWERED = {
    "vpc L-F678F1CE": ("vpc", "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
    "ec2 L-0263D0A3": ("eip", "AddressLimitExceeded", "The maximum number of addresses has been reached."),
    "vpc L-A4707A72": (
        "internet",
        "InternetGatewayLimitExceeded",
        "The maximum number of internet gateways has been reached.",
    ),
    "vpc L-FE5A380F": (
        "nat",
        "NatGatewayLimitExceeded",
        "The maximum number of NAT Gateways has been reached.",
    ),
    "eks L-1194D53C": ("cluster", "ResourceLimitExceededException", "Cluster limit of 0 exceeded"),
    "rds L-7B6409FD": ("database", "InstanceQuotaExceeded", "Instance quota exceeded"),
    "rds L-7ADDB58A": ("database", "StorageQuotaExceeded", "Storage quota exceeded"),
    "iam L-FE177D64": ("role", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 0"),
}
"""Quotas, and for each the resource, the code and the message of the refusal if the quota is 0."""


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create("internet", "nat", "cluster", "database")
        yield account


@each_row("quota", LOWERED)
def test_a_resource_over_a_quota_is_refused(account: AwsAccount, quota: str) -> None:
    service, code = quota.split()
    name, error, message = LOWERED[quota]
    lowered = service_quotas.Quota(quota, 0, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(service_quotas.QUOTAS, (service, code), lowered)
        with pytest.raises(Exception, match=f"{error}: {message}"):
            account.target.create(account.resource(name, **RENAMED.get(name, {})))


RENAMED: dict[str, dict[str, Any]] = {
    "cluster": {"name": "second"},
    "database": {"identifier": "second"},
    "role": {"name": "second"},
}
"""Inputs without which AWS refuses the name, and not the number."""


def test_a_new_account_has_room_for_four_vpcs_beside_the_default_one(account: AwsAccount) -> None:
    client = account.client("ec2", "us-west-2")
    for _ in range(4):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    with pytest.raises(ClientError, match="VpcLimitExceeded"):
        client.create_vpc(CidrBlock="10.0.0.0/16")

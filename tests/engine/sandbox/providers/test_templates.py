"""Tests that templates select objects of an AWS account."""

from typing import Any

from tests.support.sandbox.providers.aws_account import empty_account


def test_aws_searches_for_a_name_with_a_quote() -> None:
    with empty_account() as account:
        account.create("cluster")
        eks: Any = account.client("eks")
        answer = eks.list_pod_identity_associations(clusterName="pipe-dev", namespace="it's")
        assert answer["associations"] == []

"""Tests of the tables of types that can share a resource, with the inputs of the installed SDK."""

import pytest

from policies.rules.aws import ecr
from policies.rules.aws.data import s3_access
from policies.rules.aws.iam import attachments, sharing
from tests.support.policies.sdk_types import inputs

OLD = "V2:Bucket"
"""Part of the types of buckets that newer versions of the SDK lack."""
SHARES = {token: share.path for token, share in sharing.SHARES.items()}


@pytest.mark.parametrize(
    "table",
    [
        attachments.ATTACHED,
        attachments.ON_ROLE,
        attachments.ON_USER,
        sharing.DOCUMENTS,
        SHARES,
        ecr.POLICIES,
        s3_access.BLOCKS,
        s3_access.POLICIES,
    ],
)
def test_the_types_of_a_table_have_the_property_that_a_rule_reads(table: dict[str, str]) -> None:
    for token, path in table.items():
        if OLD not in token:
            assert path.partition(".")[0] in (inputs(token) or {}), token


def test_the_types_that_share_have_the_properties_that_limit_everybody() -> None:
    for token, share in sharing.SHARES.items():
        assert set(share.limits) <= set(inputs(token) or {}), token

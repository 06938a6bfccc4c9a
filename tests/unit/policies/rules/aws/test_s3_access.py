import json
from typing import Any

import pytest

from tests.support.policies.buckets import BUCKET, PARTS
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf

BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"


@pytest.mark.parametrize(
    ("policy", "setting"),
    [
        ("s3-public-acls-accepted", "blockPublicAcls"),
        ("s3-public-policy-accepted", "blockPublicPolicy"),
        ("s3-public-acls-honoured", "ignorePublicAcls"),
        ("s3-public-buckets-unrestricted", "restrictPublicBuckets"),
    ],
)
def test_each_setting_of_a_public_access_block(messages_of: MessagesOf, policy: str, setting: str) -> None:
    block = PARTS["PublicAccessBlock"]
    assert messages_of(policy, BLOCK, block) == []
    assert messages_of(policy, BLOCK, {**block, setting: False}) == [f"{setting} is False; set it to true"]
    assert messages_of(policy, BLOCK, {}) == [f"{setting} is not set; set it to true"]
    assert messages_of(policy, BLOCK, {**block, setting: UNKNOWN}) == [f"unknown: {setting}"]


READ, WRITE = "s3-acl-public-read", "s3-acl-public-write"


ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


KNOWN_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@pytest.mark.parametrize(
    ("acl", "reads", "writes"),
    [
        ("private", False, False),
        ("log-delivery-write", False, False),
        ("public-read", True, False),
        ("authenticated-read", True, False),
        ("public-read-write", True, True),
    ],
)
@pytest.mark.parametrize("kind", [BUCKET, "aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"])
def test_a_canned_acl(messages_of: MessagesOf, kind: str, acl: str, reads: bool, writes: bool) -> None:
    expected = [f"acl is '{acl}'; set it to 'private'"]
    assert messages_of(READ, kind, {"acl": acl}) == (expected if reads else [])
    assert messages_of(WRITE, kind, {"acl": acl}) == (expected if writes else [])


@pytest.mark.parametrize(
    ("permission", "uri", "reads", "writes"),
    [
        ("READ", ALL_USERS, True, False),
        ("READ_ACP", KNOWN_USERS, True, False),
        ("WRITE", ALL_USERS, False, True),
        ("WRITE_ACP", ALL_USERS, False, True),
        ("FULL_CONTROL", KNOWN_USERS, True, True),
        ("WRITE", "http://acs.amazonaws.com/groups/s3/LogDelivery", False, False),
    ],
)
def test_a_grant(messages_of: MessagesOf, permission: str, uri: str, reads: bool, writes: bool) -> None:
    props = {"accessControlPolicy": {"grants": [{"permission": permission, "grantee": {"uri": uri}}]}}
    expected = [f"accessControlPolicy.grants[0].grantee.uri is '{uri}'; remove it"]
    assert messages_of(READ, "aws:s3/bucketAcl:BucketAcl", props) == (expected if reads else [])
    assert messages_of(WRITE, "aws:s3/bucketAcl:BucketAcl", props) == (expected if writes else [])


POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def allowing(**changes: Any) -> dict[str, str]:
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    return {"policy": json.dumps({"Statement": [{**base, **changes}]})}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "'*'"),
        ({"Principal": {"AWS": "*"}}, "{'AWS': '*'}"),
        ({"Principal": {"AWS": ["arn:x", "*"]}}, "{'AWS': ['arn:x', '*']}"),
        ({"Condition": {"StringEquals": {"s3:x-amz-acl": "private"}}}, "'*'"),
        ({"Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}, "'*'"),
        ({"Condition": {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}}, "'*'"),
    ],
)
def test_a_policy_that_allows_everybody_is_named(
    messages_of: MessagesOf, changes: dict[str, Any], shown: str
) -> None:
    remedy = "name the principals, or add a condition that narrows them"
    assert messages_of("s3-policy-any-principal", POLICY, allowing(**changes)) == [
        f"policy.Statement[0].Principal is {shown}; {remedy}"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Deny"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Principal": {"Service": "logging.s3.amazonaws.com"}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"StringEquals": {"AWS:SourceVpce": "vpce-1"}}},
    ],
)
def test_a_policy_that_names_or_narrows_passes(messages_of: MessagesOf, changes: dict[str, Any]) -> None:
    assert messages_of("s3-policy-any-principal", POLICY, allowing(**changes)) == []


def test_a_policy_that_shuts_everybody_out_is_named(messages_of: MessagesOf) -> None:
    lockout = allowing(Effect="Deny", Action="s3:*")
    assert messages_of("s3-policy-lockout", POLICY, lockout) == [
        "policy.Statement[0].Action is 's3:*'; add a condition to the denial"
    ]
    for changes in (
        {"Action": "s3:GetObject"},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Principal": {"AWS": "arn:x"}},
        {"NotAction": "s3:PutBucketPolicy"},
    ):
        narrowed = {"Effect": "Deny", "Action": "s3:*", **changes}
        assert messages_of("s3-policy-lockout", POLICY, allowing(**narrowed)) == []
    assert messages_of("s3-policy-lockout", POLICY, allowing(Action="s3:*")) == []


def test_a_policy_that_is_not_known_is_counted(messages_of: MessagesOf) -> None:
    for policy in ("s3-policy-any-principal", "s3-policy-lockout"):
        assert messages_of(policy, POLICY, {"policy": UNKNOWN}) == ["unknown: policy"]


def test_an_unknown_statement_hides_nothing_about_the_others(messages_of: MessagesOf) -> None:
    open_ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    statements = [UNKNOWN, {**open_, "Principal": {"AWS": UNKNOWN}}, open_]
    remedy = "name the principals, or add a condition that narrows them"
    assert messages_of("s3-policy-any-principal", POLICY, {"policy": {"Statement": statements}}) == [
        f"policy.Statement[2].Principal is '*'; {remedy}",
        "unknown: policy.Statement[0]",
        "unknown: policy.Statement[1].Principal.AWS",
    ]

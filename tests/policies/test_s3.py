import json
from collections.abc import Callable
from typing import Any

import pytest

from policies.rule import Resource
from tests.policies.conftest import UNKNOWN, Said, resource, urn

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ON = {"daysAfterInitiation": 1}

PARTS: dict[str, dict[str, Any]] = {
    "Logging": {"targetBucket": "pipe-logs"},
    "Versioning": {"versioningConfiguration": {"status": "Enabled"}},
    "ServerSideEncryptionConfiguration": {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]
    },
    "LifecycleConfiguration": {
        "rules": [{"status": "Enabled", "filter": {"prefix": ""}, "abortIncompleteMultipartUpload": ON}]
    },
    "OwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    "PublicAccessBlock": {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    },
    "Policy": {"policy": json.dumps({"Statement": []})},
    "ObjectLockConfiguration": {"rule": {}},
    "ReplicationConfig": {"rules": [{"destination": {"bucket": "arn:aws:s3:::elsewhere"}}]},
}


def part(name: str, bucket: str | None = None, version: str = "", **changes: Any) -> Resource:
    """A sub-resource; with a bucket it names it, else it depends on `it`, as in a preview."""
    kind = f"aws:s3/bucket{name}{version}:Bucket{name}{version}"
    props = {"bucket": bucket or UNKNOWN, **PARTS[name], **changes}
    dependencies = {} if bucket else {"bucket": (urn(BUCKET),)}
    return resource(kind, props, name, property_dependencies=dependencies)


def bucket(name: str = "it", **props: Any) -> Resource:
    return resource(BUCKET, {"bucket": f"pipe-{name}", **props}, name)


MISSING: list[tuple[str, str, str, str]] = [
    ("s3-logging-missing", "Logging", "access logging", "add an aws.s3.BucketLogging"),
    (
        "s3-encryption-missing",
        "ServerSideEncryptionConfiguration",
        "encryption",
        "add an aws.s3.BucketServerSideEncryptionConfiguration",
    ),
    ("s3-versioning-off", "Versioning", "versioning", "add an aws.s3.BucketVersioning"),
    (
        "s3-public-access-block-missing",
        "PublicAccessBlock",
        "a public access block",
        "add an aws.s3.BucketPublicAccessBlock",
    ),
    ("s3-policy-missing", "Policy", "a policy", "add an aws.s3.BucketPolicy"),
    ("s3-object-lock-missing", "ObjectLockConfiguration", "object lock", "set objectLockEnabled to true"),
    ("s3-replication-missing", "ReplicationConfig", "replication", "add an aws.s3.BucketReplicationConfig"),
    (
        "s3-lifecycle-missing",
        "LifecycleConfiguration",
        "a lifecycle",
        "add an aws.s3.BucketLifecycleConfiguration",
    ),
]


@pytest.mark.parametrize(("policy", "name", "what", "remedy"), MISSING)
def test_a_sub_resource_is_matched_by_dependency_by_name_and_in_its_older_form(
    said_of_stack: Said, policy: str, name: str, what: str, remedy: str
) -> None:
    assert said_of_stack(policy, bucket(), part(name)) == []
    assert said_of_stack(policy, bucket(), part(name, "pipe-it")) == []
    assert said_of_stack(policy, bucket(), part(name, "pipe-it", "V2")) == []
    by_id = resource(BUCKET, {"id": "generated"})
    assert said_of_stack(policy, by_id, part(name, "generated")) == []


@pytest.mark.parametrize(("policy", "name", "what", "remedy"), MISSING)
def test_a_missing_sub_resource_is_named(
    said_of_stack: Said, policy: str, name: str, what: str, remedy: str
) -> None:
    expected = [f"bucket is 'pipe-it' without {what}; {remedy}"]
    assert said_of_stack(policy, bucket()) == expected
    assert said_of_stack(policy, bucket(), part(name, "another")) == expected
    assert said_of_stack(policy, resource(BUCKET, {})) == [f"the bucket is without {what}; {remedy}"]


@pytest.mark.parametrize(("policy", "name", "what", "remedy"), MISSING)
def test_one_that_may_be_any_bucket_s_is_unknown(
    said_of_stack: Said, policy: str, name: str, what: str, remedy: str
) -> None:
    loose = resource(f"aws:s3/bucket{name}:Bucket{name}", {**PARTS[name], "bucket": UNKNOWN})
    assert said_of_stack(policy, bucket(), loose) == ["unknown: bucket"]


INLINE: list[tuple[str, dict[str, Any]]] = [
    ("s3-logging-missing", {"loggings": [{"targetBucket": "x"}]}),
    ("s3-versioning-off", {"versioning": {"enabled": True}}),
    (
        "s3-encryption-missing",
        {
            "serverSideEncryptionConfiguration": {
                "rule": {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}
            }
        },
    ),
    ("s3-lifecycle-missing", {"lifecycleRules": [{"enabled": True}]}),
    ("s3-policy-missing", {"policy": "{}"}),
    ("s3-object-lock-missing", {"objectLockEnabled": True}),
    ("s3-replication-missing", {"replicationConfiguration": {"role": "x"}}),
]


@pytest.mark.parametrize(("policy", "props"), INLINE)
def test_a_block_of_the_bucket_itself_counts(said_of_stack: Said, policy: str, props: dict[str, Any]) -> None:
    assert said_of_stack(policy, bucket(**props)) == []


CHANGED: list[tuple[str, Resource, list[str]]] = [
    (
        "s3-versioning-off",
        part("Versioning", versioningConfiguration={"status": "Suspended"}),
        ["versioningConfiguration.status is 'Suspended'; set it to 'Enabled'"],
    ),
    (
        "s3-versioning-off",
        part("Versioning", versioningConfiguration={"status": UNKNOWN}),
        ["unknown: versioningConfiguration.status"],
    ),
    (
        "s3-encryption-without-kms",
        part(
            "ServerSideEncryptionConfiguration",
            rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        ),
        ["rules[0].applyServerSideEncryptionByDefault.sseAlgorithm is 'AES256'; set it to 'aws:kms'"],
    ),
    (
        "s3-acls-enabled",
        part("OwnershipControls", rule={"objectOwnership": "ObjectWriter"}),
        ["rule.objectOwnership is 'ObjectWriter'; set it to 'BucketOwnerEnforced'"],
    ),
    *(
        (
            "s3-incomplete-uploads-kept",
            part("LifecycleConfiguration", rules=[rule]),
            [
                "bucket is 'pipe-it' without an end to incomplete uploads; "
                "add abortIncompleteMultipartUpload to a lifecycle rule"
            ],
        )
        for rule in (
            {"status": "Disabled", "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled"},
            {"status": "Enabled", "filter": {"prefix": "a"}, "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "prefix": "a", "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "filter": {"tag": {"key": "a"}}, "abortIncompleteMultipartUpload": ON},
            {"status": "Enabled", "filter": {"and": {"prefix": "a"}}, "abortIncompleteMultipartUpload": ON},
        )
    ),
]


@pytest.mark.parametrize(("policy", "changed", "expected"), CHANGED)
def test_one_change_to_a_sub_resource_is_named(
    said_of_stack: Said, policy: str, changed: Resource, expected: list[str]
) -> None:
    name = next(name for name in PARTS if changed.type.endswith(f":Bucket{name}"))
    assert said_of_stack(policy, bucket(), part(name)) == []
    assert said_of_stack(policy, bucket(), changed) == expected


def test_inline_versioning_that_is_off_is_named(said_of_stack: Said) -> None:
    assert said_of_stack("s3-versioning-off", bucket(versioning={"enabled": False})) == [
        "versioning.enabled is False; set it to true"
    ]


def test_an_inline_lifecycle_may_abort_uploads_too(said_of_stack: Said) -> None:
    rule = {"enabled": True, "abortIncompleteMultipartUploadDays": 1}
    assert said_of_stack("s3-incomplete-uploads-kept", bucket(lifecycleRules=[rule])) == []
    assert said_of_stack("s3-incomplete-uploads-kept", bucket()) == []


def logs_by_target() -> list[Resource]:
    return [part("Logging", "pipe-it", targetBucket="pipe-logs")]


def logs_by_dependency() -> list[Resource]:
    dependencies = {"bucket": (urn(BUCKET),), "targetBucket": (urn(BUCKET, "logs"),)}
    props = {"bucket": UNKNOWN, "targetBucket": UNKNOWN}
    kind = "aws:s3/bucketLogging:BucketLogging"
    return [resource(kind, props, property_dependencies=dependencies)]


def logs_by_policy() -> list[Resource]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "*",
    }
    return [part("Policy", "pipe-logs", policy=json.dumps({"Statement": statement}))]


@pytest.mark.parametrize("how", [logs_by_target, logs_by_dependency, logs_by_policy])
@pytest.mark.parametrize("policy", ["s3-logging-missing", "s3-object-lock-missing", "s3-replication-missing"])
def test_a_bucket_of_logs_cannot_have_what_others_must(
    said_of_stack: Said, policy: str, how: Callable[[], list[Resource]]
) -> None:
    found = said_of_stack(policy, bucket(), bucket("logs"), *how())
    assert not any("pipe-logs" in text for text in found)
    assert any("'pipe-logs'" in text for text in said_of_stack(policy, bucket(), bucket("logs")))


def test_a_bucket_of_logs_is_encrypted_by_sse_s3(said_of_stack: Said) -> None:
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    encryption = part("ServerSideEncryptionConfiguration", "pipe-logs", rules=rules)
    policy = "s3-encryption-without-kms"
    assert said_of_stack(policy, bucket("logs"), encryption) != []
    assert said_of_stack(policy, bucket("logs"), bucket(), encryption, *logs_by_target()) == []


@pytest.mark.parametrize(
    "config",
    [
        part("ReplicationConfig", "pipe-it", rules=[{"destination": {"bucket": "arn:aws:s3:::pipe-copy"}}]),
        resource(
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            {"bucket": UNKNOWN, "rules": UNKNOWN},
            property_dependencies={"bucket": (urn(BUCKET),), "rules": (urn(BUCKET, "copy"), urn(BUCKET))},
        ),
    ],
)
def test_a_replica_needs_no_replica(said_of_stack: Said, config: Resource) -> None:
    assert said_of_stack("s3-replication-missing", bucket(), bucket("copy"), config) == []


@pytest.mark.parametrize(
    ("policy", "setting"),
    [
        ("s3-public-acls-accepted", "blockPublicAcls"),
        ("s3-public-policy-accepted", "blockPublicPolicy"),
        ("s3-public-acls-honoured", "ignorePublicAcls"),
        ("s3-public-buckets-unrestricted", "restrictPublicBuckets"),
    ],
)
def test_each_setting_of_a_public_access_block(said: Said, policy: str, setting: str) -> None:
    block = PARTS["PublicAccessBlock"]
    assert said(policy, BLOCK, block) == []
    assert said(policy, BLOCK, {**block, setting: False}) == [f"{setting} is False; set it to true"]
    assert said(policy, BLOCK, {}) == [f"{setting} is not set; set it to true"]
    assert said(policy, BLOCK, {**block, setting: UNKNOWN}) == [f"unknown: {setting}"]


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
def test_a_canned_acl(said: Said, kind: str, acl: str, reads: bool, writes: bool) -> None:
    expected = [f"acl is '{acl}'; set it to 'private'"]
    assert said(READ, kind, {"acl": acl}) == (expected if reads else [])
    assert said(WRITE, kind, {"acl": acl}) == (expected if writes else [])


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
def test_a_grant(said: Said, permission: str, uri: str, reads: bool, writes: bool) -> None:
    props = {"accessControlPolicy": {"grants": [{"permission": permission, "grantee": {"uri": uri}}]}}
    expected = [f"accessControlPolicy.grants[0].grantee.uri is '{uri}'; remove it"]
    assert said(READ, "aws:s3/bucketAcl:BucketAcl", props) == (expected if reads else [])
    assert said(WRITE, "aws:s3/bucketAcl:BucketAcl", props) == (expected if writes else [])


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
def test_a_policy_that_allows_everybody_is_named(said: Said, changes: dict[str, Any], shown: str) -> None:
    remedy = "name the principals, or add a condition that narrows them"
    assert said("s3-policy-any-principal", POLICY, allowing(**changes)) == [
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
def test_a_policy_that_names_or_narrows_passes(said: Said, changes: dict[str, Any]) -> None:
    assert said("s3-policy-any-principal", POLICY, allowing(**changes)) == []


def test_a_policy_that_shuts_everybody_out_is_named(said: Said) -> None:
    lockout = allowing(Effect="Deny", Action="s3:*")
    assert said("s3-policy-lockout", POLICY, lockout) == [
        "policy.Statement[0].Action is 's3:*'; add a condition to the denial"
    ]
    for changes in (
        {"Action": "s3:GetObject"},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Principal": {"AWS": "arn:x"}},
        {"NotAction": "s3:PutBucketPolicy"},
    ):
        narrowed = {"Effect": "Deny", "Action": "s3:*", **changes}
        assert said("s3-policy-lockout", POLICY, allowing(**narrowed)) == []
    assert said("s3-policy-lockout", POLICY, allowing(Action="s3:*")) == []

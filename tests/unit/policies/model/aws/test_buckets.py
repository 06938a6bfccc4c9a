import json
from collections.abc import Callable
from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.buckets import BUCKET, PARTS, bucket, part
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

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
    messages_of_stack: MessagesOf, policy: str, name: str, what: str, remedy: str
) -> None:
    assert messages_of_stack(policy, bucket(), part(name)) == []
    assert messages_of_stack(policy, bucket(), part(name, "pipe-it")) == []
    assert messages_of_stack(policy, bucket(), part(name, "pipe-it", "V2")) == []
    by_id = resource(BUCKET, {"id": "generated"})
    assert messages_of_stack(policy, by_id, part(name, "generated")) == []


@pytest.mark.parametrize(("policy", "name", "what", "remedy"), MISSING)
def test_a_missing_sub_resource_is_named(
    messages_of_stack: MessagesOf, policy: str, name: str, what: str, remedy: str
) -> None:
    expected = [f"bucket is 'pipe-it' without {what}; {remedy}"]
    assert messages_of_stack(policy, bucket()) == expected
    assert messages_of_stack(policy, bucket(), part(name, "another")) == expected
    other = resource(
        f"aws:s3/bucket{name}:Bucket{name}",
        {**PARTS[name], "bucket": "another"},
        property_dependencies={"bucket": (urn(BUCKET, bucket().name),)},
    )
    assert messages_of_stack(policy, bucket(), other) == expected
    assert messages_of_stack(policy, resource(BUCKET, {})) == [f"the bucket is without {what}; {remedy}"]


@pytest.mark.parametrize(("policy", "name", "what", "remedy"), MISSING)
def test_a_sub_resource_of_an_unknown_bucket_is_unknown(
    messages_of_stack: MessagesOf, policy: str, name: str, what: str, remedy: str
) -> None:
    loose = resource(f"aws:s3/bucket{name}:Bucket{name}", {**PARTS[name], "bucket": UNKNOWN})
    assert messages_of_stack(policy, bucket(), loose) == ["unknown: bucket"]


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
    ("s3-replication-missing", {"replicationConfiguration": {"rules": [{"status": "Enabled"}]}}),
]


@pytest.mark.parametrize(("policy", "props"), INLINE)
def test_a_block_of_the_bucket_itself_counts(
    messages_of_stack: MessagesOf, policy: str, props: dict[str, Any]
) -> None:
    assert messages_of_stack(policy, bucket(**props)) == []


def logs_by_target() -> list[Resource]:
    return [part("Logging", "pipe-it", targetBucket="pipe-logs")]


def logs_by_dependency() -> list[Resource]:
    dependencies = {"bucket": (urn(BUCKET),), "targetBucket": (urn(BUCKET, "logs"),)}
    props = {"bucket": UNKNOWN, "targetBucket": UNKNOWN}
    kind = "aws:s3/bucketLogging:BucketLogging"
    return [resource(kind, props, property_dependencies=dependencies)]


def logs_by_policy(service: str = "logging.s3.amazonaws.com") -> list[Resource]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": "*",
    }
    return [part("Policy", "pipe-logs", policy=json.dumps({"Statement": statement}))]


def logs_of_other_services() -> list[Resource]:
    return logs_by_policy("delivery.logs.amazonaws.com")


@pytest.mark.parametrize("how", [logs_by_target, logs_by_dependency, logs_by_policy, logs_of_other_services])
@pytest.mark.parametrize("policy", ["s3-logging-missing", "s3-object-lock-missing", "s3-replication-missing"])
def test_a_bucket_of_logs_is_exempt_from_settings_that_it_cannot_have(
    messages_of_stack: MessagesOf, policy: str, how: Callable[[], list[Resource]]
) -> None:
    messages = messages_of_stack(policy, bucket(), bucket("logs"), *how())
    assert not any("pipe-logs" in text for text in messages)
    assert any("'pipe-logs'" in text for text in messages_of_stack(policy, bucket(), bucket("logs")))


def test_a_bucket_of_logs_is_encrypted_by_sse_s3(messages_of_stack: MessagesOf) -> None:
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    encryption = part("ServerSideEncryptionConfiguration", "pipe-logs", rules=rules)
    policy = "s3-encryption-without-kms"
    assert messages_of_stack(policy, bucket("logs"), encryption) != []
    assert messages_of_stack(policy, bucket("logs"), bucket(), encryption, *logs_by_target()) == []


@pytest.mark.parametrize(
    "config",
    [
        part(
            "ReplicationConfig",
            "pipe-it",
            rules=[{"status": "Enabled", "destination": {"bucket": "arn:aws:s3:::pipe-copy"}}],
        ),
        resource(
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            {"bucket": UNKNOWN, "rules": [{"status": "Enabled", "destination": UNKNOWN}]},
            property_dependencies={"bucket": (urn(BUCKET),), "rules": (urn(BUCKET, "copy"), urn(BUCKET))},
        ),
    ],
)
def test_a_replica_needs_no_replica(messages_of_stack: MessagesOf, config: Resource) -> None:
    assert messages_of_stack("s3-replication-missing", bucket(), bucket("copy"), config) == []


@pytest.mark.parametrize("policy", ["s3-logging-missing", "s3-replication-missing"])
def test_a_policy_that_is_unknown_or_another_service_s_makes_no_bucket_of_logs(
    messages_of_stack: MessagesOf, policy: str
) -> None:
    for other in (part("Policy", "pipe-logs", policy=UNKNOWN), *logs_by_policy("s3.amazonaws.com")):
        assert any("'pipe-logs'" in text for text in messages_of_stack(policy, bucket("logs"), other))


def test_a_sub_resource_that_names_the_arn_belongs_to_the_bucket(messages_of_stack: MessagesOf) -> None:
    by_arn = resource(BUCKET, {"bucket": UNKNOWN, "arn": "arn:aws:s3:::pipe-it"})
    assert messages_of_stack("s3-versioning-off", by_arn, part("Versioning", "arn:aws:s3:::pipe-it")) == []

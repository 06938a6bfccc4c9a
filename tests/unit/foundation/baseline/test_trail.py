"""Tests of the trail, its bucket and its key."""

import json
from typing import Any

import pytest

from tests.support.components.fixtures import Recorder
from tests.support.components.iam import statements, verdict
from tests.support.foundation.baseline import DeclareBaseline, only

TRAIL = "arn:aws:cloudtrail:ap-northeast-1:123456789012:trail/pipe-trail"
OTHER = TRAIL.replace("pipe-trail", "other")
BUCKET = "arn:aws:s3:::pipe-trail-123456789012"
RECORD = f"{BUCKET}/AWSLogs/123456789012/CloudTrail/ap-northeast-1/2026/11/27/records.json.gz"
DELIVERY = {
    "s3:x-amz-acl": "bucket-owner-full-control",
    "s3:TlsVersion": "1.2",
    "aws:SecureTransport": "true",
}
ENCRYPTED = {"s3:x-amz-server-side-encryption": "aws:kms"}


def test_all_regions_are_recorded_with_signed_digests(declare_baseline: DeclareBaseline) -> None:
    trail = only(declare_baseline(), "aws:cloudtrail/trail:Trail")
    assert trail["name"] == "pipe-trail"
    for switch in (
        "isMultiRegionTrail",
        "includeGlobalServiceEvents",
        "enableLogFileValidation",
        "enableLogging",
    ):
        assert trail[switch] is True, switch
    assert trail["kmsKeyId"] == "arn:aws:mock:::trail"
    assert trail["s3BucketName"] == "pipe-trail-123456789012"


def test_the_trail_starts_after_its_bucket_is_ready(declare_baseline: DeclareBaseline) -> None:
    needed = declare_baseline().dependencies["aws:cloudtrail/trail:Trail", "trail"]
    assert ("aws:s3/bucketVersioning:BucketVersioning", "trail") in needed


def locks(recorder: Recorder) -> dict[str, Any]:
    configurations = recorder.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    return {name: lock["rule"]["defaultRetention"] for name, lock in configurations.items()}


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_records_and_their_copies_are_locked(declare_baseline: DeclareBaseline, mode: str) -> None:
    recorder = declare_baseline(trail={"lockMode": mode, "lockDays": 90})
    retention = {"mode": mode, "days": 90}
    assert locks(recorder) == {"trail": retention, "trail-copy": retention}


def test_records_expire(declare_baseline: DeclareBaseline) -> None:
    rules = declare_baseline(trail={"retentionDays": 500}).inputs[
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "trail"
    ]["rules"]
    assert next(rule for rule in rules if rule["id"] == "records")["expiration"] == {"days": 500}


@pytest.mark.parametrize(
    ("action", "resource", "context", "expected"),
    [
        ("s3:GetBucketAcl", BUCKET, {}, "allow"),
        ("s3:PutObject", RECORD, DELIVERY | ENCRYPTED, "allow"),
        ("s3:PutObject", RECORD, DELIVERY | ENCRYPTED | {"aws:SourceArn": OTHER}, "nothing"),
        ("s3:PutObject", RECORD, DELIVERY | {"s3:x-amz-acl": "public-read"}, "nothing"),
        ("s3:PutObject", f"{BUCKET}/AWSLogs/999999999999/x", DELIVERY, "nothing"),
        ("s3:PutObject", RECORD, DELIVERY | {"s3:TlsVersion": "1.1"}, "deny DenyOldTls"),
        ("s3:DeleteObject", RECORD, DELIVERY, "nothing"),
    ],
)
def test_only_this_trail_writes_to_the_bucket(
    declare_baseline: DeclareBaseline, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    policy = declare_baseline().inputs["aws:s3/bucketPolicy:BucketPolicy", "trail"]["policy"]
    assert verdict([policy], action, resource, {"aws:SourceArn": TRAIL} | context) == expected


@pytest.mark.parametrize(("source", "expected"), [(TRAIL, "allow"), (OTHER, "nothing")])
@pytest.mark.parametrize("action", ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"])
def test_only_this_trail_uses_the_key(
    declare_baseline: DeclareBaseline, action: str, source: str, expected: str
) -> None:
    policy = declare_baseline().inputs["aws:kms/key:Key", "trail"]["policy"]
    own = [statement for sid, statement in statements(policy).items() if sid.startswith("Trail")]
    context = {"aws:SourceArn": source, "kms:EncryptionContext:aws:cloudtrail:arn": TRAIL}
    assert verdict([json.dumps({"Statement": own})], action, "*", context) == expected


def test_the_copy_is_in_the_second_region_and_takes_no_other_uploads(
    declare_baseline: DeclareBaseline,
) -> None:
    recorder = declare_baseline()
    [provider] = [
        inputs for name, inputs in recorder.of_type("pulumi:providers:aws").items() if name == "trail-copy"
    ]
    assert provider["region"] == "ap-northeast-3"
    policy = recorder.inputs["aws:s3/bucketPolicy:BucketPolicy", "trail-copy"]["policy"]
    context = DELIVERY | ENCRYPTED | {"aws:SourceArn": TRAIL}
    assert verdict([policy], "s3:PutObject", f"{BUCKET}-copy/x", context) == "deny DenyAlgorithm"


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_buckets_and_keys(declare_baseline: DeclareBaseline, protect: bool) -> None:
    protected = declare_baseline(protect=protect).protected
    expected = {
        ("aws:s3/bucket:Bucket", "trail"),
        ("aws:s3/bucket:Bucket", "trail-copy"),
        ("aws:kms/key:Key", "trail"),
    }
    assert (protected & expected) == (expected if protect else set())


def test_a_trail_that_is_off_is_not_declared(declare_baseline: DeclareBaseline) -> None:
    recorder = declare_baseline(trail={"enabled": False}, breakGlass={"principals": []})
    assert recorder.of_type("aws:cloudtrail/trail:Trail") == recorder.of_type("aws:s3/bucket:Bucket") == {}

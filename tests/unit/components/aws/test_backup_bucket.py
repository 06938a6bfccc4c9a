"""Tests of the bucket for dumps, its replica in another region, and the buckets for their access logs.

The policy pack checks public access, versioning, encryption and key rotation of the same buckets;
tests/engine/test_stacks.py runs the pack on every stack.
"""

from functools import partial
from typing import Any

import pytest

from components.common.naming import Naming
from tests.support.components import aws
from tests.support.components.fixtures import Declare, Recorder, declare_once
from tests.support.components.iam import verdict

MAIN = ("backups", "backups-replica")
LOGS = ("backups-logs", "backups-replica-logs")


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.backup_bucket)


@pytest.fixture
def prod() -> Recorder:
    """Provide the buckets of prod; no test may change them."""
    return declare_once(aws.backup_bucket)


def of(recorder: Recorder, typ: str, bucket: str = "backups") -> dict[str, Any]:
    return recorder.of_type(f"aws:s3/{typ[0].lower()}{typ[1:]}:{typ}")[bucket]


def policy(recorder: Recorder, bucket: str) -> str:
    return of(recorder, "BucketPolicy", bucket)["policy"]


def arn(recorder: Recorder, bucket: str) -> str:
    return f"arn:aws:s3:::{of(recorder, 'Bucket', bucket)['bucket']}"


def test_prod_has_the_dumps_their_copies_and_the_access_logs_of_both(
    declare: Declare, naming: Naming
) -> None:
    buckets = declare().of_type("aws:s3/bucket:Bucket")
    names = {name: bucket["bucket"] for name, bucket in buckets.items()}
    assert names == {
        "backups": "pipe-backup",
        "backups-logs": "pipe-backup-logs",
        "backups-replica": "pipe-backup-replica",
        "backups-replica-logs": "pipe-backup-replica-logs",
    }
    for name, bucket in buckets.items():
        assert bucket["tags"] == naming.aws() | {"Name": names[name]}


def test_a_stack_without_a_copy_has_no_provider_or_replication(declare: Declare) -> None:
    recorder = declare("dev")
    assert set(recorder.of_type("aws:s3/bucket:Bucket")) == {"backups", "backups-logs"}
    types = {typ for typ, _ in recorder.inputs}
    replication = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
    assert not types & {"pulumi:providers:aws", replication}


def test_the_copy_is_in_the_second_region_of_the_same_account(declare: Declare) -> None:
    recorder = declare()
    provider = recorder.of_type("pulumi:providers:aws")["backups-replica"]
    assert (provider["region"], provider["allowedAccountIds"]) == ("ap-northeast-3", '["123456789012"]')
    for (typ, name), used in recorder.providers.items():
        if typ.startswith("aws:s3/"):
            assert ("backups-replica" in used) == name.startswith("backups-replica"), (typ, name)


@pytest.mark.parametrize("bucket", MAIN + LOGS)
def test_every_bucket_deletes_incomplete_uploads_and_old_versions(prod: Recorder, bucket: str) -> None:
    assert of(prod, "BucketLifecycleConfiguration", bucket)["rules"][-1] == {
        "id": "cleanup",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
        "expiration": {"expiredObjectDeleteMarker": True},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
    }


@pytest.mark.parametrize("bucket", LOGS)
def test_access_logs_are_encrypted_by_s3_itself_as_delivery_requires(prod: Recorder, bucket: str) -> None:
    [rule] = of(prod, "BucketServerSideEncryptionConfiguration", bucket)["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    assert of(prod, "BucketLogging", bucket.removesuffix("-logs"))["targetBucket"] == f"{bucket}-id"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "allow"),
        ({"aws:SourceAccount": "999999999999"}, "nothing"),
        ({"aws:SourceArn": "arn:aws:s3:::other"}, "nothing"),
    ],
)
def test_only_logs_of_the_own_bucket_and_account_are_delivered(
    prod: Recorder, change: dict[str, str], expected: str
) -> None:
    source = {"aws:SourceArn": "arn:aws:s3:::pipe-backup", "aws:SourceAccount": "123456789012"}
    resource = "arn:aws:s3:::pipe-backup-logs/access/x"
    document = policy(prod, "backups-logs")
    assert verdict([document], "s3:PutObject", resource, source | change) == expected


@pytest.mark.parametrize("bucket", MAIN + LOGS)
@pytest.mark.parametrize(
    ("secure", "version", "expected"),
    [
        ("false", "", "deny DenyPlainHttp"),
        ("true", "1.1", "deny DenyOldTls"),
        ("true", "1", "deny DenyOldTls"),
        ("true", "1.2", "nothing"),
        ("true", "1.3", "nothing"),
    ],
)
def test_only_tls_1_2_and_later_reaches_a_bucket(
    prod: Recorder, bucket: str, secure: str, version: str, expected: str
) -> None:
    context = {"aws:SecureTransport": secure} | ({"s3:TlsVersion": version} if version else {})
    for resource in (arn(prod, bucket), f"{arn(prod, bucket)}/latest.dump"):
        assert verdict([policy(prod, bucket)], "s3:GetObject", resource, context) == expected


ENCRYPTION = "s3:x-amz-server-side-encryption"


@pytest.mark.parametrize("bucket", MAIN)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "nothing"),
        ({ENCRYPTION: "aws:kms"}, "deny DenyAlgorithm"),
        ({ENCRYPTION: "AES256"}, "deny DenyAlgorithm"),
        ({f"{ENCRYPTION}-aws-kms-key-id": "arn:aws:kms:::key/other"}, "deny DenyKey"),
        ({f"{ENCRYPTION}-customer-algorithm": "AES256"}, "deny DenyCustomerKey"),
    ],
)
def test_an_upload_that_names_its_own_encryption_is_refused(
    prod: Recorder, bucket: str, headers: dict[str, str], expected: str
) -> None:
    upload = f"{arn(prod, bucket)}/latest.dump"
    context = {**headers, "aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
    assert verdict([policy(prod, bucket)], "s3:PutObject", upload, context) == expected


@pytest.mark.parametrize(("days", "tiers"), [(30, 0), (31, 1), (90, 1), (91, 2)])
def test_dumps_move_to_cheaper_classes_and_expire_but_latest_dump_stays(
    declare: Declare, days: int, tiers: int
) -> None:
    rule = of(declare(expireDays=days), "BucketLifecycleConfiguration")["rules"][0]
    assert rule["filter"] == {"prefix": "dumps/"}
    assert rule["expiration"] == {"days": days}
    transitions = [{"days": 30, "storageClass": "STANDARD_IA"}, {"days": 90, "storageClass": "GLACIER_IR"}]
    assert rule["transitions"] == transitions[:tiers], "S3 refuses a transition on the day of expiration"


@pytest.mark.parametrize("bucket", MAIN)
def test_retention_follows_the_settings_without_a_new_bucket(declare: Declare, bucket: str) -> None:
    lock = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    recorder = declare(lockDays=0)
    unlocked = dict(of(recorder, "Bucket", bucket))
    assert unlocked["objectLockEnabled"] is True
    assert recorder.of_type(lock) == {}
    declare(lockDays=14)
    assert of(recorder, "Bucket", bucket) == unlocked
    retention = recorder.of_type(lock)[bucket]["rule"]
    assert retention == {"defaultRetention": {"mode": "GOVERNANCE", "days": 14}}


def test_everything_is_copied_encrypted_again_and_deletions_are_not(declare: Declare) -> None:
    replication = of(declare(), "BucketReplicationConfig")
    assert replication["role"] == "arn:aws:iam::123456789012:role/pipe-test-backup-replication"
    [rule] = replication["rules"]
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}
    assert rule["filter"] == {"prefix": ""}
    assert rule["destination"] == {
        "bucket": "arn:aws:mock:::backups-replica",
        "storageClass": "STANDARD_IA",
        "encryptionConfiguration": {"replicaKmsKeyId": "arn:aws:mock:::backups-replica"},
    }


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_buckets_and_keys(declare: Declare, protect: bool) -> None:
    buckets = {("aws:s3/bucket:Bucket", name) for name in MAIN + LOGS}
    keys = {("aws:kms/key:Key", name) for name in MAIN}
    assert declare(protect=protect).protected == (buckets | keys if protect else set())


@pytest.mark.parametrize(
    ("configuration", "versioned"),
    [
        ("ReplicationConfig", MAIN),
        ("ObjectLockConfiguration", MAIN[:1]),
        ("LifecycleConfiguration", MAIN[:1]),
    ],
)
def test_a_configuration_waits_for_versioning(
    declare: Declare, configuration: str, versioned: tuple[str, ...]
) -> None:
    typ = f"aws:s3/bucket{configuration}:Bucket{configuration}"
    waits_for = declare().dependencies[typ, "backups"]
    assert {("aws:s3/bucketVersioning:BucketVersioning", name) for name in versioned} <= waits_for

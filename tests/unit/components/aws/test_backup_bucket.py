import json
from collections.abc import Callable
from typing import Any

import pytest

from components.aws.backup_bucket import BackupBucket, BackupBucketArgs
from components.common.naming import Naming
from components.settings.models.backups import Backups
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.iam_evaluation import verdict
from tests.support.components.resource_options import Options, predecessors, recording

MAIN = ("backups", "backups-replica")
LOGS = ("backups-logs", "backups-replica-logs")
Declare = Callable[..., Recorder]


@pytest.fixture
def options() -> Options:
    return {}


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any], options: Options) -> Declare:
    def run(stack: str = "prod", *, protect: bool = False, **changes: Any) -> Recorder:
        settings = topic(Backups, "backups", stack, **changes)
        args = BackupBucketArgs(settings=settings, naming=naming, protect=protect)
        evaluate(lambda: BackupBucket("backups", args, recording(options)).key_arn)
        return recorder

    return run


def policy(recorder: Recorder, bucket: str) -> str:
    return recorder.of_type("aws:s3/bucketPolicy:BucketPolicy")[bucket]["policy"]


def of(recorder: Recorder, typ: str, bucket: str = "backups") -> dict[str, Any]:
    return recorder.of_type(f"aws:s3/{typ[0].lower()}{typ[1:]}:{typ}")[bucket]


def test_prod_has_the_dumps_their_copies_and_the_access_logs_of_both(declare: Declare) -> None:
    buckets = declare().of_type("aws:s3/bucket:Bucket")
    assert {name: inputs["bucket"] for name, inputs in buckets.items()} == {
        "backups": "pipe-backup",
        "backups-logs": "pipe-backup-logs",
        "backups-replica": "pipe-backup-replica",
        "backups-replica-logs": "pipe-backup-replica-logs",
    }


def test_a_stack_without_a_copy_has_no_provider_role_or_replication(declare: Declare) -> None:
    recorder = declare("dev")
    assert set(recorder.of_type("aws:s3/bucket:Bucket")) == {"backups", "backups-logs"}
    assert not recorder.of_type("pulumi:providers:aws")
    assert not recorder.of_type("aws:iam/role:Role")
    assert not recorder.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")


def test_the_copy_lives_in_the_second_region(declare: Declare) -> None:
    recorder = declare()
    assert recorder.of_type("pulumi:providers:aws")["backups-replica"]["region"] == "ap-northeast-3"
    elsewhere = {name for (_, name), provider in recorder.providers.items() if "backups-replica" in provider}
    assert elsewhere == {"backups-replica", "backups-replica-logs"}
    at_home = {
        name for (_, name), provider in recorder.providers.items() if "backups-replica" not in provider
    }
    assert not {name for name in at_home if name.startswith("backups-replica-logs")}


@pytest.mark.parametrize("bucket", MAIN + LOGS)
def test_no_bucket_is_public_or_has_acls_and_each_keeps_versions(declare: Declare, bucket: str) -> None:
    recorder = declare()
    block = of(recorder, "BucketPublicAccessBlock", bucket)
    assert [block[key] for key in sorted(block) if key != "bucket"] == [True] * 4
    assert of(recorder, "BucketOwnershipControls", bucket)["rule"] == {
        "objectOwnership": "BucketOwnerEnforced"
    }
    assert of(recorder, "BucketVersioning", bucket)["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize("bucket", MAIN)
def test_objects_are_encrypted_with_a_rotating_key_of_the_bucket(declare: Declare, bucket: str) -> None:
    recorder = declare()
    [rule] = of(recorder, "BucketServerSideEncryptionConfiguration", bucket)["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {
            "sseAlgorithm": "aws:kms",
            "kmsMasterKeyId": f"arn:aws:mock:::{bucket}",
        },
        "bucketKeyEnabled": True,
    }
    key = recorder.of_type("aws:kms/key:Key")[bucket]
    assert key["enableKeyRotation"] is True
    [statement] = json.loads(key["policy"])["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize("bucket", LOGS)
def test_access_logs_are_encrypted_by_s3_itself_as_delivery_requires(declare: Declare, bucket: str) -> None:
    recorder = declare()
    [rule] = of(recorder, "BucketServerSideEncryptionConfiguration", bucket)["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    logged = bucket.removesuffix("-logs")
    assert of(recorder, "BucketLogging", logged)["targetBucket"] == f"{bucket}-id"


def test_logs_are_delivered_for_our_own_bucket_and_account_only(declare: Declare) -> None:
    document = policy(declare(), "backups-logs")
    source = {"aws:SourceArn": "arn:aws:s3:::pipe-backup", "aws:SourceAccount": "123456789012"}
    resource = "arn:aws:s3:::pipe-backup-logs/access/x"
    assert verdict([document], "s3:PutObject", resource, source) == "allow"
    stranger = source | {"aws:SourceAccount": "999999999999"}
    assert verdict([document], "s3:PutObject", resource, stranger) == "nothing"
    other = source | {"aws:SourceArn": "arn:aws:s3:::other"}
    assert verdict([document], "s3:PutObject", resource, other) == "nothing"


@pytest.mark.parametrize("bucket", MAIN + LOGS)
@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"aws:SecureTransport": "false"}, "deny DenyPlainHttp"),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"}, "deny DenyOldTls"),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1"}, "deny DenyOldTls"),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.2"}, "nothing"),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}, "nothing"),
    ],
)
def test_only_tls_1_2_and_later_reaches_a_bucket(
    declare: Declare, bucket: str, context: dict[str, str], expected: str
) -> None:
    recorder = declare()
    arn = f"arn:aws:s3:::{of(recorder, 'Bucket', bucket)['bucket']}"
    for resource in (arn, f"{arn}/latest.dump"):
        assert verdict([policy(recorder, bucket)], "s3:GetObject", resource, context) == expected


ALGORITHM = "s3:x-amz-server-side-encryption"
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER = "s3:x-amz-server-side-encryption-customer-algorithm"


@pytest.mark.parametrize("bucket", MAIN)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "nothing"),
        ({ALGORITHM: "aws:kms"}, "deny DenyAlgorithm"),
        ({ALGORITHM: "AES256"}, "deny DenyAlgorithm"),
        ({KEY: "arn:aws:kms:::key/other"}, "deny DenyKey"),
        ({CUSTOMER: "AES256"}, "deny DenyCustomerKey"),
    ],
)
def test_an_upload_takes_the_buckets_encryption_or_none_is_accepted(
    declare: Declare, bucket: str, headers: dict[str, str], expected: str
) -> None:
    recorder = declare()
    upload = f"arn:aws:s3:::{of(recorder, 'Bucket', bucket)['bucket']}/latest.dump"
    context = {**headers, "aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
    assert verdict([policy(recorder, bucket)], "s3:PutObject", upload, context) == expected


@pytest.mark.parametrize("bucket", MAIN + LOGS)
def test_every_bucket_cleans_up_uploads_and_old_versions(declare: Declare, bucket: str) -> None:
    rules = of(declare(), "BucketLifecycleConfiguration", bucket)["rules"]
    assert rules[-1] == {
        "id": "cleanup",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
        "expiration": {"expiredObjectDeleteMarker": True},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
    }


def dump_rule(recorder: Recorder) -> dict[str, Any]:
    return of(recorder, "BucketLifecycleConfiguration")["rules"][0]


def test_dumps_move_to_cheaper_classes_and_expire_but_latest_dump_stays(declare: Declare) -> None:
    rule = dump_rule(declare(expireDays=365))
    assert rule["filter"] == {"prefix": "dumps/"}
    assert rule["expiration"] == {"days": 365}
    assert rule["transitions"] == [
        {"days": 30, "storageClass": "STANDARD_IA"},
        {"days": 90, "storageClass": "GLACIER_IR"},
    ]


@pytest.mark.parametrize(("days", "tiers"), [(30, 0), (31, 1), (90, 1), (91, 2)])
def test_a_dump_never_moves_on_the_day_it_expires(declare: Declare, days: int, tiers: int) -> None:
    assert len(dump_rule(declare(expireDays=days))["transitions"]) == tiers


@pytest.mark.parametrize("bucket", MAIN)
def test_governance_lock_keeps_new_versions_where_the_settings_ask(declare: Declare, bucket: str) -> None:
    recorder = declare(lockDays=14)
    assert of(recorder, "Bucket", bucket)["objectLockEnabled"] is True
    lock = of(recorder, "BucketObjectLockConfiguration", bucket)
    assert lock["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 14}}


def test_no_lock_days_means_no_retention(declare: Declare) -> None:
    recorder = declare(lockDays=0)
    assert not recorder.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")


@pytest.mark.parametrize("bucket", MAIN)
def test_a_retention_can_be_set_later_without_another_bucket(declare: Declare, bucket: str) -> None:
    before = dict(of(declare(lockDays=0), "Bucket", bucket))
    assert before["objectLockEnabled"] is True
    assert of(declare(lockDays=14), "Bucket", bucket) == before


def test_the_provider_of_the_copy_works_in_the_account_of_the_stack_alone(declare: Declare) -> None:
    [provider] = declare().of_type("pulumi:providers:aws").values()
    assert json.loads(provider["allowedAccountIds"]) == ["123456789012"]


def test_everything_is_copied_encrypted_again_and_deletions_are_not(declare: Declare) -> None:
    recorder = declare()
    replication = of(recorder, "BucketReplicationConfig")
    assert replication["role"] == "arn:aws:mock:::backups"
    [rule] = replication["rules"]
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}
    assert rule["filter"] == {"prefix": ""}
    assert rule["destination"] == {
        "bucket": "arn:aws:mock:::backups-replica",
        "storageClass": "STANDARD_IA",
        "encryptionConfiguration": {"replicaKmsKeyId": "arn:aws:mock:::backups-replica"},
    }


def test_the_role_that_copies_reads_one_bucket_and_writes_the_other(declare: Declare) -> None:
    recorder = declare()
    role = recorder.of_type("aws:iam/role:Role")["backups"]
    assert role["name"] == "pipe-test-backups-replication"
    assert role["permissionsBoundary"] == "arn:aws:iam::123456789012:policy/pipe-test-boundary"
    [document] = [recorder.of_type("aws:iam/rolePolicy:RolePolicy")["backups"]["policy"]]
    main, copy = "arn:aws:mock:::backups", "arn:aws:mock:::backups-replica"
    here = {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}
    there = {"kms:ViaService": "s3.ap-northeast-3.amazonaws.com"}
    assert verdict([document], "s3:GetObjectVersionForReplication", f"{main}/x", {}) == "allow"
    assert verdict([document], "s3:ReplicateObject", f"{copy}/x", {}) == "allow"
    assert verdict([document], "s3:ReplicateObject", f"{main}/x", {}) == "nothing"
    assert verdict([document], "s3:ReplicateDelete", f"{copy}/x", {}) == "nothing"
    assert verdict([document], "kms:Decrypt", main, here) == "allow"
    assert verdict([document], "kms:Decrypt", main, {}) == "nothing"
    assert verdict([document], "kms:GenerateDataKey", copy, there) == "allow"
    assert verdict([document], "kms:Decrypt", copy, there) == "nothing"


def test_everything_carries_the_stacks_tags(declare: Declare) -> None:
    for inputs in declare().of_type("aws:s3/bucket:Bucket").values():
        assert inputs["tags"] == {
            "service": "pipe",
            "env": "test",
            "team": "platform",
            "managed-by": "pulumi",
            "Name": inputs["bucket"],
        }


@pytest.mark.parametrize("protect", [True, False])
def test_buckets_and_keys_are_protected_where_the_settings_ask(
    declare: Declare, options: Options, protect: bool
) -> None:
    declare(protect=protect)
    kept = {key for key, opts in options.items() if opts.protect}
    buckets = {("aws:s3/bucket:Bucket", name) for name in MAIN + LOGS}
    keys = {("aws:kms/key:Key", name) for name in MAIN}
    assert kept == (buckets | keys if protect else set())


def test_nothing_is_copied_or_locked_before_versions_are_kept(declare: Declare, options: Options) -> None:
    declare()
    for typ, versioned in {
        "bucketReplicationConfig:BucketReplicationConfig": {"backups", "backups-replica"},
        "bucketObjectLockConfiguration:BucketObjectLockConfiguration": {"backups"},
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"backups"},
    }.items():
        assert versioned <= predecessors(options[f"aws:s3/{typ}", "backups"], "BucketVersioning")

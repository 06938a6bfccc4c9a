"""The calls for the versions, the lifetime and the replicas of a bucket's objects."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls
from sandbox.providers.aws.calls.s3.settings import bucket_id, object_lock, put_setting
from sandbox.wire.values import Json


def _lock_configuration(response: Json, context: Context) -> Json | None:
    lock = object_lock(response)
    if not lock.get("Rule"):
        return None
    retention: Json = lock["Rule"].get("DefaultRetention", {})
    default = {
        "mode": retention.get("Mode"),
        "days": retention.get("Days") or None,
        "years": retention.get("Years") or None,
    }
    return {
        "bucket": context.id,
        "objectLockEnabled": lock.get("ObjectLockEnabled"),
        "rule": {"defaultRetention": default},
    }


def _versioning(response: Json, context: Context) -> Json | None:
    status = response.get("Status")
    configuration = {"status": status, "mfaDelete": response.get("MFADelete")}
    return {"bucket": context.id, "versioningConfiguration": configuration} if status else None


def _replication(response: Json, context: Context) -> Json | None:
    configuration: Json = response.get("ReplicationConfiguration", {})
    return {
        "bucket": context.id,
        "role": configuration.get("Role"),
        "rules": configuration.get("Rules"),
    }


LIFECYCLE = put_setting(
    "PutBucketLifecycleConfiguration",
    ("rules", "transitionDefaultMinimumObjectSize"),
    lambda context: {
        "LifecycleConfiguration": {"Rules": context["rules"]},
        "TransitionDefaultMinimumObjectSize": context["transitionDefaultMinimumObjectSize"],
    },
)

OBJECT_LOCK = put_setting(
    "PutObjectLockConfiguration",
    ("rule",),
    lambda context: {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": context["rule"]}},
)

REPLICATION = put_setting(
    "PutBucketReplication",
    ("role", "rules"),
    lambda context: {"ReplicationConfiguration": {"Role": context["role"], "Rules": context["rules"]}},
)

CALLS: Mapping[str, ResourceCalls] = {
    "aws:s3/bucketVersioning:BucketVersioning": ResourceCalls(
        service="s3",
        stays=True,
        create=Change(action="PutBucketVersioning"),
        read=(
            Read(action="GetBucketVersioning", arguments=bucket_id, take=_versioning),
            Read(
                action="GetObjectLockConfiguration",
                arguments=bucket_id,
                take=lambda response, context: {"locked": object_lock(response).get("ObjectLockEnabled")},
            ),
        ),
        update=(
            Change(action="PutBucketVersioning", when=("versioningConfiguration",), arguments=bucket_id),
        ),
        # As in the provider, a bucket with Object Lock stays versioned.
        delete=(
            Change(
                action="PutBucketVersioning",
                condition=lambda context: (
                    context.live["versioningConfiguration"]["status"] == "Enabled"
                    and not context.live.get("locked")
                ),
                arguments=lambda context: {
                    "Bucket": context.id,
                    "VersioningConfiguration": {"Status": "Suspended"},
                },
            ),
        ),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ResourceCalls(
        service="s3",
        create=LIFECYCLE[0],
        read=(
            Read(
                action="GetBucketLifecycleConfiguration",
                arguments=bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rules": response.get("Rules"),
                    "transitionDefaultMinimumObjectSize": response.get("TransitionDefaultMinimumObjectSize"),
                },
            ),
        ),
        update=LIFECYCLE[1:],
        delete=(Change(action="DeleteBucketLifecycle", arguments=bucket_id),),
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": ResourceCalls(
        service="s3",
        create=OBJECT_LOCK[0],
        local=("token",),
        read=(Read(action="GetObjectLockConfiguration", arguments=bucket_id, take=_lock_configuration),),
        update=OBJECT_LOCK[1:],
        delete=(
            Change(
                action="PutObjectLockConfiguration",
                arguments=lambda context: {
                    "Bucket": context.id,
                    "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"},
                },
            ),
        ),
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": ResourceCalls(
        service="s3",
        unchecked=(
            "whether the role exists, which S3 does not check either: replication then fails with"
            " AssumeRoleNotPermitted"
        ),
        create=REPLICATION[0],
        read=(Read(action="GetBucketReplication", arguments=bucket_id, take=_replication),),
        update=REPLICATION[1:],
        delete=(Change(action="DeleteBucketReplication", arguments=bucket_id),),
    ),
}

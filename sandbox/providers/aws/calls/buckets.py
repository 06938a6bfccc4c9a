"""The calls for buckets and their settings, and for the account's block of public access (S3 API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Arguments, Change, Context, Read, ResourceCalls, extended, first
from sandbox.wire.values import Json

PUBLIC_ACCESS = {
    "blockPublicAcls": "BlockPublicAcls",
    "ignorePublicAcls": "IgnorePublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def _bucket_id(context: Context) -> Json:
    return {"Bucket": context.id}


def _new_bucket(context: Context) -> Json:
    location = context.region if context.region != "us-east-1" else None
    return {
        "Bucket": context["bucket"],
        "CreateBucketConfiguration": {"LocationConstraint": location},
        "ObjectLockEnabledForBucket": context["objectLockEnabled"],
    }


def _bucket(response: Json, context: Context) -> Json | None:
    return {
        "bucket": context.id,
        "arn": f"arn:aws:s3:::{context.id}",
        "bucketRegion": context.region,
        "bucketDomainName": f"{context.id}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{context.id}.s3.{context.region}.amazonaws.com",
    }


def _has_object_lock(response: Json, context: Context) -> Json | None:
    return {"objectLockEnabled": _lock(response).get("ObjectLockEnabled") == "Enabled"}


def _lock(response: Json) -> Json:
    return response.get("ObjectLockConfiguration", {})


def _lock_configuration(response: Json, context: Context) -> Json | None:
    lock = _lock(response)
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


def _logging(response: Json, context: Context) -> Json | None:
    logging: Json | None = response.get("LoggingEnabled")
    return logging and {
        "bucket": context.id,
        "targetBucket": logging.get("TargetBucket"),
        "targetPrefix": logging.get("TargetPrefix"),
    }


def _replication(response: Json, context: Context) -> Json | None:
    configuration: Json = response.get("ReplicationConfiguration", {})
    return {
        "bucket": context.id,
        "role": configuration.get("Role"),
        "rules": configuration.get("Rules"),
    }


def _account_block(context: Context) -> Json:
    return {api_name: context[name] or False for name, api_name in PUBLIC_ACCESS.items()}


def _put(action: str, names: tuple[str, ...], settings: Arguments) -> tuple[Change, Change]:
    """Return the calls that create and change a setting of a bucket."""
    create = Change(
        action=action, arguments=lambda context: {"Bucket": context["bucket"], **settings(context)}
    )
    update = Change(
        action=action,
        when=names,
        arguments=lambda context: {"Bucket": context.id, **settings(context)},
    )
    return create, update


ENCRYPTION = _put(
    "PutBucketEncryption",
    ("rules",),
    lambda context: {"ServerSideEncryptionConfiguration": {"Rules": context["rules"]}},
)
PUBLIC_ACCESS_BLOCK = _put(
    "PutPublicAccessBlock",
    tuple(PUBLIC_ACCESS),
    lambda context: {
        "PublicAccessBlockConfiguration": {api: context[name] for name, api in PUBLIC_ACCESS.items()}
    },
)
OWNERSHIP = _put(
    "PutBucketOwnershipControls",
    ("rule",),
    lambda context: {"OwnershipControls": {"Rules": context["rule"]}},
)
LIFECYCLE = _put(
    "PutBucketLifecycleConfiguration",
    ("rules", "transitionDefaultMinimumObjectSize"),
    lambda context: {
        "LifecycleConfiguration": {"Rules": context["rules"]},
        "TransitionDefaultMinimumObjectSize": context["transitionDefaultMinimumObjectSize"],
    },
)
OBJECT_LOCK = _put(
    "PutObjectLockConfiguration",
    ("rule",),
    lambda context: {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": context["rule"]}},
)
LOGGING = _put(
    "PutBucketLogging",
    ("targetBucket", "targetPrefix"),
    lambda context: {
        "BucketLoggingStatus": {
            "LoggingEnabled": {
                "TargetBucket": context["targetBucket"],
                "TargetPrefix": context["targetPrefix"],
            }
        }
    },
)
REPLICATION = _put(
    "PutBucketReplication",
    ("role", "rules"),
    lambda context: {"ReplicationConfiguration": {"Role": context["role"], "Rules": context["rules"]}},
)

CALLS: Mapping[str, ResourceCalls] = {
    "aws:s3/bucket:Bucket": ResourceCalls(
        service="s3",
        create=Change(action="CreateBucket", arguments=_new_bucket),
        local=("forceDestroy",),
        read=(
            Read(action="HeadBucket", arguments=_bucket_id, take=_bucket),
            Read(action="GetObjectLockConfiguration", arguments=_bucket_id, take=_has_object_lock),
            Read(
                action="GetBucketTagging",
                arguments=_bucket_id,
                take=lambda response, context: {"tags": response.get("TagSet")},
            ),
        ),
        delete=(Change(action="DeleteBucket", arguments=_bucket_id),),
    ),
    # A bucket always has an encryption setting.
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ResourceCalls(
        service="s3",
        stays=True,
        create=ENCRYPTION[0],
        read=(
            Read(
                action="GetBucketEncryption",
                arguments=_bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rules": response.get("ServerSideEncryptionConfiguration", {}).get("Rules"),
                },
            ),
        ),
        update=ENCRYPTION[1:],
        delete=(Change(action="DeleteBucketEncryption", arguments=_bucket_id),),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ResourceCalls(
        service="s3",
        create=PUBLIC_ACCESS_BLOCK[0],
        local=("skipDestroy",),
        read=(
            Read(
                action="GetPublicAccessBlock",
                arguments=_bucket_id,
                take=lambda response, context: extended(
                    response.get("PublicAccessBlockConfiguration"), bucket=context.id
                ),
            ),
        ),
        update=PUBLIC_ACCESS_BLOCK[1:],
        delete=(Change(action="DeletePublicAccessBlock", arguments=_bucket_id),),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ResourceCalls(
        service="s3",
        create=OWNERSHIP[0],
        read=(
            Read(
                action="GetBucketOwnershipControls",
                arguments=_bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rule": first(response.get("OwnershipControls", {}).get("Rules")),
                },
            ),
        ),
        update=OWNERSHIP[1:],
        delete=(Change(action="DeleteBucketOwnershipControls", arguments=_bucket_id),),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ResourceCalls(
        service="s3",
        unchecked="whether the principals of other accounts exist",
        create=Change(action="PutBucketPolicy"),
        read=(
            Read(
                action="GetBucketPolicy",
                arguments=_bucket_id,
                take=lambda response, context: {"bucket": context.id, "policy": response.get("Policy")},
            ),
        ),
        update=(Change(action="PutBucketPolicy", when=("policy",), arguments=_bucket_id),),
        delete=(Change(action="DeleteBucketPolicy", arguments=_bucket_id),),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ResourceCalls(
        service="s3",
        stays=True,
        create=Change(action="PutBucketVersioning"),
        read=(
            Read(action="GetBucketVersioning", arguments=_bucket_id, take=_versioning),
            Read(
                action="GetObjectLockConfiguration",
                arguments=_bucket_id,
                take=lambda response, context: {"locked": _lock(response).get("ObjectLockEnabled")},
            ),
        ),
        update=(
            Change(action="PutBucketVersioning", when=("versioningConfiguration",), arguments=_bucket_id),
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
                arguments=_bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rules": response.get("Rules"),
                    "transitionDefaultMinimumObjectSize": response.get("TransitionDefaultMinimumObjectSize"),
                },
            ),
        ),
        update=LIFECYCLE[1:],
        delete=(Change(action="DeleteBucketLifecycle", arguments=_bucket_id),),
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": ResourceCalls(
        service="s3",
        create=OBJECT_LOCK[0],
        local=("token",),
        read=(Read(action="GetObjectLockConfiguration", arguments=_bucket_id, take=_lock_configuration),),
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
    "aws:s3/bucketLogging:BucketLogging": ResourceCalls(
        service="s3",
        create=LOGGING[0],
        read=(Read(action="GetBucketLogging", arguments=_bucket_id, take=_logging),),
        update=LOGGING[1:],
        delete=(
            Change(
                action="PutBucketLogging",
                arguments=lambda context: {"Bucket": context.id, "BucketLoggingStatus": {}},
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
        read=(Read(action="GetBucketReplication", arguments=_bucket_id, take=_replication),),
        update=REPLICATION[1:],
        delete=(Change(action="DeleteBucketReplication", arguments=_bucket_id),),
    ),
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": ResourceCalls(
        service="s3control",
        create=Change(
            action="PutPublicAccessBlock",
            bare=True,
            arguments=lambda context: {
                "AccountId": context["accountId"] or context.account,
                "PublicAccessBlockConfiguration": _account_block(context),
            },
        ),
        read=(
            Read(
                action="GetPublicAccessBlock",
                arguments=lambda context: {"AccountId": context.id},
                take=lambda response, context: extended(
                    response.get("PublicAccessBlockConfiguration"), accountId=context.id
                ),
            ),
        ),
        update=(
            Change(
                action="PutPublicAccessBlock",
                when=tuple(PUBLIC_ACCESS),
                arguments=lambda context: {
                    "AccountId": context.id,
                    "PublicAccessBlockConfiguration": _account_block(context),
                },
            ),
        ),
        delete=(
            Change(action="DeletePublicAccessBlock", arguments=lambda context: {"AccountId": context.id}),
        ),
    ),
}

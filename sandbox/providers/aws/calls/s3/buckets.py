"""The calls for buckets, their access, encryption and logs, and for the account's block of public access."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls, extended, first
from sandbox.providers.aws.calls.s3.settings import bucket_id, object_lock, put_setting
from sandbox.wire.values import Json

PUBLIC_ACCESS = {
    "blockPublicAcls": "BlockPublicAcls",
    "ignorePublicAcls": "IgnorePublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


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
    return {"objectLockEnabled": object_lock(response).get("ObjectLockEnabled") == "Enabled"}


def _logging(response: Json, context: Context) -> Json | None:
    logging: Json | None = response.get("LoggingEnabled")
    return logging and {
        "bucket": context.id,
        "targetBucket": logging.get("TargetBucket"),
        "targetPrefix": logging.get("TargetPrefix"),
    }


def _account_block(context: Context) -> Json:
    return {api_name: context[name] or False for name, api_name in PUBLIC_ACCESS.items()}


ENCRYPTION = put_setting(
    "PutBucketEncryption",
    ("rules",),
    lambda context: {"ServerSideEncryptionConfiguration": {"Rules": context["rules"]}},
)

PUBLIC_ACCESS_BLOCK = put_setting(
    "PutPublicAccessBlock",
    tuple(PUBLIC_ACCESS),
    lambda context: {
        "PublicAccessBlockConfiguration": {api: context[name] for name, api in PUBLIC_ACCESS.items()}
    },
)

OWNERSHIP = put_setting(
    "PutBucketOwnershipControls",
    ("rule",),
    lambda context: {"OwnershipControls": {"Rules": context["rule"]}},
)

LOGGING = put_setting(
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

CALLS: Mapping[str, ResourceCalls] = {
    "aws:s3/bucket:Bucket": ResourceCalls(
        service="s3",
        create=Change(action="CreateBucket", arguments=_new_bucket),
        local=("forceDestroy",),
        read=(
            Read(action="HeadBucket", arguments=bucket_id, take=_bucket),
            Read(action="GetObjectLockConfiguration", arguments=bucket_id, take=_has_object_lock),
            Read(
                action="GetBucketTagging",
                arguments=bucket_id,
                take=lambda response, context: {"tags": response.get("TagSet")},
            ),
        ),
        delete=(Change(action="DeleteBucket", arguments=bucket_id),),
    ),
    # A bucket always has an encryption setting.
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ResourceCalls(
        service="s3",
        stays=True,
        create=ENCRYPTION[0],
        read=(
            Read(
                action="GetBucketEncryption",
                arguments=bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rules": response.get("ServerSideEncryptionConfiguration", {}).get("Rules"),
                },
            ),
        ),
        update=ENCRYPTION[1:],
        delete=(Change(action="DeleteBucketEncryption", arguments=bucket_id),),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ResourceCalls(
        service="s3",
        create=PUBLIC_ACCESS_BLOCK[0],
        local=("skipDestroy",),
        read=(
            Read(
                action="GetPublicAccessBlock",
                arguments=bucket_id,
                take=lambda response, context: extended(
                    response.get("PublicAccessBlockConfiguration"), bucket=context.id
                ),
            ),
        ),
        update=PUBLIC_ACCESS_BLOCK[1:],
        delete=(Change(action="DeletePublicAccessBlock", arguments=bucket_id),),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ResourceCalls(
        service="s3",
        create=OWNERSHIP[0],
        read=(
            Read(
                action="GetBucketOwnershipControls",
                arguments=bucket_id,
                take=lambda response, context: {
                    "bucket": context.id,
                    "rule": first(response.get("OwnershipControls", {}).get("Rules")),
                },
            ),
        ),
        update=OWNERSHIP[1:],
        delete=(Change(action="DeleteBucketOwnershipControls", arguments=bucket_id),),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ResourceCalls(
        service="s3",
        unchecked="whether the principals of other accounts exist",
        create=Change(action="PutBucketPolicy"),
        read=(
            Read(
                action="GetBucketPolicy",
                arguments=bucket_id,
                take=lambda response, context: {"bucket": context.id, "policy": response.get("Policy")},
            ),
        ),
        update=(Change(action="PutBucketPolicy", when=("policy",), arguments=bucket_id),),
        delete=(Change(action="DeleteBucketPolicy", arguments=bucket_id),),
    ),
    "aws:s3/bucketLogging:BucketLogging": ResourceCalls(
        service="s3",
        create=LOGGING[0],
        read=(Read(action="GetBucketLogging", arguments=bucket_id, take=_logging),),
        update=LOGGING[1:],
        delete=(
            Change(
                action="PutBucketLogging",
                arguments=lambda context: {"Bucket": context.id, "BucketLoggingStatus": {}},
            ),
        ),
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

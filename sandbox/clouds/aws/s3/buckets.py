"""Buckets: names, owners, encryption, versioning, Object Lock and tags (S3 API)."""

import re

from sandbox.clouds.aws.lookups import key_state
from sandbox.clouds.aws.registry import completes, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

NAME = re.compile(r"(?!xn--)(?!.*-s3alias$)(?![\d.]+$)[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]")
"""The form of a bucket's name (S3 user guide, bucket naming rules)."""

ENCRYPTION: Json = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}
"""The default encryption of a bucket: since 2023, S3 encrypts every bucket."""

PUBLIC_ACCESS_BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
"""The default public access block of a bucket, which every new bucket has since 2023."""


def bucket_names(request: AwsRequest) -> list[str]:
    """Return the names of the account's buckets."""
    return [bucket["Name"] for bucket in request.look("ListBuckets", "s3")["Buckets"]]


def invalid_state(message: str) -> ErrorResponse:
    """Return the error for a bucket whose settings exclude the requested one."""
    return ErrorResponse(409, message, "InvalidBucketState")


def _has_object_lock(request: AwsRequest) -> bool:
    lock = request.look_if_there("GetObjectLockConfiguration", Bucket=request.params["Bucket"])
    return bool((lock or {}).get("ObjectLockConfiguration", {}).get("ObjectLockEnabled"))


@refuses("s3:CreateBucket")
def invalid_name(request: AwsRequest) -> None:
    """Refuse a name that S3 does not allow."""
    name = request.params["Bucket"]
    if not NAME.fullmatch(name):
        message = (
            f"The specified bucket is not valid: {name}; a name has 3 to 63 characters of a-z, 0-9, - and .,"
            " and the first and the last are of a-z, 0-9"
        )
        raise ErrorResponse(400, message, "InvalidBucketName")


@refuses("s3:HeadBucket")
def bucket_of_another_account(request: AwsRequest) -> None:
    """Refuse an expected owner that is another account.

    The code is the status, since the response to HEAD has no body (S3 API, HeadBucket).
    """
    owner = request.params.get("ExpectedBucketOwner")
    if owner and owner != request.account and request.params["Bucket"] in bucket_names(request):
        raise ErrorResponse(403, "Forbidden", "403")


@refuses("s3:PutBucketVersioning")
def versioning_of_locked_bucket(request: AwsRequest) -> None:
    """Refuse to suspend the versioning of a bucket with Object Lock.

    From this message, the plugin recognises that Object Lock keeps the bucket versioned.
    """
    if request.params["VersioningConfiguration"].get("Status") == "Suspended" and _has_object_lock(request):
        raise invalid_state(
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be"
            " changed."
        )


@refuses("s3:PutBucketVersioning")
def versioning_of_replicated_bucket(request: AwsRequest) -> None:
    """Refuse to suspend the versioning of a bucket with replication."""
    if request.params["VersioningConfiguration"].get("Status") != "Suspended":
        return
    replication = request.look_if_there("GetBucketReplication", Bucket=request.params["Bucket"])
    if (replication or {}).get("ReplicationConfiguration", {}).get("Rules"):
        raise invalid_state(
            "A replication configuration is present on this bucket, so you cannot change the versioning"
            " state. To change the versioning state, first delete the replication configuration."
        )


@refuses("s3:PutObjectLockConfiguration")
def lock_of_existing_bucket(request: AwsRequest) -> None:
    """Refuse Object Lock for a bucket that was created without it."""
    if not _has_object_lock(request):
        raise invalid_state(
            f"Object Lock configuration cannot be enabled on existing buckets: {request.params['Bucket']}"
        )


@refuses("s3:PutBucketEncryption")
def unusable_key(request: AwsRequest) -> None:
    """Refuse a KMS key that is not enabled."""
    rules: list[Json] = request.params["ServerSideEncryptionConfiguration"]["Rules"]
    default: Json = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    key_id = default.get("KMSMasterKeyID")
    state = key_state(request, key_id)
    if key_id and state != "Enabled":
        message = f"the KMS key of the default encryption of {request.params['Bucket']} is {state}"
        raise ErrorResponse(400, message, "KMS.NotFoundException")


@refuses("s3control:ListTagsForResource", "s3control:TagResource", "s3control:UntagResource")
def unknown_bucket(request: AwsRequest) -> None:
    """Refuse the ARN of a bucket that does not exist."""
    if request.params["ResourceArn"] not in [f"arn:aws:s3:::{name}" for name in bucket_names(request)]:
        raise ErrorResponse(404, "The specified bucket does not exist", "NoSuchBucket")


@completes("s3:CreateBucket")
def complete_bucket(request: AwsRequest, response: Json) -> None:
    """Encrypt a new bucket, block public access, and set its owner and its tags."""
    bucket = request.params["Bucket"]
    ownership = {
        "Rules": [{"ObjectOwnership": request.params.get("ObjectOwnership") or "BucketOwnerEnforced"}]
    }
    request.send("PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=ENCRYPTION)
    request.send("PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCK)
    request.send("PutBucketOwnershipControls", Bucket=bucket, OwnershipControls=ownership)
    # moto keeps the tags of an earlier bucket with this name.
    request.send("DeleteBucketTagging", Bucket=bucket)
    if tags := request.params.get("CreateBucketConfiguration", {}).get("Tags"):
        request.send("PutBucketTagging", Bucket=bucket, Tagging={"TagSet": tags})


@completes("s3:DeleteBucketEncryption")
def encrypt_by_default(request: AwsRequest, response: Json) -> None:
    """Encrypt a bucket with S3's own keys after its encryption setting is deleted."""
    bucket = request.params["Bucket"]
    request.send("PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=ENCRYPTION)


@completes("s3:GetBucketRequestPayment")
def describe_payer(request: AwsRequest, response: Json) -> None:
    """Add the payer to the response; moto omits it."""
    response.setdefault("Payer", "BucketOwner")

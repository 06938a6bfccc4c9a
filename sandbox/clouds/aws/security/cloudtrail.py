"""Trails (CloudTrail API)."""

from sandbox.clouds.aws.lookups import key_policy, key_state
from sandbox.clouds.aws.registry import completes, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

SERVICE = "cloudtrail.amazonaws.com"


def _trail_arn(request: AwsRequest) -> str:
    return request.arn(f"trail/{request.params['Name']}")


@refuses("cloudtrail:CreateTrail", "cloudtrail:UpdateTrail")
def bucket_without_permission(request: AwsRequest) -> None:
    """Refuse a bucket to which CloudTrail may not write.

    Source: CloudTrail user guide, Amazon S3 bucket policy for CloudTrail.
    """
    bucket = request.params.get("S3BucketName")
    if not bucket:
        return
    response = request.look_if_there("GetBucketPolicy", "s3", Bucket=bucket)
    context = {
        "aws:SourceArn": _trail_arn(request),
        "s3:x-amz-acl": "bucket-owner-full-control",
        "s3:TlsVersion": "1.3",
        "aws:SecureTransport": "true",
    }
    policy: Json | str = response["Policy"] if response else {"Statement": []}
    if not policy_documents.allows(policy, SERVICE, "s3:PutObject", context):
        message = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
        raise ErrorResponse(400, message, "InsufficientS3BucketPolicyException")


@refuses("cloudtrail:CreateTrail", "cloudtrail:UpdateTrail")
def key_without_permission(request: AwsRequest) -> None:
    """Refuse a KMS key that CloudTrail may not use.

    Source: CloudTrail user guide, configure AWS KMS key policies for CloudTrail.
    """
    key_id = request.params.get("KmsKeyId")
    if not key_id:
        return
    arn = _trail_arn(request)
    context = {"aws:SourceArn": arn, "kms:EncryptionContext:aws:cloudtrail:arn": arn}
    is_usable = key_state(request, key_id) == "Enabled" and policy_documents.allows(
        key_policy(request, key_id), SERVICE, "kms:GenerateDataKey", context
    )
    if not is_usable:
        bucket = request.params.get("S3BucketName", "")
        message = f"Insufficient permissions to access S3 bucket {bucket} or KMS key {key_id}."
        raise ErrorResponse(400, message, "InsufficientEncryptionPolicyException")


@completes("cloudtrail:GetTrail")
def describe_home_region(request: AwsRequest, response: Json) -> None:
    """Add the home region of a trail; moto omits it."""
    response["Trail"].setdefault("HomeRegion", request.region)

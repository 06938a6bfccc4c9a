"""Log groups (CloudWatch Logs API)."""

from sandbox.clouds.aws.lookups import key_policy, key_state
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import completes, emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

CLASS = "STANDARD"
"""The class of every log group in moto."""

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The retention times that CloudWatch Logs allows (CloudWatch Logs API, PutRetentionPolicy)."""

KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
"""Actions that a key has to allow (CloudWatch Logs user guide, encrypt log data using AWS KMS)."""


def _group_arn(request: AwsRequest) -> str:
    return request.arn(f"log-group:{request.params.get('logGroupName', '')}")


@refuses("logs:CreateLogGroup")
def other_class(request: AwsRequest) -> None:
    """Refuse a class of log groups that the sandbox cannot store."""
    kind = request.params.get("logGroupClass", CLASS)
    if kind != CLASS:
        message = f"logGroupClass is {kind}; the sandbox supports only {CLASS}"
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("logs:CreateLogGroup", "logs:AssociateKmsKey")
def unusable_key(request: AwsRequest) -> None:
    """Refuse a KMS key that CloudWatch Logs may not use for the log group."""
    key_id = request.params.get("kmsKeyId")
    if not key_id:
        return
    state, arn = key_state(request, key_id), _group_arn(request)
    service = f"logs.{request.region}.amazonaws.com"
    context = {"kms:EncryptionContext:aws:logs:arn": arn}
    is_usable = state == "Enabled" and all(
        policy_documents.allows(key_policy(request, key_id), service, action, context)
        for action in KEY_ACTIONS
    )
    if not is_usable:
        message = (
            f"The specified KMS key does not exist or is not allowed to be used with LogGroup '{arn}':"
            f" {key_id} is {state}, and its policy has to let {service} use it for this group"
        )
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("logs:PutRetentionPolicy")
def invalid_retention(request: AwsRequest) -> None:
    """Refuse a retention time that CloudWatch Logs does not allow."""
    days = request.params["retentionInDays"]
    if days not in RETENTION_DAYS:
        message = (
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint:"
            f" Member must be one of {listing(RETENTION_DAYS)}"
        )
        raise ErrorResponse(400, message, "InvalidParameterException")


def _log_groups(request: AwsRequest) -> list[Json]:
    return request.look("DescribeLogGroups")["logGroups"]


@refuses("logs:AssociateKmsKey", "logs:DisassociateKmsKey")
def unknown_log_group(request: AwsRequest) -> None:
    """Refuse the name of a log group that does not exist."""
    if request.params.get("logGroupName") not in [group["logGroupName"] for group in _log_groups(request)]:
        raise ErrorResponse(400, "The specified log group does not exist.", "ResourceNotFoundException")


@refuses("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource")
def unknown_tagged_group(request: AwsRequest) -> None:
    """Refuse the ARN of a log group that does not exist."""
    arn = request.params["resourceArn"]
    if arn not in [group["logGroupArn"] for group in _log_groups(request)]:
        message = f"The specified resource does not exist: {arn}"
        raise ErrorResponse(400, message, "ResourceNotFoundException")


@completes("logs:DescribeLogGroups")
def describe_log_groups(request: AwsRequest, response: Json) -> None:
    """Add the class of each log group; moto omits it."""
    for group in response["logGroups"]:
        group.setdefault("logGroupClass", CLASS)


@completes("logs:DeleteLogGroup")
def delete_tags(request: AwsRequest, response: Json) -> None:
    """Delete the tags of a log group, which moto keeps."""
    arn = _group_arn(request)
    if keys := [*request.send("ListTagsForResource", resourceArn=arn)["tags"]]:
        request.send("UntagResource", resourceArn=arn, tagKeys=keys)


@emulates("logs:AssociateKmsKey", "logs:DisassociateKmsKey")
def set_key(request: AwsRequest) -> Json:
    """Set or remove the KMS key of a log group; moto sets it only when it creates a group."""
    groups = backend("logs", request.region).groups
    groups[request.params["logGroupName"]].kms_key_id = request.params.get("kmsKeyId")
    return {}

"""Keys, key policies and aliases (KMS API)."""

from sandbox.clouds.aws.lookups import unknown_principals
from sandbox.clouds.aws.registry import completes, follows, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

WAITING_DAYS = range(7, 31)
"""The allowed waiting periods before the deletion of a key, in days (KMS API, ScheduleKeyDeletion)."""

ROTATION_DAYS = 365
"""The days between two rotations of a key. moto stores no other period."""


def _refuse_pending_deletion(request: AwsRequest, key_id: str) -> None:
    key = request.look("DescribeKey", KeyId=key_id)["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        raise ErrorResponse(400, f"{key_id} is pending deletion.", "KMSInvalidStateException")


@refuses("kms:EnableKeyRotation", "kms:ScheduleKeyDeletion")
def key_pending_deletion(request: AwsRequest) -> None:
    """Refuse a key that waits for its deletion."""
    _refuse_pending_deletion(request, request.params["KeyId"])


@refuses("kms:EnableKeyRotation")
def other_rotation_period(request: AwsRequest) -> None:
    """Refuse a rotation period that the sandbox cannot store."""
    days = request.params.get("RotationPeriodInDays", ROTATION_DAYS)
    if days != ROTATION_DAYS:
        message = f"RotationPeriodInDays is {days}; the sandbox supports only {ROTATION_DAYS}"
        raise ErrorResponse(400, message, "UnsupportedOperationException")


@refuses("kms:ScheduleKeyDeletion")
def invalid_waiting_period(request: AwsRequest) -> None:
    """Refuse a waiting period that KMS does not allow."""
    days = request.params.get("PendingWindowInDays", WAITING_DAYS[-1])
    if days not in WAITING_DAYS:
        raise ErrorResponse(400, f"PendingWindowInDays: {days}; 7 to 30 are allowed", "ValidationException")


@refuses("kms:CreateKey", "kms:PutKeyPolicy")
def unknown_policy_principal(request: AwsRequest) -> None:
    """Refuse a policy that names a role or a user that does not exist."""
    unknown = unknown_principals(request) if request.document else []
    if unknown:
        message = f"Policy contains a statement with one or more invalid principals: {listing(unknown)}"
        raise ErrorResponse(400, message, "MalformedPolicyDocumentException")


@refuses("kms:CreateKey", "kms:PutKeyPolicy")
def lockout(request: AwsRequest) -> None:
    """Refuse a policy that does not allow the account to change the policy again.

    The policy is checked for the account, not for the caller, whose permissions depend on IAM policies.
    """
    if not request.document or request.params.get("BypassPolicyLockoutSafetyCheck") is True:
        return
    principals = (f"arn:aws:iam::{request.account}:root", request.account)
    if not any(
        policy_documents.allows(request.document, principal, "kms:PutKeyPolicy", {})
        for principal in principals
    ):
        message = "The new key policy will not allow you to update the key policy in the future."
        raise ErrorResponse(400, message, "MalformedPolicyDocumentException")


@refuses("kms:CreateAlias")
def reserved_alias(request: AwsRequest) -> None:
    """Refuse an alias with the prefix of AWS's own keys."""
    name = request.params["AliasName"]
    if name.startswith("alias/aws/"):
        message = f"The prefix alias/aws/ is reserved: {name}"
        raise ErrorResponse(400, message, "NotAuthorizedException")


@refuses("kms:CreateAlias")
def alias_of_key_pending_deletion(request: AwsRequest) -> None:
    """Refuse an alias of a key that waits for its deletion."""
    _refuse_pending_deletion(request, request.params["TargetKeyId"])


@completes("kms:GetKeyRotationStatus")
def describe_rotation(request: AwsRequest, response: Json) -> None:
    """Add the rotation period of a key that rotates; moto omits it."""
    if response.get("KeyRotationEnabled"):
        response.setdefault("RotationPeriodInDays", ROTATION_DAYS)


@follows("kms:Decrypt")
def end_dry_run(request: AwsRequest) -> None:
    """Return KMS's error for a dry run that would succeed (KMS developer guide, testing your permissions)."""
    if request.params.get("DryRun"):
        message = "The request would have succeeded, but the DryRun option is set."
        raise ErrorResponse(412, message, "DryRunOperationException")

"""Image repositories (ECR API)."""

from sandbox.clouds.aws.lookups import key_state
from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse


@refuses("ecr:CreateRepository")
def unusable_key(request: AwsRequest) -> None:
    """Refuse a KMS key that is not enabled."""
    key = request.params.get("encryptionConfiguration", {}).get("kmsKey")
    state = key_state(request, key)
    if key and state != "Enabled":
        raise ErrorResponse(400, f"KMS error while using {key}: it is {state}", "KmsException")

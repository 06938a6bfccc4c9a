"""The validation of keys."""

from sandbox.clouds.datadog.organization import DatadogRequest, emulates
from sandbox.wire.values import Json


@emulates("GET /api/v1/validate")
def validate_api_key(_: DatadogRequest) -> Json:
    """Return that the API key is valid: the request was authorized."""
    return {"valid": True}


@emulates("GET /api/v2/validate_keys")
def validate_keys(_: DatadogRequest) -> Json:
    """Confirm that both keys are valid, since only a request with valid keys gets here."""
    return {"status": "ok"}

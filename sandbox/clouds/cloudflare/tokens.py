"""The verification of API tokens."""

from hashlib import sha256

from sandbox.clouds.cloudflare.account import CloudflareRequest, emulates
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


@emulates("GET /user/tokens/verify")
def verify_user_token(_: CloudflareRequest) -> Json:
    """Refuse the token: the sandbox has only account tokens, which another path verifies."""
    raise ErrorResponse(401, "Invalid API Token", 1000)


@emulates("GET /accounts/<account>/tokens/verify")
def verify_account_token(request: CloudflareRequest) -> Json:
    """Return the ID of the token, which is valid."""
    token = request.http.headers["Authorization"]
    return {"id": sha256(token.encode()).hexdigest()[:32], "status": "active"}

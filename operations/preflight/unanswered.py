"""Answers, with a remedy, for errors of the providers' clients."""

from typing import Any, cast

import cloudflare
import urllib3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from datadog_api_client.exceptions import ApiException

from operations.lib.errors import FailedError, RefusedError
from operations.lib.services.github import GitHubError
from operations.preflight.answers import Answer, NotAsked, unknown

AWS_DENIALS = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")
"""Codes with which AWS services refuse a caller without a permission."""
AWS_BAD_CREDENTIALS = (
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
"""Codes with which AWS services refuse credentials that are wrong or have expired."""
SET_AWS = "set AWS_PROFILE, or log in (aws sso login), for the account of the stack"
TOKENS = "docs/tokens.md lists the permissions of each token"
DENIED = (401, 403)


def explain(error: Exception) -> Answer | None:
    """Return the answer for an error of a provider's client; None for an error in this program."""
    match error:
        case NotAsked():
            return unknown(str(error), error.fix)
        case NoCredentialsError():
            return unknown("there are no AWS credentials", SET_AWS)
        case ClientError():
            return _explain_aws(error)
        case cloudflare.APIStatusError():
            text = f"Cloudflare answered {error.status_code}: {_first_line(cloudflare_messages(error))}"
            # Cloudflare answers 400 to an account token at an endpoint for users' tokens (docs/tokens.md).
            denied = error.status_code in (*DENIED, 400)
            return unknown(text, TOKENS if denied else "ask again")
        case ApiException():
            status, reason = cast(Any, error).status, cast(Any, error).reason
            text = f"Datadog answered {status}: {reason}"
            return unknown(text, TOKENS if status in DENIED else "ask again")
        case GitHubError():
            fix = "give GITHUB_TOKEN the permission" if error.status in (403, 404) else "ask again"
            return unknown(str(error), fix)
        case BotoCoreError() | cloudflare.CloudflareError() | urllib3.exceptions.HTTPError() | FailedError():
            return unknown(_first_line(str(error)), "check the network, and ask again")
        case RefusedError():
            return unknown(_first_line(str(error)), "see the message")
        case _:
            return None


def _explain_aws(error: ClientError) -> Answer:
    response = cast(Any, error.response)
    code, message = response["Error"]["Code"], response["Error"].get("Message", "")
    if code in AWS_BAD_CREDENTIALS:
        return unknown(f"AWS refuses the credentials: {code}", SET_AWS)
    operation = error.operation_name
    if code in AWS_DENIALS:
        return unknown(
            f"the caller may not use {operation}: {code}",
            "use a role with the policy pipe-read (preview, deploy, operators); if it has one, apply the"
            " foundation again, which adds new permissions to it",
        )
    return unknown(f"{operation} failed: {code} {_first_line(message)}".rstrip(), "ask again")


def cloudflare_messages(error: cloudflare.APIStatusError) -> str:
    """Return the error codes and messages of Cloudflare's response, or its HTTP reason if there are none."""
    body: Any = error.body
    errors = cast(dict[str, Any], body).get("errors") if isinstance(body, dict) else None
    if not errors:
        return error.response.reason_phrase
    return ", ".join(f"{entry.get('code')} {entry.get('message')}" for entry in errors)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]

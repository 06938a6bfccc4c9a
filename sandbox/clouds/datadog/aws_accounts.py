"""AWS accounts that Datadog observes (docs.datadoghq.com/api/latest/aws-integration)."""

from uuid import uuid4

from sandbox.clouds.datadog.organization import DatadogRequest, refuses, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse, timestamp
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"id": str(uuid4()), "type": "account"}


AWS_ACCOUNTS = Collection(
    name="account",
    path="/api/v2/integration/aws/accounts",
    missing=(404, "AWS account not found", 0),
    own=_own_members,
    verbs=("PATCH", "DELETE"),
    around='"',  # The plugin encloses the ID in quotation marks, which Datadog accepts.
    many="data",
    single="data",
)


@stores(AWS_ACCOUNTS)
def put_account(request: DatadogRequest) -> Json:
    """Return the account with the changed attributes and with an external ID for its role."""
    request.check("account", request.sent)
    old: Json = request.before.get("attributes") or {"created_at": timestamp(), "account_tags": []}
    attributes = old | request.sent["data"]["attributes"] | {"modified_at": timestamp()}
    if "role_name" in attributes["auth_config"]:
        external_id = old.get("auth_config", {}).get("external_id", uuid4().hex)
        attributes["auth_config"] = {"external_id": external_id} | attributes["auth_config"]
    return {"attributes": attributes}


@refuses("account:put")
def duplicate_account(request: DatadogRequest) -> None:
    """Refuse an AWS account that is known already."""
    number = request.built["attributes"]["aws_account_id"]
    if number in [other["attributes"]["aws_account_id"] for other in request.others]:
        raise ErrorResponse(409, f"AWS account {number} already exists")

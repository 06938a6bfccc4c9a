"""The recipients of notifications to which the organization is connected."""

from sandbox.clouds.datadog.organization import DatadogRequest, emulates
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


@emulates("GET /api/v1/integration/slack/configuration/accounts/<workspace>/channels")
def list_slack_channels(request: DatadogRequest) -> list[Json]:
    """Return the channels of a Slack workspace."""
    workspace = request.scope["workspace"]
    if workspace not in request.api.slack:
        raise ErrorResponse(404, "Account not found")
    return [{"name": name, "display": {}} for name in sorted(request.api.slack[workspace])]


@emulates("GET /api/v1/integration/pagerduty/configuration/services/<service>")
def read_pagerduty_service(request: DatadogRequest) -> Json:
    """Return a PagerDuty service."""
    if request.scope["service"] not in request.api.pagerduty:
        raise ErrorResponse(404, "Service not found")
    return {"service_name": request.scope["service"]}


@emulates("GET /api/v1/integration/webhooks/configuration/webhooks/<webhook>")
def read_webhook(request: DatadogRequest) -> Json:
    """Return a webhook."""
    if request.scope["webhook"] not in request.api.webhooks:
        raise ErrorResponse(404, "Webhook not found")
    return {"name": request.scope["webhook"], "url": "https://example.com/hook"}

"""A part of Datadog's API v1 and v2.

It has monitors, SLOs, dashboards, synthetic tests, log-based metrics, the AWS integration, metric queries,
the validation of keys, and the recipients of notifications: Slack channels, PagerDuty services and webhooks.
Like the real API, it refuses some requests that the models of Datadog's client allow.
"""

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request

from sandbox.clouds.datadog import (
    aws_accounts,
    dashboards,
    integrations,
    keys,
    logs_metrics,
    metric_queries,
    monitors,
    slos,
    synthetic_tests,
)
from sandbox.clouds.datadog.organization import Organization
from sandbox.clouds.web import ErrorResponse

SUBJECTS = (
    aws_accounts,
    dashboards,
    integrations,
    keys,
    logs_metrics,
    metric_queries,
    monitors,
    slos,
    synthetic_tests,
)
"""The modules whose functions handle the requests; importing them registers the functions."""

SCOPES: Mapping[str, tuple[str, str]] = {
    "/api/v1/monitor": ("monitors_read", "monitors_write"),
    "/api/v1/dashboard": ("dashboards_read", "dashboards_write"),
    "/api/v1/slo": ("slos_read", "slos_write"),
    "/api/v1/synthetics": ("synthetics_read", "synthetics_write"),
    "/api/v2/logs/config/metrics": ("logs_read_config", "logs_generate_metrics"),
    "/api/v1/query": ("timeseries_query", "timeseries_query"),
    "/api/v1/integration": ("integrations_read", "manage_integrations"),
}
"""The scopes that requests to a path need, for reading and for writing, if a test has limited the application
key (Datadog API reference: the scopes of each endpoint).
"""


class DatadogApi(Organization):
    """Datadog's API with one organization.

    Any API key together with any application key gives access to the organization, unless `api_keys` or
    `application_keys` limits them.
    """

    def authorize(self, request: Request) -> None:
        has_api_key = bool(request.headers.get("DD-API-KEY"))
        has_application_key = bool(request.headers.get("DD-APPLICATION-KEY"))
        if not has_api_key or not (has_application_key or request.path == "/api/v1/validate"):
            raise ErrorResponse(403, "Forbidden")
        if self.api_keys and request.headers["DD-API-KEY"] not in self.api_keys:
            raise ErrorResponse(403, "Forbidden")
        key = request.headers.get("DD-APPLICATION-KEY", "")
        if key not in self.application_keys or request.path == "/api/v1/validate":
            return
        scopes = next((scopes for path, scopes in SCOPES.items() if request.path.startswith(path)), None)
        needed = {scopes[0 if request.method == "GET" else 1]} if scopes else set[str]()
        if not self.application_keys[key] or not needed <= self.application_keys[key]:
            raise ErrorResponse(403, "Forbidden")

    def error_body(self, error: ErrorResponse) -> Any:
        return {"errors": [str(error)]}

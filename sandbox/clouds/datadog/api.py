"""A part of Datadog's API v1 and v2.

It has monitors, SLOs, dashboards, synthetic tests, log-based metrics, the AWS integration, metric queries,
the validation of keys, and the recipients of notifications: Slack channels, PagerDuty services and webhooks.
Like the real API, it refuses some requests that the models of Datadog's client allow.
"""

import re
from collections.abc import Sequence
from time import time
from typing import Any
from uuid import uuid4

from werkzeug.wrappers import Request

from sandbox.clouds.datadog import monitors
from sandbox.clouds.web import Api, ErrorResponse, Json, random_number, read_body, timestamp


class DatadogApi(Api):
    """Datadog's API with one organization.

    Any API key together with any application key gives access to the organization, unless `api_keys` or
    `application_keys` limits them.
    """

    name = "datadog"

    def __init__(self) -> None:
        super().__init__()
        self.api_keys: set[str] = set()
        """The valid API keys; empty if all are valid."""
        self.application_keys: dict[str, set[str]] = {}
        """The scopes of limited application keys; a key with an empty set is invalid."""
        self.slack: dict[str, set[str]] = {}
        """The Slack channels of each workspace, such as `#alerts`, to which the organization is connected."""
        self.pagerduty: set[str] = set()
        """The PagerDuty services to which the organization is connected."""
        self.webhooks: set[str] = set()
        """The names of the organization's webhooks."""
        self.reporting: set[str] | None = None
        """The metrics that report; None if all do."""

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
        scopes = next(
            (row for path, row in self.table["scopes"].items() if request.path.startswith(path)), None
        )
        needed = {scopes[0 if request.method == "GET" else 1]} if scopes else set[str]()
        if not self.application_keys[key] or not needed <= self.application_keys[key]:
            raise ErrorResponse(403, "Forbidden")

    def error_body(self, error: ErrorResponse) -> Any:
        return {"errors": [str(error)]}

    def validate(self, request: Request) -> Any:
        return {"valid": True}

    def validate_keys(self, request: Request) -> Any:
        return {"status": "ok"}

    # Metrics

    def query(self, request: Request) -> Any:
        """Return one point if all metrics of the query report, and no series otherwise."""
        series = monitors.parse(request.args["query"], "expression").series
        silent = [
            name for name in series if self.reporting is not None and _metric(name) not in self.reporting
        ]
        points = [] if silent else [{"pointlist": [[float(request.args["to"]) * 1000, 1.0]]}]
        return {"status": "ok", "series": points}

    # Integrations

    def slack_channels(self, request: Request, workspace: str) -> Any:
        if workspace not in self.slack:
            raise ErrorResponse(404, "Account not found")
        return [{"name": name, "display": {}} for name in sorted(self.slack[workspace])]

    def pagerduty_service(self, request: Request, service: str) -> Any:
        if service not in self.pagerduty:
            raise ErrorResponse(404, "Service not found")
        return {"service_name": service}

    def webhook(self, request: Request, webhook: str) -> Any:
        if webhook not in self.webhooks:
            raise ErrorResponse(404, "Webhook not found")
        return {"name": webhook, "url": "https://example.com/hook"}

    # Monitors

    def validate_monitor(self, request: Request, ident: str = "") -> Any:
        self.build("monitor", read_body(request), {}, self.require("monitor", ident) if ident else {})
        return {}

    def put_monitor(self, sent: Json, own: Json, before: Json) -> Json:
        merged = before | sent
        self.check("monitor", sent, merged, update=bool(before))
        query = monitors.parse(merged["query"], monitors.GRAMMAR_RULES[merged["type"]])
        if merged["type"] == "slo alert" and query.strings[0] not in self.collection("slo"):
            reason = f"there is no SLO {query.strings[0]}"
            raise ErrorResponse(400, f"The value provided for parameter 'query' is invalid: {reason}")
        options = self.table["options"] | merged.get("options", {})
        if query.threshold is not None:
            options["thresholds"] = {"critical": query.threshold} | options.get("thresholds", {})
        return merged | {"options": options, "multi": bool(query.groups), "modified": timestamp()}

    # SLOs

    def put_slo(self, sent: Json, own: Json, before: Json) -> Json:
        self.check("slo", sent, update=bool(before))
        added: Json = {"timeframe": sent["thresholds"][0]["timeframe"]}
        for name in ("target", "warning"):
            for threshold in sent["thresholds"]:
                if name in threshold:
                    # Datadog displays 99.5 as "99.5", but 99 as "99.".
                    threshold[f"{name}_display"] = str(float(threshold[name])).removesuffix("0")
                    added.setdefault(f"{name}_threshold", threshold[name])
        return added | sent | {"modified_at": int(time())}

    # Dashboards

    def put_dashboard(self, sent: Json, own: Json, before: Json) -> Json:
        self.check("dashboard", sent)
        slug = re.sub("[^a-z0-9]+", "-", sent["title"].lower())
        defaults: Json = dict.fromkeys(("description", "notify_list", "template_variables"))
        return (
            defaults
            | sent
            | {
                "url": f"/dashboard/{own['id']}/{slug}",
                "modified_at": timestamp(),
                "widgets": _with_ids(sent["widgets"]),
            }
        )

    # Synthetic tests

    def tests(self, request: Request, ident: str = "") -> Any:
        return self.require("test", ident) if ident else {"tests": self.page(request, "test")}

    def delete_tests(self, request: Request) -> Any:
        idents = read_body(request).get("public_ids", [])
        for ident in idents:
            self.collection("monitor").pop(str(self.require("test", ident)["monitor_id"]))
            del self.collection("test")[ident]
        return {"deleted_tests": [{"public_id": ident, "deleted_at": timestamp()} for ident in idents]}

    def put_test(self, sent: Json, own: Json, before: Json) -> Json:
        self.check("test", sent)
        monitor = {key: sent[key] for key in ("name", "message", "tags") if key in sent}
        monitor |= {"id": own["monitor_id"], "type": "synthetics alert", "query": "no_query", "options": {}}
        self.collection("monitor")[str(own["monitor_id"])] = monitor
        return sent | {"modified_at": timestamp()}

    # Log-based metrics

    def put_logs_metric(self, sent: Json, own: Json, before: Json) -> Json:
        self.check("logs_metric", sent, update=bool(before))
        old: Json = before.get("attributes") or {"group_by": []}
        ident = before.get("id") or sent["data"]["id"]
        return {"id": ident, "attributes": old | sent["data"]["attributes"]}

    # The AWS integration

    def put_account(self, sent: Json, own: Json, before: Json) -> Json:
        self.check("account", sent, update=bool(before))
        old: Json = before.get("attributes") or {"created_at": timestamp(), "account_tags": []}
        attributes = old | sent["data"]["attributes"] | {"modified_at": timestamp()}
        if "role_name" in attributes["auth_config"]:
            external_id = old.get("auth_config", {}).get("external_id", uuid4().hex)
            attributes["auth_config"] = {"external_id": external_id} | attributes["auth_config"]
        return {"attributes": attributes}


def _metric(series: str) -> str:
    """Return the metric of a series, such as `system.load.1` in `avg:system.load.1`."""
    return series.rpartition(":")[2]


def _with_ids(widgets: Sequence[Json]) -> list[Json]:
    """Return the widgets with IDs; widgets inside groups get IDs, too."""
    numbered: list[Json] = []
    for widget in widgets:
        definition = widget["definition"]
        if inner := definition.get("widgets"):
            definition = definition | {"widgets": _with_ids(inner)}
        numbered.append({"id": random_number(15), **widget, "definition": definition})
    return numbered

"""Monitors (docs.datadoghq.com/api/latest/monitors)."""

from collections.abc import Mapping
from typing import Any

from sandbox.clouds.datadog.organization import USER, DatadogRequest, emulates, refuses, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse, random_number, timestamp
from sandbox.wire.request_bodies.datadog.monitors import METRIC_TYPES
from sandbox.wire.request_bodies.datadog.queries import GRAMMAR_RULES, parse
from sandbox.wire.values import Json

DEFAULT_OPTIONS: Mapping[str, Any] = {
    "notify_audit": False,
    "include_tags": True,
    "notify_no_data": False,
    "silenced": {},
}


def _own_members() -> Json:
    state = {"overall_state": "No Data", "creator": USER}
    return {"id": random_number(8), "created": timestamp(), **state}


MONITORS = Collection(
    name="monitor",
    path="/api/v1/monitor",
    missing=(404, "Monitor not found", 0),
    own=_own_members,
    defaults={"name": "", "message": "", "tags": []},
    gone="deleted_monitor_id",
)


@emulates("POST /api/v1/monitor/validate")
def validate_new_monitor(request: DatadogRequest) -> Json:
    """Check a monitor without creating it."""
    request.sent = request.body()
    request.api.build("monitor", request)
    return {}


@emulates("POST /api/v1/monitor/<ident>/validate")
def validate_monitor(request: DatadogRequest) -> Json:
    """Check a change of a monitor without making it."""
    before = request.api.require("monitor", request.scope["ident"])
    changed = DatadogRequest(request.api, request.http, {}, request.body(), before=before)
    request.api.build("monitor", changed)
    return {}


@stores(MONITORS)
def put_monitor(request: DatadogRequest) -> Json:
    """Return the monitor with default options and with the threshold in its query."""
    merged = request.before | request.sent
    request.check("monitor", request.sent, merged)
    query = parse(merged["query"], GRAMMAR_RULES[merged["type"]])
    if merged["type"] == "slo alert" and query.strings[0] not in request.api.collection("slo"):
        reason = f"there is no SLO {query.strings[0]}"
        raise ErrorResponse(400, f"The value provided for parameter 'query' is invalid: {reason}")
    options: Json = {**DEFAULT_OPTIONS, **merged.get("options", {})}
    if query.threshold is not None:
        options["thresholds"] = {"critical": query.threshold} | options.get("thresholds", {})
    return merged | {"options": options, "multi": bool(query.groups), "modified": timestamp()}


@refuses("monitor:put")
def changed_type(request: DatadogRequest) -> None:
    """Refuse another type, except for another name of the same type."""
    before, after = request.before.get("type"), request.built["type"]
    if before and before != after and not {before, after} <= {*METRIC_TYPES}:
        raise ErrorResponse(400, f"type: it cannot be changed from {before}")


@refuses("monitor:delete")
def monitor_of_an_slo(request: DatadogRequest) -> None:
    """Refuse to delete a monitor on which an SLO is based."""
    ident, name = request.before["id"], request.before["name"]
    slos = request.api.collection("slo").values()
    users = [slo["id"] for slo in slos if ident in slo.get("monitor_ids", ())]
    if users:
        message = f"monitor [{ident},\"{name}\"] is referenced in slos: ['{', '.join(users)}']"
        raise ErrorResponse(400, message)

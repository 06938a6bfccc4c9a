"""Log-based metrics (docs.datadoghq.com/api/latest/logs-metrics)."""

from sandbox.clouds.datadog.organization import DatadogRequest, refuses, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"type": "logs_metrics"}


LOGS_METRICS = Collection(
    name="logs_metric",
    path="/api/v2/logs/config/metrics",
    missing=(404, "Not Found", 0),
    own=_own_members,
    verbs=("PATCH", "DELETE"),
    many="data",
    single="data",
)


@stores(LOGS_METRICS)
def put_logs_metric(request: DatadogRequest) -> Json:
    """Return the metric with the changed attributes. Its name is its ID."""
    request.check("logs_metric", request.sent)
    data: Json = request.sent["data"]
    old: Json = request.before.get("attributes") or {"group_by": []}
    return {"id": request.before.get("id") or data["id"], "attributes": old | data["attributes"]}


@refuses("logs_metric:put")
def duplicate_metric(request: DatadogRequest) -> None:
    """Refuse a new metric with the name of another."""
    if not request.before and request.find_same("id"):
        raise ErrorResponse(409, f"Conflict: the metric {request.built['id']} already exists")

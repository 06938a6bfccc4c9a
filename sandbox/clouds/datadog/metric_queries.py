"""Queries of metrics."""

from sandbox.clouds.datadog.organization import DatadogRequest, emulates
from sandbox.wire.request_bodies.datadog.queries import parse
from sandbox.wire.values import Json


@emulates("GET /api/v1/query")
def query_metrics(request: DatadogRequest) -> Json:
    """Return one point if all metrics of the query report, and no series otherwise."""
    arguments, reporting = request.http.args, request.api.reporting
    # A series is a metric with its aggregation, such as `avg:system.load.1`.
    metrics = {series.rpartition(":")[2] for series in parse(arguments["query"], "expression").series}
    if reporting is not None and not metrics <= reporting:
        return {"status": "ok", "series": []}
    return {"status": "ok", "series": [{"pointlist": [[float(arguments["to"]) * 1000, 1.0]]}]}

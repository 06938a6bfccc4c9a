"""Checks of log-based metrics (docs.datadoghq.com/api/latest/logs-metrics)."""

from collections.abc import Iterator

from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

NAME = r"^[a-zA-Z][a-zA-Z0-9_.]{0,199}$"
"""The pattern of a metric's name (docs.datadoghq.com/metrics/custom_metrics, naming)."""


def faults(body: Json) -> Iterator[str]:
    """Yield the faults of a log-based metric."""
    data = Part(body)["data"]
    message = (
        "a metric's name begins with a letter and has at most 200 letters, digits, underscores and periods"
    )
    yield from data["id"].matches(NAME, message)
    compute = data["attributes.compute"]
    if compute["aggregation_type"].value == "distribution":
        yield from compute.needs("path")
    elif compute["aggregation_type"].value == "count":
        yield from compute["path"].fault_if(compute["path"], "only distributions have a path")

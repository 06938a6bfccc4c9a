"""Checks of the queries and formulas of dashboards."""

from collections.abc import Iterator
from typing import Any, cast

from sandbox.wire.request_bodies.datadog.queries import query_faults
from sandbox.wire.values import Json


def faults(dashboard: Json, path: str = "") -> Iterator[str]:
    """Yield the faults of the queries in a dashboard or group widget; `path` is the widget's path."""
    for index, widget in enumerate(dashboard.get("widgets", ())):
        definition, location = widget["definition"], f"{path}widgets[{index}].definition"
        yield from faults(definition, f"{location}.")
        requests = definition.get("requests")
        for request in cast("list[Any]", requests) if isinstance(requests, list) else ():
            yield from _request_faults(location, request)


def _request_faults(location: str, request: Any) -> Iterator[str]:
    """Yield the faults of the queries and formulas in a widget's request."""
    if query := request.get("q"):
        yield from query_faults(location, query)
    for query in request.get("queries", ()):
        if query["data_source"] == "metrics":
            yield from query_faults(location, query["query"])
    for formula in request.get("formulas", ()):
        yield from query_faults(location, formula["formula"], "formula")

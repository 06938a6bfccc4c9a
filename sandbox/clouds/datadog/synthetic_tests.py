"""Synthetic API tests (docs.datadoghq.com/api/latest/synthetics)."""

from sandbox.clouds.datadog.organization import DatadogRequest, emulates, public_id, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import random_number, timestamp
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"public_id": public_id(), "monitor_id": random_number(8), "created_at": timestamp()}


TESTS = Collection(
    name="test",
    path="/api/v1/synthetics/tests/api",
    missing=(404, "Synthetics test not found", 0),
    own=_own_members,
    key="public_id",
)


@emulates("GET /api/v1/synthetics/tests")
def list_tests(request: DatadogRequest) -> Json:
    """Return a page of the tests."""
    return {"tests": request.api.page(request.http, "test")}


@emulates("GET /api/v1/synthetics/tests/<ident>")
def read_test(request: DatadogRequest) -> Json:
    """Return a test."""
    return request.api.require("test", request.scope["ident"])


@emulates("POST /api/v1/synthetics/tests/delete")
def delete_tests(request: DatadogRequest) -> Json:
    """Delete tests with their monitors."""
    idents: list[str] = request.body().get("public_ids", [])
    for ident in idents:
        monitor = str(request.api.require("test", ident)["monitor_id"])
        request.api.collection("monitor").pop(monitor)
        del request.api.collection("test")[ident]
    return {"deleted_tests": [{"public_id": ident, "deleted_at": timestamp()} for ident in idents]}


@stores(TESTS)
def put_test(request: DatadogRequest) -> Json:
    """Return the test, and store the monitor that Datadog creates for it."""
    sent, ident = request.sent, request.own["monitor_id"]
    request.check("test", sent)
    monitor = {key: sent[key] for key in ("name", "message", "tags") if key in sent}
    monitor |= {"id": ident, "type": "synthetics alert", "query": "no_query", "options": {}}
    request.api.collection("monitor")[str(ident)] = monitor
    return sent | {"modified_at": timestamp()}

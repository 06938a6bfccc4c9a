"""Dashboards (docs.datadoghq.com/api/latest/dashboards)."""

import re
from collections.abc import Sequence

from sandbox.clouds.datadog.organization import USER, DatadogRequest, public_id, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import random_number, timestamp
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"id": public_id(), "created_at": timestamp(), "author_handle": USER["handle"]}


DASHBOARDS = Collection(
    name="dashboard",
    path="/api/v1/dashboard",
    missing=(404, "Dashboard not found", 0),
    own=_own_members,
    defaults={"restricted_roles": []},
    many="dashboards",
    gone="deleted_dashboard_id",
)


@stores(DASHBOARDS)
def put_dashboard(request: DatadogRequest) -> Json:
    """Return the dashboard with its address and with the IDs of its widgets."""
    sent = request.sent
    request.check("dashboard", sent)
    slug = re.sub("[^a-z0-9]+", "-", sent["title"].lower())
    defaults: Json = dict.fromkeys(("description", "notify_list", "template_variables"))
    added = {
        "url": f"/dashboard/{request.own['id']}/{slug}",
        "modified_at": timestamp(),
        "widgets": _with_ids(sent["widgets"]),
    }
    return defaults | sent | added


def _with_ids(widgets: Sequence[Json]) -> list[Json]:
    """Return the widgets with IDs; widgets inside groups get IDs, too."""
    numbered: list[Json] = []
    for widget in widgets:
        definition = widget["definition"]
        if inner := definition.get("widgets"):
            definition = definition | {"widgets": _with_ids(inner)}
        numbered.append({"id": random_number(15), **widget, "definition": definition})
    return numbered

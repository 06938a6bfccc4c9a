"""SLOs (docs.datadoghq.com/api/latest/service-level-objectives)."""

import json
from time import time
from uuid import uuid4

from sandbox.clouds.datadog.organization import USER, DatadogRequest, refuses, stores
from sandbox.clouds.rest_api import Collection
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


def _own_members() -> Json:
    return {"id": uuid4().hex, "created_at": int(time()), "creator": USER}


SLOS = Collection(
    name="slo",
    path="/api/v1/slo",
    missing=(404, "SLO not found", 0),
    own=_own_members,
    defaults={"tags": [], "groups": []},
    many="data",
    single="data",
    gone="data",
    listed=True,
)


@stores(SLOS)
def put_slo(request: DatadogRequest) -> Json:
    """Return the SLO with the members that Datadog derives from its thresholds."""
    sent = request.sent
    request.check("slo", sent)
    added: Json = {"timeframe": sent["thresholds"][0]["timeframe"]}
    for name in ("target", "warning"):
        for threshold in sent["thresholds"]:
            if name in threshold:
                # Datadog displays 99.5 as "99.5", but 99 as "99.".
                threshold[f"{name}_display"] = str(float(threshold[name])).removesuffix("0")
                added.setdefault(f"{name}_threshold", threshold[name])
    return added | sent | {"modified_at": int(time())}


@refuses("slo:put")
def missing_monitor(request: DatadogRequest) -> None:
    """Refuse a monitor that does not exist."""
    existing = [monitor["id"] for monitor in request.api.collection("monitor").values()]
    missing = [str(ident) for ident in request.built.get("monitor_ids", ()) if ident not in existing]
    if missing:
        raise ErrorResponse(400, f"monitor {', '.join(missing)} does not exist")


@refuses("slo:put")
def changed_type(request: DatadogRequest) -> None:
    """Refuse another type."""
    before = request.before.get("type")
    if before and before != request.built["type"]:
        raise ErrorResponse(400, f"type: it cannot be changed from {before}")


@refuses("slo:delete")
def slo_in_use(request: DatadogRequest) -> None:
    """Refuse to delete an SLO that a dashboard shows or about which a monitor alerts."""
    ident: str = request.before["id"]
    dashboards = request.api.collection("dashboard").values()
    monitors = request.api.collection("monitor").values()
    users = [dashboard["title"] for dashboard in dashboards if ident in json.dumps(dashboard)]
    users += [monitor["name"] for monitor in monitors if ident in monitor["query"]]
    if users:
        raise ErrorResponse(409, f"SLO {ident} is used by {', '.join(users)}")

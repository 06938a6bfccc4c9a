"""Datadog's API v1 and v2, as far as pulumi-datadog calls it for the program: monitors, objectives,
dashboards, synthetic tests, the AWS integration. What its models allow and Datadog refuses is refused too."""

import json
import random
import re
import uuid
from collections.abc import Sequence
from time import time
from typing import Any

from werkzeug.wrappers import Request

from sandbox.targets import monitors
from sandbox.targets.web import Api, Collection, Json, Refusal, body, now, page, route

MONITOR_OPTIONS: Json = {"notify_audit": False, "include_tags": True, "notify_no_data": False, "silenced": {}}
"""What a monitor has that says nothing of it."""

NEW_DASHBOARD: Json = {
    "description": None,
    "template_variables": None,
    "notify_list": [],
    "is_read_only": False,
}

AUTHOR: Json = {"handle": "sandbox@example.com", "name": "Sandbox", "email": "sandbox@example.com"}


class DatadogApi(Api):
    """The organization of whoever asks."""

    collections = (
        Collection("monitor", "/api/v1/monitor", Refusal(404, "Monitor not found"),
            own=lambda: {"id": _number(8), "created": now(), "creator": AUTHOR, "overall_state": "No Data"},
            wrap=("", "", "deleted_monitor_id")),
        Collection("slo", "/api/v1/slo", Refusal(404, "SLO not found"),
            own=lambda: {"id": uuid.uuid4().hex, "created_at": int(time()), "creator": AUTHOR},
            wrap=("data", "data", "data"), listed=True),
        Collection("dashboard", "/api/v1/dashboard", Refusal(404, "Dashboard not found"),
            own=lambda: {"id": _public_id(), "created_at": now(), "author_handle": AUTHOR["handle"]},
            wrap=("dashboards", "", "deleted_dashboard_id")),
        Collection("test", "/api/v1/synthetics/tests/api", Refusal(404, "Synthetics test not found"),
            own=lambda: {"public_id": _public_id(), "monitor_id": _number(8), "created_at": now()},
            key="public_id"),
        Collection("account", "/api/v2/integration/aws/accounts", Refusal(404, "AWS account not found"),
            own=lambda: {"id": str(uuid.uuid4()), "type": "account"},
            wrap=("data", "data", ""), verbs=("PATCH",)),
    )  # fmt: skip

    def authorize(self, request: Request) -> None:
        keys = [bool(request.headers.get(name)) for name in ("DD-API-KEY", "DD-APPLICATION-KEY")]
        if not (keys[0] and (keys[1] or request.path == "/api/v1/validate")):
            raise Refusal(403, "Forbidden")

    def answer(self, result: Any, info: Json) -> Any:
        return result

    def fault(self, refusal: Refusal) -> Any:
        return {"errors": [str(refusal)]}

    @route("/api/v1/validate")
    def validate(self, request: Request) -> Any:
        return {"valid": True}

    # Monitors

    @route("/api/v1/monitor/validate", "POST")
    def validate_monitor(self, request: Request) -> Any:
        self.put_monitor(body(request), {}, None, ())
        return {}

    @route("/api/v1/monitor/<ident>/validate", "POST")
    def validate_existing_monitor(self, request: Request, ident: str) -> Any:
        return self.validate_monitor(request)

    def put_monitor(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        merged = (before or {"name": "", "message": "", "tags": []}) | given
        self.check("monitor", given, merged, update=before is not None)
        query = monitors.parse(merged["query"], monitors.STARTS[merged["type"]])
        if merged["type"] == "slo alert" and query.strings[0] not in self.rows("slo"):
            said = f"there is no {query.strings[0]}"
            raise Refusal(400, f"The value provided for parameter 'query' is invalid: {said}")
        _same_type(merged, before)
        options = MONITOR_OPTIONS | merged.get("options", {})
        if query.threshold is not None:
            options["thresholds"] = {"critical": query.threshold} | options.get("thresholds", {})
        return merged | {"options": options, "multi": bool(query.groups), "modified": now()}

    # Objectives

    def put_slo(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        self.check("slo", given, update=before is not None)
        _same_type(given, before)
        for one in given.get("monitor_ids", ()):
            if str(one) not in self.rows("monitor"):
                raise Refusal(400, f"monitor {one} does not exist")
        made: Json = {"tags": [], "groups": [], "timeframe": given["thresholds"][0]["timeframe"]}
        for name in ("target", "warning"):
            for one in (one for one in given["thresholds"] if name in one):
                one[f"{name}_display"] = str(one[name])
                made.setdefault(f"{name}_threshold", one[name])
        return made | given | {"modified_at": int(time())}

    def may_delete(self, name: str, row: Json, *, force: bool) -> None:
        ident = row.get("id")
        if name == "monitor" and not force:
            users = [one["id"] for one in self.rows("slo").values() if ident in one.get("monitor_ids", ())]
            if users:
                raise Refusal(400, f'monitor [{ident},"{row["name"]}"] is referenced in slos: {users}')
        if name == "slo" and not force:
            shown = self.rows("dashboard").values()
            users = [one["title"] for one in shown if f'"{ident}"' in json.dumps(one)]
            users += [one["name"] for one in self.rows("monitor").values() if f'"{ident}"' in one["query"]]
            if users:
                raise Refusal(409, f"SLO {ident} is used by {', '.join(users)}")

    # Dashboards

    def put_dashboard(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        self.check("dashboard", given)
        url = f"/dashboard/{own['id']}/{re.sub('[^a-z0-9]+', '-', given['title'].lower())}"
        changed = {"url": url, "modified_at": now(), "widgets": _numbered(given["widgets"])}
        return NEW_DASHBOARD | given | changed

    # Synthetic tests

    @route("/api/v1/synthetics/tests")
    def tests(self, request: Request) -> Any:
        return {"tests": page(request, list(self.rows("test").values()), {})}

    @route("/api/v1/synthetics/tests/<ident>")
    def test(self, request: Request, ident: str) -> Any:
        if ident not in self.rows("test"):
            raise self.collections[3].missing
        return self.rows("test")[ident]

    @route("/api/v1/synthetics/tests/delete", "POST")
    def delete_tests(self, request: Request) -> Any:
        idents = body(request).get("public_ids", [])
        for ident in idents:
            self.rows("monitor").pop(str(self.test(request, ident)["monitor_id"]))
            del self.rows("test")[ident]
        return {"deleted_tests": [{"public_id": ident, "deleted_at": now()} for ident in idents]}

    def put_test(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        self.check("test", given)
        watch = {key: given[key] for key in ("name", "message", "tags") if key in given}
        watch |= {"id": own["monitor_id"], "type": "synthetics alert", "query": "no_query", "options": {}}
        self.rows("monitor")[str(own["monitor_id"])] = watch
        return given | {"modified_at": now()}

    # The AWS integration

    def put_account(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        self.check("account", given, update=before is not None)
        old: Json = before["attributes"] if before else {"created_at": now(), "account_tags": []}
        made = old | given["data"]["attributes"] | {"modified_at": now()}
        if any(row["attributes"]["aws_account_id"] == made["aws_account_id"] for row in others):
            raise Refusal(409, f"AWS account {made['aws_account_id']} already exists")
        if "role_name" in made["auth_config"]:
            known = old.get("auth_config", {}).get("external_id", uuid.uuid4().hex)
            made["auth_config"] = {"external_id": known} | made["auth_config"]
        return {"attributes": made}


def _same_type(given: Json, before: Json | None) -> None:
    if before and given["type"] != before["type"] and not {given["type"], before["type"]} <= monitors.SAME:
        raise Refusal(400, f"type: it cannot be changed from {before['type']}")


def _numbered(widgets: Sequence[Json]) -> list[Json]:
    """The widgets with ids, those in groups as well."""
    inner = [one["definition"].get("widgets") for one in widgets]
    return [
        {"id": _number(15), **one}
        | ({"definition": one["definition"] | {"widgets": _numbered(own)}} if own else {})
        for one, own in zip(widgets, inner, strict=True)
    ]


def _number(length: int) -> int:
    return random.randrange(10 ** (length - 1), 10**length)


def _public_id() -> str:
    text = uuid.uuid4().hex
    return f"{text[:3]}-{text[3:6]}-{text[6:9]}"


def app() -> DatadogApi:
    """The WSGI application."""
    return DatadogApi()

"""Datadog's API v1 and v2, as far as pulumi-datadog calls it for the program: monitors, objectives,
dashboards, synthetic tests, log-based metrics, the AWS integration. What its models allow and Datadog refuses
is refused too."""

import re
from collections.abc import Sequence
from time import time
from typing import Any
from uuid import uuid4

from werkzeug.wrappers import Request

from sandbox.clouds.datadog import monitors
from sandbox.clouds.web import Api, ErrorResponse, Json, body, now, number


class DatadogApi(Api):
    """The organization of whoever asks."""

    name = "datadog"

    def authorize(self, request: Request) -> None:
        keys = [bool(request.headers.get(name)) for name in ("DD-API-KEY", "DD-APPLICATION-KEY")]
        if not (keys[0] and (keys[1] or request.path == "/api/v1/validate")):
            raise ErrorResponse(403, "Forbidden")

    def fault(self, refusal: ErrorResponse) -> Any:
        return {"errors": [str(refusal)]}

    def validate(self, request: Request) -> Any:
        return {"valid": True}

    # Monitors

    def validate_monitor(self, request: Request, ident: str = "") -> Any:
        self.make("monitor", body(request), {}, self.one("monitor", ident) if ident else {})
        return {}

    def put_monitor(self, given: Json, own: Json, before: Json) -> Json:
        merged = before | given
        self.check("monitor", given, merged, update=bool(before))
        query = monitors.parse(merged["query"], monitors.STARTS[merged["type"]])
        if merged["type"] == "slo alert" and query.strings[0] not in self.rows("slo"):
            said = f"there is no {query.strings[0]}"
            raise ErrorResponse(400, f"The value provided for parameter 'query' is invalid: {said}")
        options = self.table["options"] | merged.get("options", {})
        if query.threshold is not None:
            options["thresholds"] = {"critical": query.threshold} | options.get("thresholds", {})
        return merged | {"options": options, "multi": bool(query.groups), "modified": now()}

    # Objectives

    def put_slo(self, given: Json, own: Json, before: Json) -> Json:
        self.check("slo", given, update=bool(before))
        made: Json = {"timeframe": given["thresholds"][0]["timeframe"]}
        for name in ("target", "warning"):
            for one in (one for one in given["thresholds"] if name in one):
                one[f"{name}_display"] = str(float(one[name])).removesuffix("0")  # 99.5, but 99.
                made.setdefault(f"{name}_threshold", one[name])
        return made | given | {"modified_at": int(time())}

    # Dashboards

    def put_dashboard(self, given: Json, own: Json, before: Json) -> Json:
        self.check("dashboard", given)
        url = f"/dashboard/{own['id']}/{re.sub('[^a-z0-9]+', '-', given['title'].lower())}"
        made: Json = dict.fromkeys(("description", "notify_list", "template_variables")) | given
        return made | {"url": url, "modified_at": now(), "widgets": _numbered(given["widgets"])}

    # Synthetic tests

    def tests(self, request: Request, ident: str = "") -> Any:
        return self.one("test", ident) if ident else {"tests": self.page(request, "test")}

    def delete_tests(self, request: Request) -> Any:
        idents = body(request).get("public_ids", [])
        for ident in idents:
            self.rows("monitor").pop(str(self.one("test", ident)["monitor_id"]))
            del self.rows("test")[ident]
        return {"deleted_tests": [{"public_id": ident, "deleted_at": now()} for ident in idents]}

    def put_test(self, given: Json, own: Json, before: Json) -> Json:
        self.check("test", given)
        watch = {key: given[key] for key in ("name", "message", "tags") if key in given}
        watch |= {"id": own["monitor_id"], "type": "synthetics alert", "query": "no_query", "options": {}}
        self.rows("monitor")[str(own["monitor_id"])] = watch
        return given | {"modified_at": now()}

    # Log-based metrics

    def put_logs_metric(self, given: Json, own: Json, before: Json) -> Json:
        self.check("logs_metric", given, update=bool(before))
        old: Json = before.get("attributes") or {"group_by": []}
        ident = before.get("id") or given["data"]["id"]
        return {"id": ident, "attributes": old | given["data"]["attributes"]}

    # The AWS integration

    def put_account(self, given: Json, own: Json, before: Json) -> Json:
        self.check("account", given, update=bool(before))
        old: Json = before.get("attributes") or {"created_at": now(), "account_tags": []}
        made = old | given["data"]["attributes"] | {"modified_at": now()}
        if "role_name" in made["auth_config"]:
            known = old.get("auth_config", {}).get("external_id", uuid4().hex)
            made["auth_config"] = {"external_id": known} | made["auth_config"]
        return {"attributes": made}


def _numbered(widgets: Sequence[Json]) -> list[Json]:
    """The widgets with ids, those in groups as well."""
    inner = [one["definition"].get("widgets") for one in widgets]
    return [
        {"id": number(15), **one}
        | ({"definition": one["definition"] | {"widgets": _numbered(own)}} if own else {})
        for one, own in zip(widgets, inner, strict=True)
    ]

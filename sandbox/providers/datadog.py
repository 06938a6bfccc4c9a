"""What the Datadog provider accepts, and what Datadog would answer."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from sandbox.providers.kinds import table
from sandbox.providers.plan import Plan
from sandbox.providers.schema import suggest
from sandbox.providers.target import Package, Resource
from sandbox.providers.values import Json, show

QUERY = re.compile(r"\s*\w+\(.+?\):.+(?:>=|<=|>|<)\s*(?P<threshold>-?[\d.]+)\s*", re.DOTALL)
"""A metric monitor's query: how the points of which time are judged, what is measured, the threshold."""

NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Datadog(Package):
    """pulumi-datadog."""

    def faults(self, resource: Resource) -> Iterator[str]:
        yield from super().faults(resource)
        given = resource.inputs  # a secret is let pass: what is wrong with it could not be said
        match resource.type:
            case "datadog:index/monitor:Monitor":
                yield from monitor_faults(given)
            case "datadog:index/dashboardJson:DashboardJson":
                yield from dashboard_faults(given.get("dashboard"))
            case _:
                pass


def monitor_faults(given: Json) -> Iterator[str]:
    """What Datadog's validation of monitors refuses, which the provider calls in a preview."""
    kind, query = given.get("type"), given.get("query")
    types = cast("list[str]", table("datadog")["monitors"]["types"])
    if isinstance(kind, str) and kind not in types:
        yield f"type: {show(kind)}, is not a value of it; {suggest(kind, types, quote=True)}"
    if kind not in ("metric alert", "query alert") or not isinstance(query, str):
        return
    parsed = QUERY.fullmatch(query)
    thresholds = given.get("monitorThresholds")
    critical = str(cast(Json, thresholds).get("critical")) if isinstance(thresholds, dict) else ""
    if parsed is None:
        yield f"query: {show(query)}, is no metric query, such as avg(last_5m):avg:system.load.1{{*}} > 4"
    elif NUMBER.fullmatch(critical) and float(critical) != float(parsed["threshold"]):
        used = parsed["threshold"]
        yield f"monitorThresholds.critical: {critical} does not match what the query is compared with, {used}"


def dashboard_faults(text: Any) -> Iterator[str]:
    """What makes Datadog refuse a dashboard as JSON."""
    if not isinstance(text, str):
        return
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        yield f"dashboard: is no JSON: {error}"
        return
    for name, wanted in (("title", str), ("layout_type", str), ("widgets", list)):
        if not isinstance(found, dict) or not isinstance(cast(Json, found).get(name), wanted):
            yield f"dashboard: {name} is missing"


class DatadogPlan(Plan):
    """What Datadog would answer."""

    def computed(self, resource: Resource, before: Json) -> Json:
        made = super().computed(resource, before)
        role = cast(Json, resource.inputs.get("authConfig") or {}).get("awsAuthConfigRole")
        if "authConfig" in made and role is None:
            del made["authConfig"]  # only who is assumed by a role has an external id
        return made

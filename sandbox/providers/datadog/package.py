"""The rules of the Datadog provider, and its API."""

from typing import cast

from sandbox.providers.plan import Plan
from sandbox.providers.rest import RestPackage, RestTarget, body
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, plain

MONITOR = "datadog:index/monitor:Monitor"
TEST = "datadog:index/syntheticsTest:SyntheticsTest"

COMPUTED = ("id", "url", "author_handle", "author_name", "created_at", "modified_at")
"""Members of a dashboard that are Datadog's own; every widget has an id as well."""


class Datadog(RestPackage):
    """pulumi-datadog."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Keep the name in the state where a kind of monitor has two: they mean the same."""
        named = {resource.inputs.get("type"), before.get("type")} == {"metric alert", "query alert"}
        same = {"type": before["type"]} if resource.type == MONITOR and named else {}
        return super().complete(resource, before, seed) | same


class DatadogPlan(Plan):
    """The made-up answers of Datadog."""

    def computed(self, resource: Resource, before: Json) -> Json:
        made = super().computed(resource, before)
        role = cast(Json, resource.inputs.get("authConfig") or {}).get("awsAuthConfigRole")
        if "authConfig" in made and role is None:
            del made["authConfig"]  # only who is assumed by a role has an external id
        return made


class DatadogTarget(RestTarget):
    """Datadog's API at a URL."""

    computed, wrapped = COMPUTED, "data"

    def __init__(self, url: str) -> None:
        super().__init__(url, {"DD-API-KEY": "sandbox", "DD-APPLICATION-KEY": "sandbox"})

    def delete(self, resource: Resource) -> None:
        """Tests are deleted by a list of their ids."""
        if resource.type != TEST:
            super().delete(resource)
        elif self.call("GET", f"/api/v1/synthetics/tests/{resource.id}"):
            self.call("POST", "/api/v1/synthetics/tests/delete", {"public_ids": [resource.id]})

    def plan(self, resource: Resource) -> Json:
        self._validate(resource)
        return super().plan(resource)

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        self._validate(resource)
        return super().plan_update(resource, before)

    def _validate(self, resource: Resource) -> None:
        """Datadog looks at a monitor already in the preview, unless something of it is not known yet."""
        if resource.type == MONITOR and resource.known == plain(resource.inputs):
            self.call("POST", "/api/v1/monitor/validate", body(resource))

"""The rules of the Datadog provider, and its API."""

from typing import cast

from sandbox.providers.plan import Plan
from sandbox.providers.rest import RestPackage, RestTarget, body
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, plain

MONITOR = "datadog:index/monitor:Monitor"
TEST = "datadog:index/syntheticsTest:SyntheticsTest"

COMPUTED = ("id", "url", "author_handle", "author_name", "created_at", "modified_at")
"""Members of a dashboard that Datadog adds. Every widget has an `id`, too."""


class Datadog(RestPackage):
    """pulumi-datadog."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Keep the monitor type of the state if it is the other name of the program's type."""
        types = {resource.inputs.get("type"), before.get("type")}
        inputs = super().complete(resource, before, seed)
        if resource.type == MONITOR and types == {"metric alert", "query alert"}:
            return inputs | {"type": before["type"]}
        return inputs


class DatadogPlan(Plan):
    """The made-up answers of Datadog."""

    def computed(self, resource: Resource, before: Json) -> Json:
        outputs = super().computed(resource, before)
        role = cast(Json, resource.inputs.get("authConfig") or {}).get("awsAuthConfigRole")
        if "authConfig" in outputs and role is None:
            del outputs["authConfig"]  # Datadog makes an external ID only for a role that it assumes.
        return outputs


class DatadogTarget(RestTarget):
    """Datadog's API at a URL."""

    computed, wrapped = COMPUTED, "data"

    def __init__(self, url: str) -> None:
        super().__init__(url, {"DD-API-KEY": "sandbox", "DD-APPLICATION-KEY": "sandbox"})

    def delete(self, resource: Resource) -> None:
        """Delete the resource. The API deletes synthetic tests by a list of IDs."""
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
        """Let Datadog validate a monitor in the preview, unless a part of it is unknown."""
        if resource.type == MONITOR and resource.known == plain(resource.inputs):
            self.call("POST", "/api/v1/monitor/validate", body(resource))

"""The rules and the targets of the Datadog provider."""

from typing import cast

from sandbox.providers.plan import Plan
from sandbox.providers.rest.api_table import body
from sandbox.providers.rest.package import RestPackage
from sandbox.providers.rest.target import RestTarget
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, plain

MONITOR = "datadog:index/monitor:Monitor"
TEST = "datadog:index/syntheticsTest:SyntheticsTest"

COMPUTED = ("id", "url", "author_handle", "author_name", "created_at", "modified_at")
"""Members that Datadog adds to a dashboard; it adds `id` to every widget, too."""


class Datadog(RestPackage):
    """The Datadog package: checks, defaults and replacements of pulumi-datadog."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Keep a monitor's type in the state if the program's type is only another name for it."""
        types = {resource.inputs.get("type"), before.get("type")}
        inputs = super().complete(resource, before, seed)
        if resource.type == MONITOR and types == {"metric alert", "query alert"}:
            return inputs | {"type": before["type"]}
        return inputs


class DatadogPlan(Plan):
    """Simulated responses of Datadog."""

    def computed(self, resource: Resource, before: Json) -> Json:
        outputs = super().computed(resource, before)
        role = cast(Json, resource.inputs.get("authConfig") or {}).get("awsAuthConfigRole")
        if "authConfig" in outputs and role is None:
            # Datadog generates an external ID only for a role that it assumes.
            del outputs["authConfig"]["awsAuthConfigRole"]
        return outputs


class DatadogTarget(RestTarget):
    """Datadog's API at a URL."""

    computed, wrapped = COMPUTED, "data"

    def __init__(self, url: str) -> None:
        super().__init__(url, {"DD-API-KEY": "sandbox", "DD-APPLICATION-KEY": "sandbox"})

    def delete(self, resource: Resource) -> None:
        """Delete the resource. For a synthetic test, the API requires a list of IDs."""
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
        """Let the API validate a monitor in a preview, unless some inputs are unknown."""
        if resource.type == MONITOR and resource.known == plain(resource.inputs):
            self.call("POST", "/api/v1/monitor/validate", body(resource))

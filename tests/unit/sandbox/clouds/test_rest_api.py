"""Tests of the registries of the Cloudflare and Datadog APIs."""

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.datadog.api import DatadogApi
from sandbox.clouds.rest_api import RestApi
from tests.support.rows import each_row


@each_row("api", [CloudflareApi, DatadogApi])
def test_every_refusal_concerns_an_operation_of_the_api(api: type[RestApi]) -> None:
    registry = api.registry
    deletions = {
        f"{name}:delete" for name, collection in registry.collections.items() if "DELETE" in collection.verbs
    }
    assert registry.operations().keys() <= registry.emulations.keys() | deletions
    can_change = {name for name, item in registry.collections.items() if item.creates or "PUT" in item.verbs}
    assert {f"{name}:put" for name in can_change} <= registry.emulations.keys()

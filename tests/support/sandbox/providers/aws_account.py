"""An emulated AWS account in which tests create the resources of AWS_RESOURCES."""

import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.clouds.aws.api import AwsApi
from sandbox.providers.aws.target import AwsTarget
from sandbox.providers.diff import Change, changes
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire import schema
from sandbox.wire.aws_account import ACCOUNT
from sandbox.wire.values import map_items, plain, project
from tests.support.sandbox.clouds.local_api import serve
from tests.support.sandbox.providers.aws_resources import AWS_RESOURCES
from tests.support.sandbox.references import fill


class AwsAccount:
    """An account that is empty at first, and the provider that creates resources in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.target = AwsTarget(url)
        self.live: dict[str, LiveResource] = {}

    def client(self, service: str, region: str = "ap-northeast-1") -> Any:
        """Return a boto3 client for the account."""
        return self.target.clients.get(service, region)

    def resource(self, name: str, /, **changed: Any) -> Resource:
        """Return a resource of AWS_RESOURCES with changed inputs, and with the ID if the resource exists.

        Inputs that are None are left out.
        """
        token, inputs, _ = AWS_RESOURCES[name]
        outputs = {live_name: {**live.outputs, "id": live.id} for live_name, live in self.live.items()}
        filled = {
            key: _filled(item, outputs) for key, item in {**inputs, **changed}.items() if item is not None
        }
        config = {"region": "ap-northeast-1", "defaultTags": {"tags": {"team": "platform"}}}
        resource_id = self.live[name].id if name in self.live else ""
        return Resource(f"urn:pulumi:dev::pipe::{token}::{name}", token, filled, config, resource_id)

    def create(self, *names: str) -> LiveResource:
        """Create the named resources, and those to which they refer, if missing; return the last one."""
        for name in names:
            if name not in self.live:
                self.create(*references(AWS_RESOURCES[name][1]))
                self.live[name] = self.target.create(self.resource(name))
        return self.live[names[-1]] if names else LiveResource("", {}, {})

    def read(self, name: str) -> LiveResource | None:
        """Return the resource as it exists in the API; None if it does not exist."""
        return self.target.read(self.resource(name), self.live[name].outputs)

    def differences(self, name: str, expected: Resource) -> list[Change]:
        """Return the differences between a resource and the expected resource that a refresh finds."""
        live, inputs = self.read(name), plain(expected.inputs)
        assert live is not None, name
        return changes(project(live.inputs, inputs, schema.maps(expected.type)), inputs)

    def update(self, name: str, /, **changed: Any) -> LiveResource:
        """Change inputs of a resource in place; return the resource."""
        before = LiveResource(self.live[name].id, self.resource(name).inputs, self.live[name].outputs)
        self.live[name] = self.target.update(self.resource(name, **changed), before)
        return self.live[name]

    def delete(self, name: str) -> None:
        """Delete a resource."""
        self.target.delete(replace(self.resource(name), id=self.live[name].id))


def references(inputs: Any) -> list[str]:
    """Return the names of the resources to which inputs refer, such as `vpc` in `<vpc.id>`."""
    if isinstance(inputs, str):
        return [inputs[1:].partition(".")[0]] if inputs.startswith("<") else []
    names: list[str] = []
    map_items(inputs, lambda item: names.extend(references(item)))
    return names


def _filled(value: Any, outputs: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return fill(value, outputs)
    return map_items(value, lambda item: _filled(item, outputs))


@contextmanager
def empty_account(kubeconfig: Path | None = None, account: str = ACCOUNT) -> Generator[AwsAccount]:
    """Yield an empty account with an ID, whose EKS clusters have the API server of `kubeconfig`."""
    with serve(AwsApi(kubeconfig, account)) as url:
        # moto's models are global, so another test may have left resources in them.
        reset = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset, timeout=30)
        yield AwsAccount(url)

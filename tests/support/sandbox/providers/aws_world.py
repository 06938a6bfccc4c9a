"""An AWS API to bring a resource of each type of the program up in."""

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
from sandbox.wire.templates import fill
from sandbox.wire.values import each, plain, project
from tests.support.sandbox.clouds.served import served
from tests.support.sandbox.providers.aws_things import WORLD


class World:
    """An empty account, in which some of the world can be brought up."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.target = AwsTarget(url)
        self.live: dict[str, LiveResource] = {}

    def client(self, service: str, region: str = "ap-northeast-1") -> Any:
        """A client as anybody has it."""
        return self.target.clients.get(service, region)

    def resource(self, name: str, /, **changed: Any) -> Resource:
        """A resource of the world; with its id once it is up."""
        token, inputs, _ = WORLD[name]
        words = {one: {**live.outputs, "id": live.id} for one, live in self.live.items()}
        filled = {
            key: _filled(item, words) for key, item in {**inputs, **changed}.items() if item is not None
        }
        config = {"region": "ap-northeast-1", "defaultTags": {"tags": {"team": "platform"}}}
        found = self.live.get(name)
        return Resource(
            f"urn:pulumi:dev::pipe::{token}::{name}", token, filled, config, found.id if found else ""
        )

    def up(self, *names: str) -> LiveResource:
        """Bring up these and what they need; the last one."""
        for name in names:
            if name not in self.live:
                self.up(*needs(WORLD[name][1]))
                self.live[name] = self.target.create(self.resource(name))
        return self.live[names[-1]] if names else LiveResource("", {}, {})

    def read(self, name: str) -> LiveResource | None:
        return self.target.read(self.resource(name), self.live[name].outputs)

    def differences(self, name: str, wanted: Resource) -> list[Change]:
        """In what the thing differs from what is wanted, as a refresh would find it."""
        live, given = self.read(name), plain(wanted.inputs)
        assert live is not None, name
        return changes(project(live.inputs, given, schema.maps(wanted.type)), given)

    def change(self, name: str, /, **changed: Any) -> LiveResource:
        """Change it in place, as a program would that gave what was given before."""
        before = LiveResource(self.live[name].id, self.resource(name).inputs, self.live[name].outputs)
        self.live[name] = self.target.update(self.resource(name, **changed), before)
        return self.live[name]

    def delete(self, name: str) -> None:
        self.target.delete(replace(self.resource(name), id=self.live[name].id))


def needs(inputs: Any) -> list[str]:
    """The names that inputs refer to."""
    if isinstance(inputs, str):
        return [inputs[1:].partition(".")[0]] if inputs.startswith("<") else []
    found: list[str] = []
    each(inputs, lambda item: found.extend(needs(item)))
    return found


def _filled(value: Any, words: dict[str, Any]) -> Any:
    return fill(value, words) if isinstance(value, str) else each(value, lambda item: _filled(item, words))


@contextmanager
def world(kubeconfig: Path | None = None) -> Generator[World]:
    """An empty account in an API of its own."""
    with served(AwsApi(kubeconfig)) as url:
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=30)
        yield World(url)

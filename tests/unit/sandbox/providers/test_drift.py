"""What somebody else adds to a map that the program sets as a whole is found by a refresh, and repaired."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.clouds.datadog.api import DatadogApi
from sandbox.providers.aws.package import Aws
from sandbox.providers.datadog.package import Datadog, DatadogTarget
from sandbox.providers.provider import Provider
from sandbox.providers.target import LiveResource, Package, Resource, Target
from sandbox.wire.values import Json, decode, encode
from tests.support.sandbox.clouds.local_api import serve
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.unit.sandbox.providers.test_datadog import CASES


class Connection:
    """All that a provider asks of the one to the engine."""

    def peer(self) -> str:
        return "the engine"


@dataclass
class Engine:
    """What the engine asks a provider for in a refresh and an update of a resource that is there."""

    provider: Provider
    resource: Resource
    state: LiveResource

    def refresh(self) -> Json:
        """The inputs that are there now; the state is what was found."""
        found = self._ask(
            "Read",
            proto.ReadRequest(
                properties=encode(self.state.outputs), inputs=encode(self.state.inputs), **self._about()
            ),
        )
        self.state = LiveResource(found.id, decode(found.inputs), decode(found.properties))
        return self.state.inputs

    def differences(self) -> dict[str, str]:
        """In what the state differs from the program: path → kind."""
        found = self._ask(
            "Diff",
            proto.DiffRequest(
                old_inputs=encode(self.state.inputs), news=encode(self.resource.inputs), **self._about()
            ),
        )
        kinds = proto.PropertyDiff.Kind
        return {path: kinds.Name(one.kind).lower() for path, one in found.detailedDiff.items()}

    def update(self) -> None:
        found = self._ask(
            "Update",
            proto.UpdateRequest(
                olds=encode(self.state.outputs),
                old_inputs=encode(self.state.inputs),
                news=encode(self.resource.inputs),
                **self._about(),
            ),
        )
        self.state = LiveResource(self.state.id, self.resource.inputs, decode(found.properties))

    def _about(self) -> dict[str, Any]:
        return {"id": self.state.id, "urn": self.resource.urn, "type": self.resource.type}

    def _ask(self, method: str, request: Any) -> Any:
        return getattr(self.provider, method)(request, cast(Any, Connection()))


def engine(package: Package, target: Target, resource: Resource, live: LiveResource) -> Engine:
    provider = Provider(package, target)
    settings = proto.ConfigureRequest(args=encode(resource.config))
    provider.Configure(settings, cast(Any, Connection()))
    return Engine(provider, resource, LiveResource(live.id, resource.inputs, live.outputs))


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        yield account


def of_account(account: AwsAccount, name: str, **changed: Any) -> Engine:
    account.create(name)
    live = account.update(name, **changed)
    return engine(Aws("aws"), account.target, account.resource(name, **changed), live)


def tag(account: AwsAccount, name: str, key: str, value: str) -> None:
    """Tag something by hand."""
    ident = account.live[name].id
    account.client("ec2").create_tags(Resources=[ident], Tags=[{"Key": key, "Value": value}])


def test_a_tag_that_was_added_by_hand_is_found_and_taken_away(account: AwsAccount) -> None:
    vpc = of_account(account, "vpc")
    own = vpc.resource.inputs["tags"]
    assert vpc.refresh() == vpc.resource.inputs and vpc.differences() == {}
    tag(account, "vpc", "owner", "somebody")
    assert vpc.refresh()["tags"] == own | {"owner": "somebody"}
    assert vpc.differences() == {"tags.owner": "delete"}
    vpc.update()
    assert vpc.refresh() == vpc.resource.inputs and vpc.differences() == {}


def test_a_tag_is_found_on_what_the_program_tags_by_its_provider_alone(account: AwsAccount) -> None:
    eip = of_account(account, "eip", tags=None)
    assert "tags" not in eip.resource.inputs and eip.differences() == {}
    for key, value in (("owner", "somebody"), ("team", "theirs")):
        tag(account, "eip", key, value)
        assert eip.refresh()["tags"] == {key: value}
        assert eip.differences() == {"tags": "delete"}
        eip.update()
        assert "tags" not in eip.refresh() and eip.differences() == {}
    assert eip.state.outputs["tagsAll"] == {"team": "platform"}


def test_a_header_that_was_added_by_hand_is_found_and_taken_away() -> None:
    with serve(DatadogApi()) as url:
        target, wanted = DatadogTarget(url), CASES["check of a page"].resource()
        live = target.create(wanted)
        check = engine(Datadog("datadog"), target, CASES["check of a page"].resource(live.id), live)
        assert check.refresh() == wanted.inputs
        target.update(
            CASES["check of a page"].resource(live.id, requestHeaders={"X-Token": "hunter2", "X-More": "1"}),
            live,
        )
        assert check.refresh()["requestHeaders"]["X-More"] == "1"
        assert check.differences() == {'requestHeaders["X-More"]': "delete"}
        check.update()
        assert check.refresh() == wanted.inputs

"""The engine's calls to a provider for an existing resource."""

from dataclasses import dataclass
from typing import Any, cast

from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.providers.provider import Provider
from sandbox.providers.target import LiveResource, Package, Resource, Target
from sandbox.wire.values import Json, decode, decode_inputs, encode


class Connection:
    """The part of a gRPC context that a provider uses."""

    def peer(self) -> str:
        return "the engine"


@dataclass
class EngineCalls:
    """The engine's calls for a refresh and an update of a resource."""

    provider: Provider
    resource: Resource
    state: LiveResource

    def refresh(self) -> Json:
        """Read the resource into the state; return its inputs."""
        request = proto.ReadRequest(
            properties=encode(self.state.outputs), inputs=encode(self.state.inputs), **self._identity()
        )
        answer = self._call("Read", request)
        self.state = LiveResource(answer.id, decode_inputs(answer.inputs), decode(answer.properties))
        return self.state.inputs

    def differences(self) -> dict[str, str]:
        """Return the kind of each difference between the state and the program, by path."""
        request = proto.DiffRequest(
            old_inputs=encode(self.state.inputs), news=encode(self.resource.inputs), **self._identity()
        )
        kinds = proto.PropertyDiff.Kind
        details = self._call("Diff", request).detailedDiff
        return {path: kinds.Name(detail.kind).lower() for path, detail in details.items()}

    def update(self) -> None:
        """Change the resource to the program's inputs."""
        request = proto.UpdateRequest(
            olds=encode(self.state.outputs),
            old_inputs=encode(self.state.inputs),
            news=encode(self.resource.inputs),
            **self._identity(),
        )
        answer = self._call("Update", request)
        self.state = LiveResource(self.state.id, self.resource.inputs, decode(answer.properties))

    def _identity(self) -> dict[str, Any]:
        return {"id": self.state.id, "urn": self.resource.urn, "type": self.resource.type}

    def _call(self, method: str, request: Any) -> Any:
        return getattr(self.provider, method)(request, cast(Any, Connection()))


def engine_calls(package: Package, target: Target, resource: Resource, live: LiveResource) -> EngineCalls:
    """Return the calls for a resource to a provider that is configured with the resource's settings."""
    provider = Provider(package, target)
    settings = proto.ConfigureRequest(args=encode(resource.config))
    provider.Configure(settings, cast(Any, Connection()))
    return EngineCalls(provider, resource, LiveResource(live.id, resource.inputs, live.outputs))

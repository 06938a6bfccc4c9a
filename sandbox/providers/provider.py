"""A resource provider as the engine talks to it: gRPC on one side, a package and its target on the other."""

import functools
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from sandbox.providers import schema
from sandbox.providers.diff import Change, changes, reaches
from sandbox.providers.target import Live, Package, Refused, Resource, Target
from sandbox.providers.values import Json, decode, encode, mark, plain, project, show_path

Handler = TypeVar("Handler", bound=Callable[..., Any])

CONFIG_ALLOWED = frozenset({"version", "pluginDownloadURL", "__internal", "__defaults"})
"""Keys that the engine itself adds to a provider's settings."""


def refusable(handler: Handler) -> Handler:
    """Tell the engine what the target refuses; anything else that goes wrong is a fault of the sandbox."""

    @functools.wraps(handler)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handler(self, request, context)
        except (Refused, schema.NoSuchType) as refused:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(refused))

    return cast(Handler, answer)


class Provider(ResourceProviderServicer):
    """One package for all of its provider instances, which are told apart by their connections."""

    def __init__(self, package: Package, target: Target) -> None:
        self._package = package
        self._target = target
        self._configs: dict[str, Json] = {}
        """The settings of each connection."""
        self._in_state: set[tuple[str, str]] = set()
        """URN and id of what the engine has shown to be in its state."""
        self._adopted: set[tuple[str, str]] = set()

    # Protocol and settings

    def Handshake(
        self, request: proto.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> proto.ProviderHandshakeResponse:
        return proto.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        return Empty()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        return Empty()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._package.version())

    @refusable
    def CheckConfig(self, request: proto.CheckRequest, context: grpc.ServicerContext) -> proto.CheckResponse:
        news = decode(request.news)
        allowed = schema.properties(schema.provider_args(self._package.name))
        faults = [
            f"{name}: there is no such setting of the provider; {schema.suggest(name, allowed)}"
            for name in sorted(news.keys() - allowed.keys() - CONFIG_ALLOWED)
        ]
        return proto.CheckResponse(inputs=request.news, failures=_failures(faults))

    def DiffConfig(self, request: proto.DiffRequest, context: grpc.ServicerContext) -> proto.DiffResponse:
        """A change of settings changes no resource by itself."""
        differ = changes(decode(request.old_inputs), decode(request.news))
        kind = proto.DiffResponse.DIFF_SOME if differ else proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(changes=kind, diffs=sorted({str(change.path[0]) for change in differ}))

    def Configure(
        self, request: proto.ConfigureRequest, context: grpc.ServicerContext
    ) -> proto.ConfigureResponse:
        settings = plain(decode(request.args))
        self._configs[context.peer()] = {key: _from_json(value) for key, value in settings.items()}
        return proto.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @refusable
    def Invoke(self, request: proto.InvokeRequest, context: grpc.ServicerContext) -> proto.InvokeResponse:
        found = self._target.invoke(request.tok, plain(decode(request.args)), self._config(context))
        answer = proto.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(found))  # a keyword of Python's
        return answer

    # Resources

    @refusable
    def Check(self, request: proto.CheckRequest, context: grpc.ServicerContext) -> proto.CheckResponse:
        resource = self._resource(request, context, decode(request.news))
        faults = list(self._package.faults(resource))
        if faults:
            return proto.CheckResponse(inputs=request.news, failures=_failures(faults))
        before = decode(request.olds)
        inputs = self._package.complete(resource, before, request.randomSeed or secrets.token_bytes(16))
        return proto.CheckResponse(inputs=encode(inputs))

    @refusable
    def Diff(self, request: proto.DiffRequest, context: grpc.ServicerContext) -> proto.DiffResponse:
        self._in_state.add((request.urn, request.id))
        resource = self._resource(request, context, decode(request.news))
        differ = changes(decode(request.old_inputs), resource.inputs)
        replacing = self._replacing(resource, differ)
        detailed: dict[str, proto.PropertyDiff] = {}
        for change in differ:
            kind = change.kind + ("_replace" if change in replacing else "")
            detailed[show_path(change.path)] = proto.PropertyDiff(
                kind=proto.PropertyDiff.Kind.Value(kind.upper()), inputDiff=True
            )
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if differ else proto.DiffResponse.DIFF_NONE,
            replaces=[show_path(change.path) for change in replacing],
            diffs=sorted({str(change.path[0]) for change in differ}),
            deleteBeforeReplace=bool(replacing) and self._package.delete_first(resource, differ),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def _replacing(self, resource: Resource, differ: Sequence[Change]) -> list[Change]:
        """The changes that cannot be made in place."""
        paths = [path.split(".") for path in self._target.immutable(resource, differ)] if differ else []
        return [
            change
            for change in differ
            if self._package.forces_replacement(resource, change)
            or any(reaches(change, path) for path in paths)
        ]

    @refusable
    def Create(self, request: proto.CreateRequest, context: grpc.ServicerContext) -> proto.CreateResponse:
        resource = self._resource(request, context, decode(request.properties))
        if request.preview:
            return proto.CreateResponse(properties=encode(mark(self._target.plan(resource), resource.inputs)))
        live = self._adopt(resource) or self._target.create(resource)
        self._in_state.add((request.urn, live.id))
        return proto.CreateResponse(id=live.id, properties=encode(mark(live.outputs, resource.inputs)))

    def _adopt(self, resource: Resource) -> Live | None:
        """What an earlier run created for the URN, and was killed before the engine wrote it down.

        Not what is in the state and about to be replaced: the engine has shown its id.
        """
        for live in self._target.find(resource):
            found = replace(resource, id=live.id)
            differ = changes(project(live.inputs, resource.inputs), resource.inputs)
            if (resource.urn, live.id) not in self._in_state and not self._replacing(found, differ):
                self._adopted.add((resource.urn, live.id))
                return self._target.update(found, live) if differ else live
        return None

    @refusable
    def Read(self, request: proto.ReadRequest, context: grpc.ServicerContext) -> proto.ReadResponse:
        self._in_state.add((request.urn, request.id))
        managed, state = decode(request.inputs), decode(request.properties)
        live = self._target.read(self._resource(request, context, managed), state)
        if live is None:
            return proto.ReadResponse()
        inputs = project(live.inputs, managed) if managed else live.inputs
        outputs = mark(mark(live.outputs, inputs), state)
        return proto.ReadResponse(
            id=live.id, inputs=encode(mark(inputs, managed)), properties=encode(outputs)
        )

    @refusable
    def Update(self, request: proto.UpdateRequest, context: grpc.ServicerContext) -> proto.UpdateResponse:
        self._in_state.add((request.urn, request.id))
        resource = self._resource(request, context, decode(request.news))
        before = Live(request.id, decode(request.old_inputs), decode(request.olds))
        if request.preview:
            planned = self._target.plan_update(resource, before)
            return proto.UpdateResponse(properties=encode(mark(planned, resource.inputs)))
        live = self._target.update(resource, before)
        return proto.UpdateResponse(properties=encode(mark(live.outputs, resource.inputs)))

    @refusable
    def Delete(self, request: proto.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        # With --replace the engine shows no id before it creates: then the old one was adopted, and stays.
        if (request.urn, request.id) not in self._adopted:
            self._target.delete(self._resource(request, context, decode(request.old_inputs)))
        return Empty()

    def _resource(self, request: Any, context: grpc.ServicerContext, inputs: Json) -> Resource:
        return Resource(request.urn, request.type, inputs, self._config(context), getattr(request, "id", ""))

    def _config(self, context: grpc.ServicerContext) -> Json:
        return self._configs.get(context.peer(), {})


def _failures(faults: Iterable[str]) -> list[proto.CheckFailure]:
    """Faults for the engine. It would print the value of a property that was named apart, secret or not."""
    return [proto.CheckFailure(reason=fault) for fault in faults]


def _from_json(value: Any) -> Any:
    """A provider's setting: what is no string comes as JSON in one."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value

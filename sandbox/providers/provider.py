"""A resource provider, which implements the engine's gRPC protocol with a package and its target."""

import contextlib
import functools
import json
import operator
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import grpc
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from sandbox.errors import ProviderError
from sandbox.providers.diff import Change, changes, reaches
from sandbox.providers.resource_types import table
from sandbox.providers.target import (
    ENGINE_SETTINGS,
    LiveResource,
    NotReadyError,
    Package,
    Resource,
    Target,
)
from sandbox.providers.versions import changed_versions, member_at
from sandbox.wire import schema
from sandbox.wire.values import (
    UNKNOWN,
    Json,
    decode,
    decode_inputs,
    digest,
    encode,
    map_items,
    mark_secrets,
    paired_texts,
    parse_json,
    plain,
    project,
    secret_texts,
    secrets_of,
    show_path,
    with_nulls,
    without_nulls,
)

Context = grpc.ServicerContext
Handler = TypeVar("Handler", bound=Callable[..., Any])

WITHOUT_EFFECT = frozenset({"defaultTags", "ignoreTags", "maxRetries"})
"""Settings of providers without an effect on whether a look-up is answered. Others that are harmless for
resources may make it fail, such as `useFipsEndpoint` in a region without such an endpoint.
"""


def report_refusals(handler: Handler) -> Handler:
    """Wrap a handler so that it reports the target's refusals to the engine.

    Any other exception is a bug in the sandbox.
    """

    @functools.wraps(handler)
    def answer(self: Any, request: Any, context: Context) -> Any:
        try:
            return handler(self, request, context)
        except NotReadyError as unready:
            # The engine records the resource and the reason, and the next `up` updates the resource.
            live, reasons = unready.live, [str(unready)]
            details = proto.ErrorResourceInitFailed(id=live.id, reasons=reasons, inputs=encode(live.inputs))
            details.properties.CopyFrom(encode(mark_secrets(live.outputs, live.inputs)))
            status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(unready))
            status.details.add().Pack(details)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, str(unready))
        except (ProviderError, schema.UnknownTypeError) as refused:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(refused))

    return cast(Handler, answer)


class Provider(ResourceProviderServicer):
    """A server for one package. It distinguishes the package's provider instances by their connections.

    The inputs that the engine gets and compares have the null values that the program declares. For packages
    and targets, a null member of an object is absent, as for most real providers: pulumi-terraform-bridge
    distinguishes them in maps only (https://github.com/pulumi/pulumi-terraform-bridge/pull/1688).

    If it `predicts`, a preview has the values that an `up` would have, instead of unknown values. The target
    must store no resources. Look-ups are recorded in the file `lookups`, and so are changed settings of
    providers whose effect no table describes, the inputs of providers, the secrets among the inputs of
    resources, which are random in a review, generated secrets, and the texts that a replacement alone would
    change.
    """

    def __init__(
        self, package: Package, target: Target, *, predicts: bool = False, lookups: Path | None = None
    ) -> None:
        self._package = package
        self._lookups = lookups
        self._target = target
        self._predicts = predicts
        self._configs: dict[str, Json] = {}  # settings by connection
        self._engine: engine_pb2_grpc.EngineStub | None = None

    # Protocol and settings

    def Handshake(
        self, request: proto.ProviderHandshakeRequest, context: Context
    ) -> proto.ProviderHandshakeResponse:
        self._connect(request.engine_address)
        return proto.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        self._connect(request.address)
        return Empty()

    def _connect(self, address: str) -> None:
        """Connect to the engine's log, which has a different address in each phase of a run."""
        if address:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def Cancel(self, request: Empty, context: Context) -> Empty:
        return Empty()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        # The engine warns if a provider is older than the installed SDK.
        return plugin_pb2.PluginInfo(version=metadata.version(f"pulumi_{self._package.name}"))

    @report_refusals
    def CheckConfig(self, request: proto.CheckRequest, context: Context) -> proto.CheckResponse:
        news = decode(request.news)
        allowed = schema.properties(schema.provider_args(self._package.name))
        faults = [
            f"{name}: there is no such setting of the provider; {schema.suggest(name, allowed)}"
            for name in sorted(news.keys() - allowed.keys() - ENGINE_SETTINGS)
        ]
        # A real provider takes another value for `false` (pulumi-kubernetes, provider/pkg/provider/
        # provider.go, Configure: trueStr), or refuses it.
        faults += [
            f"{name}: a boolean is required, not a text such as 'true' in the program"
            for name in sorted(news.keys() & allowed.keys())
            if schema.nouns(allowed[name].hint) == "a boolean" and not _may_be_boolean(plain(news[name]))
        ]
        # The engine sends settings without the marks of secrets, here and to DiffConfig (pulumi/pulumi,
        # pkg/resource/plugin/provider_plugin.go), and marks them again afterwards (annotateSecrets).
        self._record({"configured": request.urn, "inputs": plain(news)})
        return proto.CheckResponse(inputs=request.news, failures=_failures(faults))

    def DiffConfig(self, request: proto.DiffRequest, context: Context) -> proto.DiffResponse:
        """Return the changed settings.

        By themselves, they do not change any resource, unless the provider predicts: the targets of a sandbox
        stay the same, but on a real account another cluster has none of the resources.
        """
        before, after = plain(decode_inputs(request.old_inputs)), plain(decode_inputs(request.news))
        answer = _difference(changes(before, after))
        if self._predicts:
            answer.replaces.extend(self._package.replaced_settings(before, after))
            if unexplained := self._package.unexplained_settings(before, after):
                self._record({"provider": request.urn, "unexplained": unexplained})
        return answer

    @report_refusals
    def Configure(self, request: proto.ConfigureRequest, context: Context) -> proto.ConfigureResponse:
        settings = plain(decode(request.args))
        config = {key: parse_setting(value) for key, value in settings.items()}
        self._target.configure(config)
        self._configs[context.peer()] = config
        return proto.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @report_refusals
    def Invoke(self, request: proto.InvokeRequest, context: Context) -> proto.InvokeResponse:
        args, config = plain(decode(request.args)), self._config(context)
        settings = {name: value for name, value in config.items() if name not in WITHOUT_EFFECT}
        row = {"lookup": request.tok, "args": args, "settings": digest(settings)}
        try:
            self._check_package(request.tok)
            result = self._target.invoke(request.tok, args, config)
        except ProviderError:
            self._record(row | {"failed": True})
            raise
        answer_only = {name: value for name, value in result.items() if args.get(name) != value}
        constants = self._constants(request.tok)
        members = [
            [path, digest(value)] for path, value in answer_members(answer_only) if path not in constants
        ]
        self._record(row | {"answer": members})
        answer = proto.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(result))  # `return` is a keyword in Python.
        return answer

    def _constants(self, token: str) -> Sequence[str]:
        """Return the members of a look-up's answer that do not tell what it has found."""
        constants = cast(Json, table(self._package.name).get("constants", {}))
        return cast("Sequence[str]", constants.get(token.rpartition(":")[2], ()))

    def _record_secrets(self, urn: str, inputs: Json) -> None:
        """Record the secrets in the inputs of a resource, even if there are none.

        A plan shows a secret as a text, which a program could write as well.
        """
        self._record({"secrets": urn, "values": list(secrets_of(inputs))})

    def _record_generated(self, resource: Resource, outputs: Json) -> None:
        """Record the texts of the outputs that are secrets by the provider's choice."""
        generated = {name: outputs.get(name) for name in schema.generated_secrets(resource.type)}
        if texts := sorted(secret_texts(generated, secret=True)):
            self._record({"generated": resource.urn, "texts": texts})

    def _record_renewed(self, urn: str, live: LiveResource, replacement: LiveResource) -> None:
        """Record the texts that the API invents, each with its counterpart in a replacement.

        Both resources have the same inputs, so whatever the program chooses is equal in both.
        """
        pairs = paired_texts([live.id, live.outputs], [replacement.id, replacement.outputs])
        self._record({"renewed": urn, "texts": {old: new for old, new in pairs if old != new}})

    def _record_versions(self, resource: Resource, before: LiveResource, live: LiveResource) -> None:
        """Record the versions that the API changes with an update, each with the new one.

        A version that the program has set before is none of the API.
        """
        texts: dict[str, str] = {}
        for path in changed_versions(resource.type, before.inputs, resource.inputs) - before.inputs.keys():
            old, new = (member_at(plain(side.outputs), path.split(".")) for side in (before, live))
            if isinstance(old, str | int | float) and isinstance(new, str | int | float) and old != new:
                texts[f"{old}".removesuffix(".0")] = f"{new}".removesuffix(".0")
        if texts:
            self._record({"renewed": resource.urn, "texts": texts})

    def _record(self, row: Json) -> None:
        """Add a row to the file of look-ups, if there is one, with the engine's sign for unknown values."""
        if self._lookups:
            with self._lookups.open("a", encoding="utf-8") as file:  # one write, so that lines do not mix
                file.write(json.dumps(row, default=operator.attrgetter("value")) + "\n")

    # Resources

    @report_refusals
    def Check(self, request: proto.CheckRequest, context: Context) -> proto.CheckResponse:
        news = decode_inputs(request.news)
        resource = self._resource(request, context, without_nulls(news))
        before = decode(request.olds)
        faults = list(self._package.faults_after(resource, before))
        if faults:
            return proto.CheckResponse(inputs=request.news, failures=_failures(faults))
        completed = self._package.complete(resource, before, request.randomSeed or secrets.token_bytes(16))
        inputs = with_nulls(completed, news)
        self._record_secrets(request.urn, inputs)
        return proto.CheckResponse(inputs=encode(inputs))

    @report_refusals
    def Diff(self, request: proto.DiffRequest, context: Context) -> proto.DiffResponse:
        news = decode_inputs(request.news)
        resource = self._resource(request, context, without_nulls(news))
        input_changes = changes(decode_inputs(request.old_inputs), news)
        immutable = self._target.immutable(resource, input_changes) if input_changes else ()
        unconditional = [Change((path,), "update") for path in self._target.replacement_paths(resource)]
        all_changes = input_changes + unconditional
        replacing = [
            change
            for change in all_changes
            if change in unconditional
            or self._package.forces_replacement(resource, change)
            or (self._predicts and self._package.may_replace(resource, change))
            or any(reaches(change, path.split(".")) for path in immutable)
        ]
        answer = _difference(all_changes)
        answer.replaces.extend(show_path(change.path) for change in replacing)
        answer.deleteBeforeReplace = bool(replacing) and self._package.delete_first(resource, all_changes)
        answer.hasDetailedDiff = True
        for change in all_changes:
            kind = f"{change.kind}_replace" if change in replacing else change.kind
            detail = proto.PropertyDiff(kind=proto.PropertyDiff.Kind.Value(kind.upper()), inputDiff=True)
            answer.detailedDiff[show_path(change.path)].CopyFrom(detail)
        return answer

    @report_refusals
    def Create(self, request: proto.CreateRequest, context: Context) -> proto.CreateResponse:
        resource = self._resource(request, context, decode(request.properties))
        # A replacement must not get the same ID as the resource that it replaces.
        original, replacement = resource, replace(resource, seed=f"{resource.urn} in a preview")
        if request.preview and self._predicts:
            resource = replacement
        elif request.preview:
            return proto.CreateResponse(
                properties=encode(mark_secrets(self._target.plan(resource), resource.inputs))
            )
        live = self._target.create(resource)
        if not request.preview:
            live = replace(live, outputs=_decided(live.outputs, resource.type))
        self._record_generated(resource, live.outputs)
        if self._predicts:
            other = original if request.preview else replacement
            self._record_renewed(resource.urn, live, self._target.create(other))
        return proto.CreateResponse(
            id=live.id, properties=encode(mark_secrets(live.outputs, resource.inputs))
        )

    @report_refusals
    def Read(self, request: proto.ReadRequest, context: Context) -> proto.ReadResponse:
        declared, state = decode_inputs(request.inputs), decode(request.properties)
        managed = without_nulls(declared)
        live = self._target.read(self._resource(request, context, managed), state)
        if live is None:
            return proto.ReadResponse()
        inputs = project(live.inputs, managed, schema.maps(request.type)) if managed else live.inputs
        outputs = mark_secrets(mark_secrets(live.outputs, inputs), state)
        marked_inputs = with_nulls(mark_secrets(inputs, managed), declared)
        if live.unready_reason:
            raise NotReadyError(LiveResource(live.id, marked_inputs, outputs), live.unready_reason)
        return proto.ReadResponse(id=live.id, inputs=encode(marked_inputs), properties=encode(outputs))

    @report_refusals
    def Update(self, request: proto.UpdateRequest, context: Context) -> proto.UpdateResponse:
        resource = self._resource(request, context, decode(request.news))
        before = LiveResource(request.id, decode(request.old_inputs), decode(request.olds))
        if request.preview and not self._predicts:
            planned = self._target.plan_update(resource, before)
            return proto.UpdateResponse(properties=encode(mark_secrets(planned, resource.inputs)))
        live = self._target.update(resource, before)
        if not request.preview:
            live = replace(live, outputs=_decided(live.outputs, resource.type))
        self._record_generated(resource, live.outputs)
        if self._predicts:
            self._record_versions(resource, before, live)
        return proto.UpdateResponse(properties=encode(mark_secrets(live.outputs, resource.inputs)))

    @report_refusals
    def Delete(self, request: proto.DeleteRequest, context: Context) -> Empty:
        self._target.delete(self._resource(request, context, decode(request.old_inputs)))
        return Empty()

    def _resource(self, request: Any, context: Context, inputs: Json) -> Resource:
        """Return the resource of a request; raise ProviderError if its type is one of another package."""
        self._check_package(request.type)
        return Resource(
            request.urn,
            request.type,
            inputs,
            self._config(context),
            getattr(request, "id", ""),
            ignored=tuple(getattr(request, "ignoreChanges", ())),
            timeout=getattr(request, "timeout", 0.0),
            report=functools.partial(self._report, request.urn),
        )

    def _check_package(self, token: str) -> None:
        """Raise ProviderError if a type or look-up is one of another package.

        The engine does not compare the package of an explicit provider with that of the token.
        """
        if token.partition(":")[0] != self._package.name:
            raise ProviderError(
                f"the provider of {token} has the package {self._package.name}; give it a provider of its "
                "own package"
            )

    def _report(self, urn: str, text: str) -> None:
        if self._engine is not None:
            message = engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=text)
            with contextlib.suppress(grpc.RpcError):  # A lost progress message does no harm.
                self._engine.Log(message, timeout=5)  # pyright: ignore[reportUnknownMemberType]

    def _config(self, context: Context) -> Json:
        return self._configs.get(context.peer(), {})


def _decided(outputs: Json, token: str) -> Json:
    """Return outputs without unknown values, which an `up` must not return.

    A boolean is False, and a map is empty. Anything else is missing, and so is an output that may be missing.
    """
    try:
        members = schema.properties(schema.resource_class(token))
    except schema.UnknownTypeError:  # The SDK has no class for a custom resource.
        return outputs
    present = {
        name: item
        for name, item in outputs.items()
        if item is not UNKNOWN or (name in members and members[name].required)
    }
    return _decided_members(present, members)


def _decided_members(value: Json, members: Mapping[str, schema.Property]) -> Json:
    hints = {name: prop.hint for name, prop in members.items()}
    decided = {name: _decided_value(item, hints.get(name, Any)) for name, item in value.items()}
    return {name: item for name, item in decided.items() if item is not None}


def _decided_value(value: Any, hint: Any) -> Any:
    option = next(iter(schema.value_hints(hint)), Any)
    noun, inner = schema.noun(option), get_args(option)
    if value is UNKNOWN:
        is_map = noun == "an object" and not schema.is_object(option)
        return {} if is_map else False if noun == "a boolean" else None
    if isinstance(value, dict) and schema.is_object(option):
        return _decided_members(cast(Json, value), schema.properties(option))
    if isinstance(value, list) and inner:
        return map_items(value, lambda item: _decided_value(item, inner[0]))
    return cast(Any, value)


def answer_members(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each part of an answer; a path has no positions in lists."""
    if isinstance(value, dict):
        for name, member in cast(Json, value).items():
            yield from answer_members(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from answer_members(item, path)
    else:
        yield path, value


def _difference(all_changes: Sequence[Change]) -> proto.DiffResponse:
    outcome = proto.DiffResponse.DIFF_SOME if all_changes else proto.DiffResponse.DIFF_NONE
    names = sorted({str(change.path[0]) for change in all_changes})
    return proto.DiffResponse(changes=outcome, diffs=names)


def _failures(faults: Iterable[str]) -> list[proto.CheckFailure]:
    """Return the faults as messages for the engine.

    The field for the property stays empty: otherwise, the engine would print the property's value, even if it
    is secret.
    """
    return [proto.CheckFailure(reason=fault) for fault in faults]


def _may_be_boolean(value: Any) -> bool:
    """Return True for a provider's setting that is a boolean, its exact JSON text, missing or unknown.

    A real provider compares the text, so it takes one with white space for `false`.
    """
    return value is None or value is UNKNOWN or isinstance(value, bool) or value in ("true", "false")


def parse_setting(value: Any) -> Any:
    """Return the value of a provider's setting. The engine sends values other than strings as JSON.

    A number or null stays a text: no package needs it, and it may be the name of a namespace. So does
    JSON that parsers read differently.
    """
    try:
        parsed: Any = parse_json(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
    return value if parsed is None or type(parsed) in (int, float, str) else parsed

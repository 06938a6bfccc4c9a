"""Tests of the proxy between a program and the engine's resource monitor."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime.proto import (
    alias_pb2,
    callback_pb2,
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from sandbox.engine import call_relay, monitor_proxy
from sandbox.engine.call_relay import CallCounts
from sandbox.engine.monitor_messages import NO_CALLBACKS, NO_DEBUGGER, NO_PARAMETERS
from sandbox.engine.monitor_proxy import MonitorProxy
from sandbox.engine.program_main import CHANNEL_OPTIONS
from sandbox.engine.replay.recorded_calls import Failure, RecordedCalls, comparable, identify
from sandbox.wire.sentinels import ASSETS, OUTPUT, RESOURCE, SECRET, SIGNATURE, UNKNOWN

CALLBACK = callback_pb2.Callback(target="127.0.0.1:1", token="a")
COMPONENT: dict[str, Any] = {"type": "pipe:index:Api", "name": "api"}
STACK: dict[str, Any] = {"type": "pulumi:pulumi:Stack", "name": "pipe-dev"}
BUCKET: dict[str, Any] = {"type": "aws:s3/bucket:Bucket", "name": "files", "custom": True}
READ: dict[str, Any] = {"type": BUCKET["type"]}
FILE = {SIGNATURE: ASSETS[0], "path": "values.yaml"}
HASHED = FILE | {"hash": "0" * 64}
BYTES = "803fd3297a5875dc03ca845dda5d2a98"
"""Kind of a byte string, which Pulumi's SDK for Python never sends."""


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """A monitor that records its calls, and refuses names that contain `unknown`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.status = grpc.StatusCode.UNKNOWN
        self.released = threading.Event()

    def _abort_if_unknown(self, name: str, context: grpc.ServicerContext) -> None:
        if "unknown" in name:
            context.set_trailing_metadata((("grpc-status-details-bin", b"details"),))
            context.abort(self.status, "no such thing")

    def RegisterResource(self, request: Any, context: Any) -> resource_pb2.RegisterResourceResponse:
        self.calls.append("RegisterResource")
        self._abort_if_unknown(request.name, context)
        return resource_pb2.RegisterResourceResponse(urn=f"urn:{request.name}", object=request.object)

    def ReadResource(self, request: Any, context: Any) -> resource_pb2.ReadResourceResponse:
        self.calls.append("ReadResource")
        return resource_pb2.ReadResourceResponse(urn=f"urn:{request.name}")

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Empty:
        self.calls.append("RegisterResourceOutputs")
        return Empty()

    def Invoke(self, request: Any, context: Any) -> resource_pb2.ResourceInvokeResponse:
        self.calls.append("Invoke")
        self._abort_if_unknown(request.tok, context)
        failures = [provider_pb2.CheckFailure(reason="a fault")] if "faulty" in request.tok else []
        return resource_pb2.ResourceInvokeResponse(failures=failures, unknown=bool(request.dependsOn))

    def RegisterStackTransform(self, request: Any, context: Any) -> Empty:
        self.calls.append("RegisterStackTransform")
        return Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Empty:
        self.calls.append("SignalAndWaitForShutdown")
        self.released.wait(30)
        return Empty()


class Engine(engine_pb2_grpc.EngineServicer):
    """An engine's log, which records its calls in those of a monitor."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def Log(self, request: Any, context: Any) -> Empty:
        self.calls.append(f"Log {request.message}")
        return Empty()

    def StartDebugging(self, request: Any, context: Any) -> Empty:
        self.calls.append("StartDebugging")
        return Empty()


@pytest.fixture
def monitor() -> Iterator[tuple[Monitor, str]]:
    """Provide a monitor with its address."""
    servicer = Monitor()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(servicer, server)
        engine_pb2_grpc.add_EngineServicer_to_server(Engine(servicer.calls), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield servicer, f"127.0.0.1:{port}"
        servicer.released.set()
        server.stop(None).wait()


Context = tuple[Any, MonitorProxy, Monitor]


@pytest.fixture
def calls() -> RecordedCalls:
    """Provide the calls that the proxy has answered."""
    return RecordedCalls()


@pytest.fixture
def context(monitor: tuple[Monitor, str], calls: RecordedCalls, tmp_path: Path) -> Iterator[Context]:
    """Provide the stub of a client, the proxy behind it, and the monitor behind the proxy."""
    servicer, address = monitor
    # The path of a Unix socket has at most 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="proxy-") as folder:
        paths = Path(folder) / "monitor", Path(folder) / "engine"
        with (
            monitor_proxy.serve(*paths, address, address, tmp_path / "failed", calls) as (proxy, relay),
            grpc.insecure_channel(f"unix:{paths[0]}", options=CHANNEL_OPTIONS) as channel,
            grpc.insecure_channel(f"unix:{paths[1]}", options=CHANNEL_OPTIONS) as log_channel,
        ):
            client: Any = resource_pb2_grpc.ResourceMonitorStub(channel)
            client.channel, client.log_channel, client.relay = channel, log_channel, relay
            yield client, proxy, servicer
            servicer.released.set()  # The proxy ends when its calls have ended.


def struct(**values: Any) -> Struct:
    """Return a message with these properties."""
    message = Struct()
    message.update(values)
    return message


def register(client: Any, goal: dict[str, Any], **fields: Any) -> Any:
    return client.RegisterResource(resource_pb2.RegisterResourceRequest(**goal, **fields))


def set_outputs(client: Any, urn: str, outputs: Struct | None = None) -> None:
    client.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=outputs))


def look_up(client: Any, token: str, args: Struct | None = None) -> None:
    client.Invoke(resource_pb2.ResourceInvokeRequest(tok=token, args=args))


def rows(folder: Path) -> list[Any]:
    """Return the records of failed look-ups."""
    file = folder / "failed"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_it_passes_on_calls_with_their_answers(context: Context, tmp_path: Path) -> None:
    client, proxy, _ = context
    answer = register(client, BUCKET, object=struct(file=FILE))
    assert (answer.urn, answer.object) == ("urn:files", struct(file=FILE))
    look_up(client, "aws:index:it", struct(a="b"))
    assert (proxy.error, rows(tmp_path)) == ("", [])


def test_it_records_the_calls_that_the_engine_has_answered(context: Context, calls: RecordedCalls) -> None:
    client, _, _ = context
    with pytest.raises(grpc.RpcError):
        register(client, BUCKET, transforms=[CALLBACK])
    answer = register(client, BUCKET, object=struct(a="b"))
    with pytest.raises(grpc.RpcError):
        look_up(client, "aws:index:unknown")
    error = engine_pb2.LogRequest(severity=engine_pb2.ERROR, message="a fault")
    log: Any = engine_pb2_grpc.EngineStub(client.log_channel)
    log.Log(error)
    recorded = calls.with_other_texts()
    outcomes = {key[0]: call.outcome for key, call in recorded.items()}
    assert outcomes.keys() == {"RegisterResource", "Invoke"}
    assert outcomes["RegisterResource"] == answer.SerializeToString()
    request = comparable(resource_pb2.ResourceInvokeRequest(tok="aws:index:unknown"))
    assert isinstance(recorded[identify("Invoke", request)].outcome, Failure)
    assert (calls.errors, calls.has_unknown) == ({"a fault"}, True)


def test_it_records_what_is_declared_for_a_resource_with_ignored_changes(
    context: Context, tmp_path: Path
) -> None:
    client, _, _ = context
    register(client, BUCKET, object=struct(file=FILE))
    register(client, BUCKET, object=struct(size=3, share=0.5, tags={"a": None}), ignoreChanges=["size"])
    lines = (tmp_path / monitor_proxy.DECLARED_INPUTS).read_text().splitlines()
    inputs = {"share": 0.5, "size": 3, "tags": {"a": None}}
    assert [json.loads(line) for line in lines] == [{"declared": "urn:files", "inputs": inputs}]
    assert '"size": 3,' in lines[0] or '"size": 3}' in lines[0]
    assert rows(tmp_path) == []


def test_it_records_the_secrets_and_the_outputs_of_a_component(context: Context, tmp_path: Path) -> None:
    client, _, _ = context
    secret = {SIGNATURE: SECRET, "value": "a"}
    register(client, COMPONENT, object=struct(plain=1, tags={"key": secret}))
    outputs = struct(sizes=[1, None], password=secret)
    client.RegisterResourceOutputs(
        resource_pb2.RegisterResourceOutputsRequest(urn="urn:api", outputs=outputs)
    )
    lines = (tmp_path / monitor_proxy.DECLARED_INPUTS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"secrets": "urn:api", "values": [[["tags", "key"], "a"]]},
        {"registered": "urn:api", "outputs": {"sizes": [1, None], "password": secret}},
    ]


def test_a_component_has_no_input_that_a_report_takes_for_a_providers(context: Context) -> None:
    client, _, monitor = context
    with pytest.raises(grpc.RpcError, match="an input with the name __defaults"):
        register(client, COMPONENT, object=struct(__defaults={"cidr": "0.0.0.0/0"}))
    assert monitor.calls == []


WAYS: dict[str, dict[str, Any]] = {
    "grpc-encoding": {"compression": grpc.Compression.Deflate},
    "grpc-timeout": {"timeout": 60},
    "": {"metadata": (("pulumi-runtime", "nodejs"),)},
}


@pytest.mark.parametrize("header", WAYS)
def test_a_call_that_the_engine_may_read_differently_is_refused(header: str, context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError):
        client.RegisterResource(resource_pb2.RegisterResourceRequest(**BUCKET), **WAYS[header])
    assert (f"a call with other headers ({header})" if header else "a header of the form") in proxy.error
    assert monitor.calls == []


def test_each_service_has_its_own_socket(context: Context) -> None:
    client, proxy, monitor = context
    of_the_log: Any = resource_pb2_grpc.ResourceMonitorStub(client.log_channel)
    with pytest.raises(grpc.RpcError):
        register(of_the_log, BUCKET)
    assert "a method of another service" in proxy.error
    assert monitor.calls == []


CALLBACKS: dict[str, Callable[[Any], Any]] = {
    "transforms of the stack": lambda client: client.RegisterStackTransform(CALLBACK),
    "transforms of look-ups": lambda client: client.RegisterStackInvokeTransform(CALLBACK),
    "hooks": lambda client: client.RegisterResourceHook(resource_pb2.RegisterResourceHookRequest(name="a")),
    "hooks on errors": lambda client: client.RegisterErrorHook(resource_pb2.RegisterErrorHookRequest()),
    "transforms of a resource": lambda client: register(client, BUCKET, transforms=[CALLBACK]),
    "hooks of a resource": lambda client: register(
        client, BUCKET, hooks=resource_pb2.RegisterResourceRequest.ResourceHooksBinding(before_create=["a"])
    ),
}


@pytest.mark.parametrize("call", CALLBACKS)
def test_functions_that_the_engine_would_call_are_refused(call: str, context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError, match="register_stack_transformation"):
        CALLBACKS[call](client)
    assert (proxy.error, monitor.calls) == (NO_CALLBACKS, [])


PACKAGE = resource_pb2.RegisterPackageRequest(name="terraform-provider", version="1.1.1")
CHECKSUMS = {"linux-amd64": b"a"}
PARAMETERIZED: dict[str, Callable[[Any], Any]] = {
    "RegisterPackage terraform-provider": lambda client: client.RegisterPackage(PACKAGE),
    "RegisterResource aws:s3/bucket:Bucket files with packageRef": lambda client: register(
        client, BUCKET, packageRef="a"
    ),
    "RegisterResource aws:s3/bucket:Bucket files with pluginChecksums": lambda client: register(
        client, BUCKET, pluginChecksums=CHECKSUMS
    ),
    "ReadResource with packageRef": lambda client: client.ReadResource(
        resource_pb2.ReadResourceRequest(packageRef="a")
    ),
    "Invoke with packageRef": lambda client: client.Invoke(
        resource_pb2.ResourceInvokeRequest(packageRef="a")
    ),
    "Call with pluginChecksums": lambda client: client.Call(
        resource_pb2.ResourceCallRequest(pluginChecksums=CHECKSUMS)
    ),
}


@pytest.mark.parametrize("call", PARAMETERIZED)
def test_plugins_that_the_engine_does_not_tell_apart_are_refused(call: str, context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError, match="time would decide which plugin serves"):
        PARAMETERIZED[call](client)
    assert (proxy.error, monitor.calls) == (NO_PARAMETERS.format(call), [])


def test_a_program_sets_the_outputs_of_its_components_only(context: Context) -> None:
    client, proxy, monitor = context
    for goal in (COMPONENT, BUCKET, COMPONENT | {"name": "remote", "remote": True}):
        register(client, goal)
    set_outputs(client, "urn:api")
    assert (proxy.error, monitor.calls.pop()) == ("", "RegisterResourceOutputs")
    for urn in ("urn:files", "urn:remote", "urn:other"):
        with pytest.raises(grpc.RpcError, match=f"{urn}: the program sets its outputs"):
            set_outputs(client, urn)
    assert len(proxy.error.splitlines()) == 3
    assert "RegisterResourceOutputs" not in monitor.calls


def test_a_program_sets_the_outputs_of_a_component_once(context: Context) -> None:
    client, proxy, monitor = context
    register(client, COMPONENT)
    set_outputs(client, "urn:api")
    with pytest.raises(grpc.RpcError, match="urn:api: the program sets its outputs a second time"):
        set_outputs(client, "urn:api")
    assert "urn:api" in proxy.error
    assert monitor.calls.count("RegisterResourceOutputs") == 1


def test_a_program_has_one_stack(context: Context) -> None:
    client, proxy, monitor = context
    register(client, STACK)
    with pytest.raises(grpc.RpcError, match="a second resource of the stack's type"):
        register(client, STACK | {"name": "other"})
    assert "other" in proxy.error
    assert monitor.calls == ["RegisterResource"]


def test_a_secret_trigger_with_which_the_engine_fails_is_refused(context: Context) -> None:
    client, proxy, _ = context
    secret, plain = Struct(), Struct()
    secret.update({"part": [{SIGNATURE: SECRET, "value": "hunter2"}]})
    plain.update({"part": ["1"]})
    with pytest.raises(grpc.RpcError, match="a secret as its replacement_trigger"):
        register(client, BUCKET, replacement_trigger=Value(struct_value=secret))
    assert "hunter2" not in proxy.error
    register(client, BUCKET, replacement_trigger=Value(struct_value=plain))


def test_a_provider_is_not_named_like_one_of_the_engine(context: Context) -> None:
    client, proxy, monitor = context
    refused = "a provider of the program whose name starts with `default`"
    for name in ("default", "default_7_51_1", "defaults"):
        with pytest.raises(grpc.RpcError, match=refused):
            register(client, {"type": "pulumi:providers:aws", "name": name, "custom": True})
    with pytest.raises(grpc.RpcError, match=refused):
        client.ReadResource(resource_pb2.ReadResourceRequest(type="pulumi:providers:aws", name="default"))
    assert refused in proxy.error
    assert monitor.calls == []
    register(client, {"type": "pulumi:providers:aws", "name": "a-default", "custom": True})
    register(client, BUCKET | {"name": "default"})
    assert monitor.calls == ["RegisterResource", "RegisterResource"]


@pytest.mark.parametrize(
    ("request_", "former"),
    [
        ({"type": "pulumi:providers:aws", "name": "p"}, None),
        ({"type": "pulumi:providers:aws", "name": "p", "remote": True}, None),
        (COMPONENT, "pulumi:providers:aws"),
        (BUCKET, "pulumi:providers:aws"),
        ({"type": "pulumi:providers:aws", "name": "p", "custom": True}, "aws:s3/bucket:Bucket"),
    ],
)
def test_nothing_takes_the_place_of_a_provider(
    request_: dict[str, Any], former: str | None, context: Context
) -> None:
    client, _, monitor = context
    alias: Any = alias_pb2.Alias
    urn = f"urn:pulumi:dev::pipe::pipe:a:B${former}::p"
    aliases = [alias(urn=urn), alias(spec=alias.Spec(type=former))] if former else []
    for options in [{"aliases": [item]} for item in aliases] or [{}]:
        with pytest.raises(grpc.RpcError, match="a provider's type without a provider, or an alias"):
            register(client, request_, **options)
    assert monitor.calls == []


def test_a_provider_is_not_read_and_keeps_the_alias_of_another_one(context: Context) -> None:
    client, _, monitor = context
    with pytest.raises(grpc.RpcError, match="a provider's type without a provider"):
        client.ReadResource(resource_pb2.ReadResourceRequest(type="pulumi:providers:aws", name="p"))
    alias: Any = alias_pb2.Alias
    urn = "urn:pulumi:dev::pipe::pulumi:providers:aws::p"
    aliases = [
        alias(urn=urn),
        alias(spec=alias.Spec(name="p")),
        alias(spec=alias.Spec(type="pulumi:providers:aws")),
    ]
    register(client, {"type": "pulumi:providers:aws", "name": "q", "custom": True}, aliases=aliases)
    assert monitor.calls == ["RegisterResource"]


URN = "urn:pulumi:dev::pipe::"
AMBIGUOUS_TYPES = (
    "aws:s3/bucket:Bucket:",
    "aws:s3/bucket:Bucket::x",
    "aws:x/$aws:s3/bucket:Bucket",
    ":aws:s3/bucket:Bucket",
    "aws::Bucket",
    "",
    "kubernetes:example.com:Widget, component",
    "aws:s3/bucket:Bucket)",
    "aws:s3/bucket:Bucket(",
    "aws:s3/bucket:a\u00a0b",
)


@pytest.mark.parametrize("kind", [*AMBIGUOUS_TYPES, "aws:s3:bucket:Bucket", "aws:Bucket", "aws"])
def test_a_type_that_the_engine_reads_differently_is_refused(context: Context, kind: str) -> None:
    client, proxy, monitor = context
    for fields in ({"custom": True}, {"custom": True, "remote": True}, {"remote": True}):
        with pytest.raises(grpc.RpcError, match="is not one that Pulumi's SDKs have"):
            register(client, BUCKET | {"custom": False} | fields | {"type": kind})
    with pytest.raises(grpc.RpcError, match="is not one that Pulumi's SDKs have"):
        client.ReadResource(resource_pb2.ReadResourceRequest(type=kind, name="files", id="files"))
    assert f"the type {kind!r} is not one" in proxy.error
    assert monitor.calls == []


@pytest.mark.parametrize("kind", AMBIGUOUS_TYPES)
def test_a_type_of_a_component_or_an_alias_that_the_engine_reads_differently_is_refused(
    context: Context, kind: str
) -> None:
    client, _, monitor = context
    alias: Any = alias_pb2.Alias
    requests: list[dict[str, Any]] = [
        {"aliases": [alias(urn=kind or "api")]},
        {"aliases": [alias(spec=alias.Spec(parentUrn=kind or "api"))]},
    ]
    if kind:
        requests += [{"aliases": [alias(spec=alias.Spec(type=kind))]}]
    for fields in ({"type": kind}, *requests):
        with pytest.raises(grpc.RpcError, match="is not one that Pulumi's SDKs have"):
            register(client, COMPONENT | fields)
    assert monitor.calls == []


@pytest.mark.parametrize("kind", [":aws:s3/bucket:Bucket", "", "aws:a:$aws:s3/bucket:Bucket"])
def test_a_urn_of_an_alias_with_such_a_type_is_refused(context: Context, kind: str) -> None:
    client, _, monitor = context
    alias: Any = alias_pb2.Alias
    urn = f"{URN}{kind}::api"
    requests: tuple[dict[str, Any], ...] = (
        {"aliases": [alias(urn=urn)]},
        {"aliases": [alias(spec=alias.Spec(parentUrn=urn))]},
    )
    for fields in requests:
        with pytest.raises(grpc.RpcError, match="is not one that Pulumi's SDKs have"):
            register(client, COMPONENT | fields)
    assert monitor.calls == []


def test_types_of_components_of_any_length_and_aliases_are_passed_on(context: Context) -> None:
    client, proxy, _ = context
    alias: Any = alias_pb2.Alias
    for kind in ("network", "pipe:network:Network", "kubernetes:helm.sh/v4:Chart", "awsx:ec2:vpc:Vpc"):
        register(client, {"type": kind, "name": kind.replace(":", "-")})
    former = f"{URN}pipe:a:A$pipe:b:B::api::x$y:"
    spec = alias.Spec(type="pipe:old:Api", name="x::y$", parentUrn=former)
    register(client, COMPONENT, aliases=[alias(urn=former), alias(spec=spec)])
    register(client, COMPONENT, aliases=[alias(spec=alias.Spec(noParent=True))])
    assert proxy.error == ""


PropertyDependencies: Any = resource_pb2.RegisterResourceRequest.PropertyDependencies
NAMED: dict[str, dict[str, Any]] = {
    "parent": {"parent": "urn:api"},
    "dependencies": {"dependencies": ["urn:api"]},
    "property dependencies": {"propertyDependencies": {"a": PropertyDependencies(urns=["urn:api"])}},
    "deleted with": {"deletedWith": "urn:api"},
    "replace with": {"replace_with": ["urn:api"]},
    "provider": {"provider": "urn:api::1"},
    "providers": {"providers": {"aws": "urn:api::1"}, "remote": True},
    "values": {"object": struct(a=[{SIGNATURE: OUTPUT, "dependencies": ["urn:api"]}]), "remote": True},
}


@pytest.mark.parametrize("place", NAMED)
def test_a_resource_names_only_resources_that_are_registered(place: str, context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError, match="it names urn:api, which the engine has not registered yet"):
        register(client, BUCKET, **NAMED[place])
    assert "RegisterResource aws:s3/bucket:Bucket files" in proxy.error
    assert monitor.calls == []


@pytest.mark.parametrize("place", NAMED)
def test_a_resource_may_name_resources_that_are_registered(place: str, context: Context) -> None:
    client, proxy, _ = context
    register(client, COMPONENT)
    register(client, BUCKET, **NAMED[place])
    assert proxy.error == ""


def test_only_components_have_providers_for_their_children(context: Context) -> None:
    client, proxy, monitor = context
    register(client, HERE)
    providers = {"aws": PROVIDER["provider"]}
    register(client, COMPONENT, providers=providers)
    register(client, COMPONENT, providers=providers, remote=True)
    assert proxy.error == ""
    calls = len(monitor.calls)
    with pytest.raises(
        grpc.RpcError, match="Bucket files with providers: Pulumi's SDK for Python never sends"
    ):
        register(client, BUCKET, providers=providers)
    assert "files with providers" in proxy.error and len(monitor.calls) == calls


PROVIDER: dict[str, Any] = {"provider": "urn:pulumi:dev::pipe::pulumi:providers:aws::here::1"}

HERE = BUCKET | {"name": PROVIDER["provider"].removeprefix("urn:").removesuffix("::1")}
WITH_THE_PROVIDER: dict[str, Any] = {"deletedWith": PROVIDER["provider"].removesuffix("::1")}


@pytest.mark.parametrize(
    "options, own",
    [
        ({}, {}),
        ({"protect": True}, {"protect": True}),
        ({"protect": True}, {"protect": False}),
        (PROVIDER, PROVIDER),
        (PROVIDER, {"type": "cloudflare:index:Ruleset"}),
        ({"retainOnDelete": True}, {"retainOnDelete": True}),
        ({"retainOnDelete": True}, {"retainOnDelete": False}),
        ({"retainOnDelete": False}, {}),
        (WITH_THE_PROVIDER, WITH_THE_PROVIDER),
    ],
)
def test_a_child_sends_what_it_has_from_its_parent(
    options: dict[str, Any], own: dict[str, Any], context: Context
) -> None:
    client, proxy, _ = context
    register(client, HERE)
    register(client, BUCKET | options)
    register(client, COMPONENT, parent="urn:files")
    register(client, BUCKET | own, parent="urn:api")
    assert proxy.error == ""


@pytest.mark.parametrize("options", [{"protect": True}, {"retainOnDelete": True}, WITH_THE_PROVIDER], ids=min)
def test_a_child_that_leaves_out_what_its_parent_has_is_refused(
    options: dict[str, Any], context: Context
) -> None:
    client, proxy, _ = context
    register(client, HERE)
    register(client, BUCKET | options)
    register(client, COMPONENT, parent="urn:files")
    with pytest.raises(grpc.RpcError, match=f"it leaves out the option {min(options)} of its parent urn:api"):
        register(client, BUCKET, parent="urn:api")
    assert "leaves out" in proxy.error


def test_a_resource_inherits_no_provider_and_no_plugin_through_a_component(context: Context) -> None:
    client, proxy, _ = context
    register(client, HERE)
    for options in (PROVIDER, {"version": "7.51.1"}):
        register(client, BUCKET | options)
        register(client, COMPONENT, parent="urn:files")
        register(client, BUCKET | {"name": "copies", "version": "7.12.1"}, parent="urn:api")
    register(client, BUCKET | PROVIDER)
    assert proxy.error == ""
    with pytest.raises(grpc.RpcError, match="it leaves out the option provider of its parent urn:files"):
        register(client, BUCKET | {"name": "copies"}, parent="urn:files")


def test_a_child_sends_the_provider_that_a_component_has_for_its_package(context: Context) -> None:
    client, proxy, _ = context
    register(client, HERE)
    register(client, COMPONENT, providers={"aws": PROVIDER["provider"]})
    register(client, COMPONENT | {"name": "inner"}, parent="urn:api")
    register(client, BUCKET | {"type": "cloudflare:index:Ruleset"}, parent="urn:inner")
    register(client, BUCKET | PROVIDER, parent="urn:inner")
    assert proxy.error == ""
    with pytest.raises(grpc.RpcError, match="it leaves out the option provider of its parent urn:inner"):
        register(client, BUCKET, parent="urn:inner")


OTHER_PLUGIN = {"version": "7.12.1", "pluginDownloadURL": "https://plugins.example"}


@pytest.mark.parametrize(
    ("fields", "plugin"),
    [
        ({"version": "7.12.1"}, "version 7.12.1"),
        ({"version": ""}, "any version"),
        ({"pluginDownloadURL": "https://plugins.example"}, "version 7.51.1 from https://plugins.example"),
        ({"version": "7.12.1", "remote": True, "custom": False}, "version 7.12.1"),
    ],
)
def test_a_child_does_not_ask_for_another_plugin_than_its_parent(
    fields: dict[str, Any], plugin: str, context: Context
) -> None:
    client, proxy, _ = context
    register(client, BUCKET | {"version": "7.51.1"})
    child = BUCKET | {"name": "copies", "version": "7.51.1", "parent": "urn:files"}
    register(client, child | {"type": "cloudflare:index:Ruleset"})
    register(client, child)
    assert proxy.error == ""
    with pytest.raises(grpc.RpcError):
        register(client, child | fields)
    expected = f"it asks for the plugin of aws in {plugin}, and its parent urn:files in version 7.51.1: "
    assert expected in proxy.error


def test_a_child_asks_for_the_plugin_of_its_parent_or_has_a_provider_of_its_own(context: Context) -> None:
    client, proxy, _ = context
    register(client, HERE)
    tls, aws = (BUCKET | {"type": f"pulumi:providers:{name}", "name": name} for name in ("tls", "aws"))
    register(client, tls | {"version": "5.1.0"})
    register(client, aws | {"version": "7.12.1"}, parent="urn:tls")
    register(client, BUCKET | OTHER_PLUGIN)
    child = BUCKET | {"name": "copies", "parent": "urn:files"}
    register(client, child | OTHER_PLUGIN)
    register(client, child | PROVIDER)
    register(client, child | {"type": "cloudflare:index:Ruleset", "version": "6.0.0"})
    assert proxy.error == ""


def test_a_stack_may_have_the_name_of_a_package(context: Context) -> None:
    client, proxy, _ = context
    provider = "urn:pulumi:aws::pipe::pulumi:providers:cloudflare::here"
    register(client, BUCKET | {"name": provider.removeprefix("urn:")})
    register(client, COMPONENT, provider=f"{provider}::1")
    register(client, BUCKET, parent="urn:api")
    assert proxy.error == ""


API_URN, INNER_URN, OTHER_URN, FORMER_URN = (
    f"{URN}pipe:index:Api::{name}" for name in ("api", "inner", "other", "former")
)


def component(urn: str) -> dict[str, Any]:
    """Return a component to which the monitor gives a URN."""
    return COMPONENT | {"name": urn.removeprefix("urn:")}


def former_parent(urn: str) -> dict[str, Any]:
    """Return the option with an alias that has another parent."""
    return {"aliases": [alias_pb2.Alias(spec=alias_pb2.Alias.Spec(parentUrn=urn))]}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("parent", [API_URN, INNER_URN])
def test_the_parent_of_an_alias_has_no_alias_itself(parent: str, is_first: bool, context: Context) -> None:
    client, proxy, _ = context
    calls: list[Callable[[], Any]] = [
        lambda: register(client, BUCKET, **former_parent(parent)),
        lambda: register(client, component(API_URN), **former_parent(FORMER_URN)),
        lambda: register(client, component(INNER_URN), parent=API_URN),
    ]
    if not is_first:
        calls.append(calls.pop(0))
    with pytest.raises(grpc.RpcError, match=f"an alias names the parent {parent}, which has aliases itself"):
        for call in calls:
            call()
    assert "RegisterResource aws:s3/bucket:Bucket files: an alias" in proxy.error


def test_the_parent_of_an_alias_may_be_a_former_one_one_without_aliases_or_an_ancestor(
    context: Context,
) -> None:
    client, proxy, _ = context
    register(client, component(OTHER_URN))
    register(client, component(API_URN), **former_parent(FORMER_URN))
    register(client, component(INNER_URN), parent=API_URN)
    for parent in (FORMER_URN, OTHER_URN, INNER_URN, API_URN):
        register(client, BUCKET, parent=INNER_URN, **former_parent(parent))
    register(client, BUCKET, parent=INNER_URN, aliases=[alias_pb2.Alias(urn=API_URN)])
    assert proxy.error == ""


def test_calls_name_only_resources_that_are_registered(context: Context) -> None:
    client, proxy, monitor = context
    for call in (
        lambda: client.Invoke(resource_pb2.ResourceInvokeRequest(tok="a", provider="urn:read::1")),
        lambda: client.Invoke(resource_pb2.ResourceInvokeRequest(tok="a", dependsOn=["urn:read"])),
        lambda: client.ReadResource(resource_pb2.ReadResourceRequest(**READ, name="a", parent="urn:read")),
    ):
        with pytest.raises(grpc.RpcError, match="it names urn:read"):
            call()
    assert monitor.calls == []
    client.ReadResource(resource_pb2.ReadResourceRequest(**READ, name="read"))
    client.Invoke(resource_pb2.ResourceInvokeRequest(tok="a", dependsOn=["urn:read"]))
    assert monitor.calls == ["ReadResource", "Invoke"]
    assert [line.partition(":")[0] for line in proxy.error.splitlines()] == [
        "Invoke a",
        "ReadResource aws",
    ]


@pytest.mark.parametrize(
    "value",
    [
        HASHED,
        [HASHED],
        {SIGNATURE: SECRET, "value": HASHED},
        {SIGNATURE: ASSETS[1], "assets": {"a": FILE, "b": HASHED}},
        {SIGNATURE: ASSETS[1], "uri": "https://files.example", "hash": ""},
        # The engine decodes a kind that is another special value.
        {SIGNATURE: {SIGNATURE: BYTES, "value": "YQ=="}, "path": "values.yaml"},
        {SIGNATURE: {SIGNATURE: SECRET, "value": ASSETS[0]}, "path": "values.yaml"},
        {SIGNATURE: {SIGNATURE: OUTPUT, "value": ASSETS[0]}, "path": "values.yaml"},
        {SIGNATURE: [ASSETS[0]]},
        {SIGNATURE: None},
        {SIGNATURE: BYTES, "value": "YQ=="},
        {SIGNATURE: "another", "value": "a"},
        {SIGNATURE: ASSETS[0], "path": "values.yaml", "text": ""},
        {SIGNATURE: ASSETS[0]},
        {SIGNATURE: SECRET},
        {SIGNATURE: RESOURCE, "urn": "urn:it", "packageVersion": "1"},
        {SIGNATURE: RESOURCE, "urn": {SIGNATURE: OUTPUT, "value": FILE | {"hash": ""}}},
    ],
)
def test_special_values_are_as_the_sdk_sends_them(value: Any, context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError, match="not as Pulumi's SDK sends it"):
        register(client, BUCKET, object=struct(source=value))
    with pytest.raises(grpc.RpcError, match="not as Pulumi's SDK sends it"):
        look_up(client, "aws:index:it", struct(source=value))
    assert monitor.calls == []
    assert [line.partition(":")[0] for line in proxy.error.splitlines()] == [
        "RegisterResource aws",
        "Invoke aws",
    ]


def test_special_values_are_checked_in_every_part_of_a_request(context: Context) -> None:
    client, _, monitor = context
    trigger, properties = struct(it=HASHED).fields["it"], struct(a=[{"b": HASHED}])
    with pytest.raises(grpc.RpcError, match="not as Pulumi's SDK sends it"):
        register(client, BUCKET, replacement_trigger=trigger)
    with pytest.raises(grpc.RpcError, match="not as Pulumi's SDK sends it"):
        client.ReadResource(resource_pb2.ReadResourceRequest(**READ, properties=properties))
    assert monitor.calls == []


@pytest.mark.parametrize(
    "value",
    [
        FILE,
        {SIGNATURE: ASSETS[0], "text": "a"},
        {SIGNATURE: ASSETS[1], "assets": {"a": FILE}},
        {SIGNATURE: ASSETS[1], "uri": "https://files.example"},
        {SIGNATURE: SECRET, "value": {"a": FILE}},
        {SIGNATURE: RESOURCE, "urn": "urn:it"},
        {SIGNATURE: RESOURCE, "urn": "urn:it", "id": "i"},
    ],
)
def test_special_values_of_the_sdk_are_passed_on(value: Any, context: Context) -> None:
    client, proxy, _ = context
    answer = register(client, BUCKET, object=struct(source=[value], plain={"hash": "a"}))
    assert (answer.object, proxy.error) == (struct(source=[value], plain={"hash": "a"}), "")


@pytest.mark.parametrize(
    "value",
    [
        {SIGNATURE: OUTPUT},
        {SIGNATURE: OUTPUT, "value": 0},
        {SIGNATURE: OUTPUT, "value": None, "secret": True, "dependencies": ["urn:api"]},
        {SIGNATURE: SECRET, "value": {SIGNATURE: OUTPUT, "value": 0}},
    ],
)
def test_outputs_are_values_of_methods_and_remote_components_only(value: Any, context: Context) -> None:
    client, proxy, monitor = context
    inputs = struct(spec=[{"replicas": value}])
    register(client, COMPONENT)
    assert register(client, COMPONENT | {"name": "remote"}, remote=True, object=inputs).object == inputs
    with pytest.raises(grpc.RpcError, match="not implemented"):
        client.Call(resource_pb2.ResourceCallRequest(tok="aws:index/it:call", args=inputs))
    assert proxy.error == ""
    monitor.calls.clear()
    for call in (
        lambda: register(client, BUCKET, object=inputs),
        lambda: register(client, COMPONENT, object=inputs),
        lambda: client.ReadResource(resource_pb2.ReadResourceRequest(**READ, properties=inputs)),
        lambda: look_up(client, "aws:index:it", inputs),
        lambda: set_outputs(client, "urn:api", inputs),
    ):
        with pytest.raises(grpc.RpcError, match="not as Pulumi's SDK sends it"):
            call()
    assert monitor.calls == []


def test_a_failed_look_up_is_recorded(context: Context, tmp_path: Path) -> None:
    client, proxy, _ = context
    with pytest.raises(grpc.RpcError, match="no such thing") as failure:
        look_up(client, "aws:index:unknown", struct(a={SIGNATURE: SECRET, "value": 1}))
    error: Any = failure.value
    assert error.code() == grpc.StatusCode.UNKNOWN
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"details"
    look_up(client, "aws:index:faulty", struct(a=float("inf")))
    with pytest.raises(grpc.RpcError):
        client.Call(resource_pb2.ResourceCallRequest(tok="aws:index/it:call"))
    refused, faulty, call = rows(tmp_path)
    assert refused == {"lookup": "aws:index:unknown", "args": {"a": 1}, "error": "no such thing"}
    assert (faulty["lookup"], faulty["error"]) == ("aws:index:faulty", "a fault")
    assert call["lookup"] == "aws:index/it:call"
    assert proxy.error == ""


@pytest.mark.parametrize("value", [UNKNOWN, {SIGNATURE: SECRET, "value": UNKNOWN}])
def test_a_look_up_that_no_provider_answers_is_recorded(value: Any, context: Context, tmp_path: Path) -> None:
    client, proxy, _ = context
    goal = {"type": "pulumi:providers:aws", "custom": True}
    register(client, goal | {"name": "known"}, object=struct(maxRetries="3"))
    register(client, goal | {"name": "audit"}, object=struct(maxRetries=value))
    register(client, BUCKET, object=struct(size=UNKNOWN), provider="urn:audit::1")

    def invoke(token: str, **fields: Any) -> None:
        client.Invoke(resource_pb2.ResourceInvokeRequest(tok=token, **fields))

    invoke("aws:index:known", provider="urn:known::1")
    assert rows(tmp_path) == []
    invoke("aws:index:audit", provider="urn:audit::1", args=struct(a=1))
    invoke("aws:index:after", dependsOn=["urn:files"])
    error = monitor_proxy.NOT_ASKED
    assert rows(tmp_path) == [
        {"lookup": "aws:index:audit", "args": {"a": 1}, "error": error},
        {"lookup": "aws:index:after", "args": {}, "error": error},
    ]
    assert proxy.error == ""


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_call_that_the_ending_engine_does_not_answer_is_an_error_if_the_program_completes(
    is_ended: bool, context: Context
) -> None:
    client, proxy, monitor = context
    monitor.status = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError, match="no such thing"):
        register(client, BUCKET | {"name": "unknown"})
    assert proxy.error == ""
    if is_ended:
        with pytest.raises(grpc.RpcError, match="no such thing"):
            client.SignalAndWaitForShutdown(Empty())
    else:
        close(client)
        proxy.require_completion(client.relay)
    assert proxy.error == "RegisterResource aws:s3/bucket:Bucket unknown: no such thing"
    assert "SignalAndWaitForShutdown" not in monitor.calls


def test_another_call_that_fails_is_an_error(context: Context) -> None:
    client, proxy, _ = context
    with pytest.raises(grpc.RpcError, match="no such thing"):
        register(client, BUCKET | {"name": "unknown"})
    assert proxy.error == "RegisterResource aws:s3/bucket:Bucket unknown: no such thing"


def test_a_refused_program_does_not_complete_itself(context: Context) -> None:
    # The engine would ignore the error at the program's end.
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError):
        set_outputs(client, "urn:files")
    with pytest.raises(grpc.RpcError, match="sets its outputs"):
        client.SignalAndWaitForShutdown(Empty())
    assert proxy.error and monitor.calls == []


def start_end(client: Any, monitor: Monitor) -> Any:
    """Start the call that says that all resources are registered, and return it when the monitor has it."""
    end = client.SignalAndWaitForShutdown.future(Empty())
    while "SignalAndWaitForShutdown" not in monitor.calls:
        assert not end.done(), end.exception()
    return end


def end(client: Any, monitor: Monitor) -> None:
    """End as the SDK does."""
    call = start_end(client, monitor)
    monitor.released.set()
    call.result()


def close(client: Any) -> None:
    """End the program's connections."""
    client.channel.close()
    client.log_channel.close()


def test_a_program_that_ends_as_the_sdk_does_is_complete(context: Context) -> None:
    client, proxy, monitor = context
    register(client, BUCKET)
    end(client, monitor)
    close(client)
    proxy.require_completion(client.relay)
    assert proxy.error == ""


def test_a_program_that_does_not_say_that_it_has_registered_all_resources_is_refused(
    context: Context,
) -> None:
    client, proxy, _ = context
    register(client, BUCKET)
    close(client)
    proxy.require_completion(client.relay)
    assert proxy.error == monitor_proxy.NO_END


def test_a_program_does_not_leave_connections_open(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_relay, "SECONDS", 0.1)
    client, proxy, monitor = context
    end(client, monitor)
    proxy.require_completion(client.relay)
    assert proxy.error == call_relay.NO_HANDLING


@pytest.mark.parametrize("name", ["RegisterResource", "Invoke", "SignalAndWaitForShutdown"])
def test_a_program_that_has_registered_all_resources_only_logs(name: str, context: Context) -> None:
    client, proxy, monitor = context
    call = start_end(client, monitor)
    log: Any = engine_pb2_grpc.EngineStub(client.log_channel)
    log.Log(engine_pb2.LogRequest(message="hello"))
    assert proxy.error == ""
    calls = [*monitor.calls]
    with pytest.raises(grpc.RpcError):
        client.channel.unary_unary(f"/pulumirpc.ResourceMonitor/{name}")(b"")
    assert proxy.error.startswith(f"{name}: the program calls the engine after")
    assert monitor.calls == calls
    assert call.code() == grpc.StatusCode.UNAVAILABLE


def test_bytes_that_are_no_request_are_refused(context: Context) -> None:
    client, proxy, monitor = context
    with pytest.raises(grpc.RpcError, match="does not understand"):
        client.channel.unary_unary("/pulumirpc.ResourceMonitor/RegisterResource")(b"\xff")
    with pytest.raises(grpc.RpcError):
        client.channel.unary_unary("/pulumirpc.ResourceMonitor/Other")(b"")
    assert len(proxy.error.splitlines()) == 2
    assert monitor.calls == []


def test_a_call_in_which_the_proxy_fails_is_refused(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RecursionError

    client, proxy, monitor = context
    monkeypatch.setattr(monitor_proxy, "find_fault", fail)
    with pytest.raises(grpc.RpcError):
        register(client, BUCKET)
    assert proxy.error == "RegisterResource: the review cannot answer this call of the program"
    assert monitor.calls == []


REGISTER = "/pulumirpc.ResourceMonitor/RegisterResource"
NOT_CANONICAL = {
    "a number of 65 bits": b"\x20\x81" + b"\x80" * 8 + b"\x02",
    # The property `a` of `object`, in an entry with an unknown field
    "an entry with an unknown field": b"\x2a\x0d\x0a\x0b\x0a\x01a\x12\x04\x1a\x02it\x42\x00",
    "an unknown group": b"\xfb\x07\xfc\x07",
}


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_bytes_in_which_the_engine_may_read_another_request_are_refused(name: str, context: Context) -> None:
    client, proxy, monitor = context
    request = b"\x0a\x01t\x12\x02it" + NOT_CANONICAL[name]
    resource_pb2.RegisterResourceRequest.FromString(request)  # Python's parser understands it.
    with pytest.raises(grpc.RpcError, match="which Pulumi's SDK never sends"):
        client.channel.unary_unary(REGISTER)(request)
    assert proxy.error.startswith("RegisterResource t it: the bytes of this call have ")
    assert monitor.calls == []


def test_the_engine_gets_the_bytes_of_the_program(tmp_path: Path) -> None:
    """The entries of a map have another order if the proxy serializes them again."""
    requests: list[bytes] = []

    def call(request: bytes) -> bytes:
        requests.append(request)
        return b""

    channel: Any = SimpleNamespace(unary_unary=lambda _path: call)  # pyright: ignore[reportUnknownLambdaType]
    proxy = MonitorProxy(channel, channel, CallCounts(), tmp_path / "failed")
    handler: Any = proxy.service(SimpleNamespace(method="/pulumirpc.ResourceMonitor/Invoke"))
    entries = [b"\x0a\x07\x0a\x01%c\x12\x02\x08\x00" % letter for letter in b"abcdefgh"]
    sent = [b"\x12" + bytes([len(data)]) + data for data in (b"".join(entries), b"".join(reversed(entries)))]
    for request in sent:
        handler.unary_unary(request, None)
    assert (requests, proxy.error) == (sent, "")


def test_a_program_can_write_to_the_log_and_not_start_a_debugger(context: Context) -> None:
    """The engine puts the debugger's settings into an event, and readers of its events limit its depth."""
    client, proxy, monitor = context
    log: Any = engine_pb2_grpc.EngineStub(client.log_channel)
    log.Log(engine_pb2.LogRequest(message="hello"))
    assert (monitor.calls, proxy.error) == (["Log hello"], "")
    with pytest.raises(grpc.RpcError):
        log.StartDebugging(engine_pb2.StartDebuggingRequest(config=struct(a=1)))
    assert (monitor.calls, proxy.error) == (["Log hello"], NO_DEBUGGER.format("StartDebugging"))

"""A proxy of the engine's resource monitor and log, to which a program behind a socket sends its calls.

The proxy passes calls on, and refuses those that mean something else in a deployment. A program may ignore
that a call fails, but a deployment might answer this call. So the proxy records it outside the program's
process: a refusal makes the program fail, and both a refusal and a failed look-up are written to a file.
It also records what the program declares for components, and where the engine ignores changes.
"""

import abc
import json
import operator
import re
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2

from sandbox.engine.call_relay import HOST, CallCounts, CallRelay, open_relay
from sandbox.engine.canonical_messages import find_fault
from sandbox.engine.http2_calls import END
from sandbox.engine.monitor_messages import NOT_OF_PYTHON, parts, reason_to_refuse
from sandbox.engine.replay.recorded_calls import Failure, Outcome, RecordedCalls
from sandbox.progress import ROOT_TYPE
from sandbox.providers.target import DEFAULTS
from sandbox.wire.sentinels import ASSETS, OUTPUT, RESOURCE, SECRET, SIGNATURE, UNKNOWNS
from sandbox.wire.values import decode, decode_inputs, plain, secrets_of

MESSAGE_BYTES = 400 * 2**20
"""The size limit for messages in Pulumi's own servers and clients."""

SERVER_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_535),
)
"""Options of the proxy's server: no compression, and the size of the windows with which the engine starts."""

THREADS = 64
"""Number of calls that the proxy passes on at a time; further ones wait."""

FAILED_CALLS = "failed-calls.jsonl"
"""File in a stack's folder with a JSON object per call that the review does not answer as a deployment may.

A look-up that failed has its token (`lookup`), its arguments (`args`), and the `error`. Any other call has
the reason why it is `refused`. The file also has what the program declares otherwise if outputs have other
values than those of the review (sandbox/engine/replay/replay_proxy.py).
"""

DECLARED_INPUTS = "declared-inputs.jsonl"
"""File in a stack's folder with what no provider gets of the program's values, as a JSON object each.

A resource with ignoreChanges has its URN (`declared`), and the `inputs` of the program, in the engine's form.
The engine replaces some of them by those of the state before it asks a provider or a policy (pulumi/pulumi,
pkg/resource/deploy/step_generator.go: processIgnoreChanges). A component has the `values` of its `secrets` in
the form in which providers record them, and the `outputs` that it registers for its URN (`registered`), in
the engine's form. The engine's events mask real secrets also where the program does not mark them.
"""

NOT_OF_THE_SDK = (
    "{}: a special value that is not as Pulumi's SDK sends it, such as an asset with a hash: the engine may "
    "read another value or file in it than the review"
)
"""Refusal of special values. The engine trusts a hash, and then does not read the file (pulumi/pulumi,
sdk/go/common/resource/asset/asset.go: EnsureHash). It also decodes a kind that is itself a special value
(pkg/resource/plugin/rpc.go: UnmarshalPropertyValue).
"""

NOT_CANONICAL = (
    "{}: the bytes of this call have {}, which Pulumi's SDK never sends: the engine might read other values "
    "than the review"
)
"""Refusal of bytes that the parsers of Python and Go read differently, or may do so."""

MEMBERS: dict[str, tuple[frozenset[str], ...]] = {
    SECRET: (frozenset({"value"}),),
    ASSETS[0]: tuple(frozenset({name}) for name in ("path", "text", "uri")),
    ASSETS[1]: tuple(frozenset({name}) for name in ("path", "assets", "uri")),
    RESOURCE: (frozenset({"urn"}), frozenset({"urn", "id"})),
    OUTPUT: (frozenset(), *map(frozenset, ({"value"}, {"secret"}, {"value", "secret"}))),
}
"""The kinds of special values that Pulumi's SDK for Python sends, with their members; those of an output may
also have DEPENDENCIES (sdk/python/lib/pulumi/runtime/rpc.py: serialize_property).

It sends outputs only as arguments of a `Call` and as inputs of a remote component (runtime/invoke.py and
runtime/resource.py: keep_output_values). Elsewhere, an output is sent as its value, a secret or UNKNOWN. What
a program sends as an output nevertheless would look like a secret in a report, and not be judged as one.
"""

DEPENDENCIES = "dependencies"

NO_OUTPUTS = (
    "{}: the program sets its outputs, which it may do for its own components only: the state would not have "
    "the values of the real resource"
)
"""Refusal of outputs (pulumi/pulumi, pkg/resource/deploy/step_executor.go: ExecuteRegisterResourceOutputs).
"""

OUTPUTS_TWICE = (
    "{}: the program sets its outputs a second time, which Pulumi's SDK never does: of those of the stack, "
    "the engine keeps the last ones, so their order would decide"
)
"""Refusal of a second call (pulumi/pulumi, pkg/resource/deploy/step_executor.go: stackOutputsEvent)."""

STACK_TWICE = "{}: a second resource of the stack's type, whose outputs the engine would take for the stack's"
"""Refusal of a second stack."""

PROVIDER_TYPE, DEFAULT_NAME = "pulumi:providers:", "default"

SECRET_TRIGGER = (
    "{}: a secret as its replacement_trigger, which makes the preview of the engine fail. Use a hash of the "
    "secret"
)
"""Refusal of an option that the engine cannot write into a plan: it panics with "attempt to encrypt value"
(measured with Pulumi 3.259).
"""

LIKE_A_DEFAULT_PROVIDER = (
    f"{{}}: a provider of the program whose name starts with `{DEFAULT_NAME}`, as those of the engine do: no "
    "plan shows its options, such as what replaces it. Give it another name"
)
"""Refusal of a provider (pulumi/pulumi, sdk/go/common/providers/reference.go: IsDefaultProvider, and
pkg/engine/update.go: isInternalStep).
"""

IN_PLACE_OF_A_PROVIDER = (
    "{}: a provider's type without a provider, or an alias that makes the one of the other: before the "
    "engine replaces a provider, it deletes all its resources that are not registered by then, so time would "
    "decide. Declare a provider with the class of its SDK, and give no other resource an alias of a provider"
)
"""Refusal of a component or a read with the type of a provider, and of an alias by which another resource
takes over the state of a provider, or the reverse (pulumi/pulumi, pkg/resource/deploy/step_generator.go:
providerChanged, calculateDependentReplacements). Pulumi's SDK sends neither by itself.
"""

OF_PROVIDERS = (
    "{}: an input with the name {}, under which a provider notes its own defaults, so no report shows it. "
    "Give the component's input another name"
)
"""Refusal of a component's input that a report takes for a provider's (sandbox/providers/target.py). A
provider itself refuses such an input.
"""

PART = r"[^:$\s(),]+"
TYPE, COMPONENT_TYPE = re.compile(f"{PART}:{PART}:{PART}"), re.compile(f"{PART}(:{PART})*")
"""Patterns of the types of resources that a provider creates, and of all types.

The engine builds a URN from the types and names of a program, and takes the type for the provider from it:
what follows the last `$`, up to the first `::` (pulumi/pulumi, sdk/go/common/resource/urn/urn.go: Type, and
pkg/resource/plugin/provider_plugin.go). The state and the policies have the type of the program. These
patterns exclude types for which the two differ. No type of an SDK has white space, commas or parentheses,
by which a report would show a resource as a component, or as two.
"""

AMBIGUOUS_TYPE = (
    "{}: the type {!r} is not one that Pulumi's SDKs have, such as `aws:s3/bucket:Bucket`: the engine would "
    "ask the provider for another type than the policies, or a report would show another type"
)
"""Refusal of a type."""

URN_START, URN_PARTS = "urn:pulumi:", 4

NOT_REGISTERED = (
    "{}: it names {}, which the engine has not registered yet, such as by DependencyResource: a deployment "
    "may register the two in another order. Pass the resource itself, so that the program waits for it"
)
"""Refusal of a URN. What the engine replaces together with a resource (replace_with, dependencies) depends on
what is registered at that time (pulumi/pulumi, pkg/resource/deploy/step_generator.go:
findResourcesReplacedWith).
"""

INHERITED = (
    "{}: it leaves out the option {} of its parent {}: the engine adds it only if the parent is ready by "
    "then, so time would decide. {}"
)
"""Refusal of a child (pulumi/pulumi, pkg/resource/deploy/source_eval.go: inheritFromParent, resolveProvider).
No call shows whether a program has waited for the parent, so the child has to send each option.
"""

OPTIONS = {
    "provider": "Pass the parent itself, with which Pulumi's SDK sends it",
    "protect": "Pass the parent itself, with which Pulumi's SDK sends it",
    "retainOnDelete": "Set retain_on_delete of the child as well, to True or False",
    "deletedWith": "Set deleted_with of the child as well",
}
"""The options that the engine copies from a parent, with the advice for a child that leaves one out. The SDK
sends the first two for each child, and leaves the others to the engine (pulumi/pulumi,
sdk/python/lib/pulumi/resource.py: Resource.__init__).
"""

OTHER_PLUGIN = (
    "{}: it asks for the plugin of {} in {}, and its parent {} in {}: the engine takes the parent's if the "
    "parent is ready by then, so time would decide. Give both the same `version` and `plugin_download_url`, "
    "or give it a `provider`"
)
"""Refusal of a child. The engine also copies a provider that it has made itself for the parent
(pulumi/pulumi, pkg/resource/deploy/source_eval.go: inheritFromParent).
"""

NO = str(False)
"""Value of an option that children need not send, since the engine takes a missing one for it."""

OF_A_PACKAGE = "providers."
"""Start of the names of options with the provider of a package, which components have for their children."""

PLUGIN_OF = "plugin of "
"""Start of the names of options with the version and address of the plugin of a package. The engine makes a
provider of it for a resource without one, and copies this provider to children.
"""

ALIASED_PARENT = (
    "{}: an alias names the parent {}, which has aliases itself: the engine takes its former URN only if it "
    "is registered by then, so time would decide whether the state of the child is kept. Name the former URN "
    "of the parent in the alias, or change the two in two pull requests"
)
"""Refusal of an alias (pulumi/pulumi, pkg/resource/deploy/step_generator.go: collapseAliasToUrn). Whether the
program has waited for this parent shows in no call. A parent that a child has itself is always registered
(checkParent).
"""

LOOKUPS: dict[str, Any] = {
    "Invoke": resource_pb2.ResourceInvokeResponse,
    "Call": provider_pb2.CallResponse,
}
"""Calls that look something up, with the messages of their answers."""

NOT_ASKED = (
    "the engine asks no provider, since a setting of the provider, or the ID of a resource in depends_on, is "
    "unknown"
)
"""Error of a look-up. The program may take the empty answer for a known one without members (pulumi/pulumi,
pkg/resource/plugin/provider_plugin.go: Invoke and Call, `if !pcfg.known`).
"""

ENDED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""Status of calls that the engine has not answered when an operation ends, such as after another failure.
They are refused if the program completes.
"""

REFUSALS = 20
"""Largest number of refusals that are recorded."""

NOT_ANSWERED = "{}: the review cannot answer this call of the program"
"""Refusal of a call in which the proxy fails."""

NO_END = "the program has ended before it has said that it has registered all resources"
"""Refusal of a program that ends in another way than Pulumi's SDK does."""

MONITOR_SERVICE = resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"]
ENGINE_SERVICE = engine_pb2.DESCRIPTOR.services_by_name["Engine"]


def requests(service: Any) -> dict[str, Any]:
    """Return the class of the request for the path of each method of a service."""
    return {
        f"/{service.full_name}/{method.name}": GetMessageClass(method.input_type)
        for method in service.methods
    }


MONITOR_REQUESTS, ENGINE_REQUESTS = requests(MONITOR_SERVICE), requests(ENGINE_SERVICE)
REQUESTS = MONITOR_REQUESTS | ENGINE_REQUESTS


class CallHandler(grpc.GenericRpcHandler):
    """A server of the methods of both services; a subclass has the outcome of each call.

    `counts` gets the number of calls that arrive.
    """

    def __init__(self, counts: CallCounts) -> None:
        self._counts = counts

    def service(self, handler_call_details: Any) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Return the handler of a call."""
        path = handler_call_details.method
        name = path.rpartition("/")[2]
        self._counts.count(handled=1)
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, path, name))

    @abc.abstractmethod
    def refuse(self, reason: str) -> Failure:
        """Record a reason why the program fails, and return the outcome of the call."""

    @abc.abstractmethod
    def outcome(self, path: str, name: str, request: bytes) -> Outcome:
        """Return the answer to a call, or its failure."""

    def _answer(self, path: str, name: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            outcome = self.outcome(path, name, request)
        except Exception:  # Whatever the error is, a deployment may answer this call.
            outcome = self.refuse(NOT_ANSWERED.format(name))
        if isinstance(outcome, bytes):
            return outcome
        context.set_trailing_metadata(outcome.metadata)
        context.set_code(outcome.code)
        context.set_details(outcome.details)
        return b""


class MonitorProxy(CallHandler):
    """A server of the methods of both services, which has the engine answer them.

    `monitor` and `engine` lead to the engine's services. `failed_calls` is the file to which refusals and
    failed look-ups are appended. DECLARED_INPUTS is beside it. `calls` gets the answered calls, if not None.
    """

    def __init__(
        self,
        monitor: grpc.Channel,
        engine: grpc.Channel,
        counts: CallCounts,
        failed_calls: Path,
        calls: RecordedCalls | None = None,
    ) -> None:
        super().__init__(counts)
        self._methods: dict[str, Callable[[bytes], bytes]] = {
            path: (engine if path in ENGINE_REQUESTS else monitor).unary_unary(path) for path in REQUESTS
        }
        self._failed_calls = failed_calls
        self._calls = calls
        self._lock = threading.Lock()
        self._components: set[str] = set()  # URNs
        self._registered: dict[str, dict[str, str]] = {}
        """What children inherit from each registered resource, by its URN and the option's name."""
        self._parents: dict[str, str] = {}  # URNs of the parents by those of the registered resources
        self._aliased: set[str] = set()
        """URNs of the registered resources that have aliases, or ancestors that have some."""
        self._alias_parents: dict[str, str] = {}
        """Requests that name a parent in an alias without having it as an ancestor, by its URN."""
        self._unknown_providers: set[str] = set()
        """URNs of the providers that have unknown settings."""
        self._with_outputs: set[str] = set()  # URNs
        self._has_stack = False
        self.is_completed = False
        """Whether the program has said that it has registered all resources."""
        self._cut_off: list[str] = []
        self._refusals: dict[str, None] = {}

    @property
    def error(self) -> str:
        """The refusals, one in each line; they are errors of the program, even if it ignores them."""
        with self._lock:
            return "\n".join(self._refusals)

    def require_completion(self, relay: CallRelay) -> None:
        """Refuse what a program has left over that has ended without a failure, and before the engine."""
        leftovers = relay.leftovers()
        with self._lock:
            for reason in (*leftovers, *self._cut_off):
                self._record(reason)
            if not self.is_completed and not self._refusals:
                self._record(NO_END)

    def outcome(self, path: str, name: str, request: bytes) -> Outcome:
        """Return the engine's answer to a call; record a call that fails."""
        failure = self._complete() if name == END else None
        return failure or self._outcome(path, name, request)

    def _complete(self) -> Failure | None:
        """Note that the program has registered all resources; return a failure if it may not say so."""
        with self._lock:
            for reason in self._cut_off:
                self._record(reason)
            self.is_completed = not self._refusals
        return None if self.is_completed else Failure(grpc.StatusCode.FAILED_PRECONDITION, self.error)

    def _outcome(self, path: str, name: str, request: bytes) -> Outcome:
        try:
            message = REQUESTS[path].FromString(request)
        except (KeyError, DecodeError):
            return self.refuse(f"{name}: the review does not understand this call of the program")
        if reason := self._reason_to_refuse(name, message, request):
            return self.refuse(reason)
        try:
            # The engine gets the original bytes, as in a deployment.
            answer = self._methods[path](request)
        except grpc.RpcError as error:
            status: Any = error
            details = status.details() or ""
            self._record_failure(name, message, status.code(), details)
            failure = Failure(status.code(), details, status.trailing_metadata() or ())
            if self._calls:
                self._calls.add(name, message, failure)
            return failure
        if name in LOOKUPS:
            response = LOOKUPS[name].FromString(answer)
            for failure in response.failures:
                self._record_lookup(message, failure.reason)
            with self._lock:
                is_unasked = message.provider.rpartition("::")[0] in self._unknown_providers
            if is_unasked or getattr(response, "unknown", False):
                self._record_lookup(message, NOT_ASKED)
        if name == "RegisterResource":
            urn = resource_pb2.RegisterResourceResponse.FromString(answer).urn
            if reason := self._note_resource(message, urn):
                return self.refuse(reason)
        elif name == "ReadResource":
            with self._lock:
                self._registered[resource_pb2.ReadResourceResponse.FromString(answer).urn] = {}
        elif name == "RegisterResourceOutputs":
            with self._lock:
                self._record_declared({"registered": message.urn, "outputs": _engine_form(message.outputs)})
        if self._calls:
            self._calls.add(name, message, answer)
        return answer

    def _note_resource(self, message: Any, urn: str) -> str:
        """Note a resource, and what it declares if the engine ignores changes; return why it is refused."""
        with self._lock:
            self._registered[urn] = self._inherited(message) | _inheritable(message)
            self._parents[urn] = message.parent
            if message.type.startswith(PROVIDER_TYPE) and _has_unknown(message.object):
                self._unknown_providers.add(urn)
            if not message.custom and not message.remote:
                self._components.add(urn)
                self._record_declared(
                    {"secrets": urn, "values": [*secrets_of(decode_inputs(message.object))]}
                )
            elif message.ignoreChanges:
                self._record_declared({"declared": urn, "inputs": _engine_form(message.object)})
            if message.aliases or message.parent in self._aliased:
                self._aliased.add(urn)
                if subject := self._alias_parents.get(urn):
                    return ALIASED_PARENT.format(subject, urn)
        return ""

    def _reason_to_refuse(self, name: str, message: Any, request: bytes) -> str:
        if fault := find_fault(message.DESCRIPTOR, request):
            return NOT_CANONICAL.format(_subject(name, message), fault)
        if reason := reason_to_refuse(name, message, _subject(name, message)):
            return reason
        if name in ("RegisterResource", "ReadResource"):
            for text in _ambiguous_types(name, message):
                return AMBIGUOUS_TYPE.format(_subject(name, message), text)
            if _is_like_a_default_provider(message):
                return LIKE_A_DEFAULT_PROVIDER.format(_subject(name, message))
            if _is_in_place_of_a_provider(name, message):
                return IN_PLACE_OF_A_PROVIDER.format(_subject(name, message))
        if name == "RegisterResource" and not message.custom and DEFAULTS in message.object:
            return OF_PROVIDERS.format(_subject(name, message), DEFAULTS)
        # The engine takes the provider of the resource from them, unless it has copied that of a finished
        # parent (pulumi/pulumi, pkg/resource/deploy/source_eval.go: resolveProvider).
        if name == "RegisterResource" and message.custom and not message.remote and message.providers:
            return NOT_OF_PYTHON.format(f"{_subject(name, message)} with providers")
        if name == "RegisterResource" and SECRET in f"{message.replacement_trigger}":
            return SECRET_TRIGGER.format(_subject(name, message))
        has_outputs = name == "Call" or (name == "RegisterResource" and message.remote)
        if SIGNATURE.encode() in request and _has_foreign_value(message, has_outputs=has_outputs):
            return NOT_OF_THE_SDK.format(_subject(name, message))
        urns = {*_references(message)}
        if DEPENDENCIES.encode() in request:
            urns.update(_output_dependencies(message))
        with self._lock:
            if unknown := urns - self._registered.keys():
                return NOT_REGISTERED.format(_subject(name, message), min(unknown))
            if name == "RegisterResource" and (
                reason := self._reason_of_time(_subject(name, message), message)
            ):
                return reason
            if name == "RegisterResource" and message.type == ROOT_TYPE:
                if self._has_stack:
                    return STACK_TWICE.format(_subject(name, message))
                self._has_stack = True
            if name == "RegisterResourceOutputs":
                if message.urn not in self._components:
                    return NO_OUTPUTS.format(message.urn)
                if message.urn in self._with_outputs:
                    return OUTPUTS_TWICE.format(message.urn)
                self._with_outputs.add(message.urn)
        return ""

    def _reason_of_time(self, subject: str, message: Any) -> str:
        """Return why time would decide what a resource is; the caller has the lock."""
        if message.custom or message.remote:
            inherited, own = self._inherited(message), _inheritable(message)
            for option, advice in OPTIONS.items():
                if inherited.get(option, NO) != NO and option not in own:
                    return INHERITED.format(subject, option, message.parent, advice)
            of_parent = self._registered.get(message.parent, {})
            for name, plugin in _plugin(message).items():
                if of_parent.get(name, plugin) != plugin:
                    package = name.removeprefix(PLUGIN_OF)
                    return OTHER_PLUGIN.format(subject, package, plugin, message.parent, of_parent[name])
        ancestors = {*self._ancestors(message.parent)}
        for alias in message.aliases:
            parent = alias.spec.parentUrn
            if parent and parent not in ancestors:
                if parent in self._aliased:
                    return ALIASED_PARENT.format(subject, parent)
                self._alias_parents[parent] = subject
        return ""

    def _ancestors(self, urn: str) -> Iterator[str]:
        while urn:
            yield urn
            urn = self._parents.get(urn, "")

    def _inherited(self, message: Any) -> dict[str, str]:
        """Return what the engine adds to a resource from its finished parent; the caller has the lock.

        The engine keeps no provider of a local component, so its children get none through it (pulumi/pulumi,
        pkg/resource/deploy/source_eval.go: providerRef).
        """
        options = dict(self._registered.get(message.parent, {}))
        if message.custom or message.remote:
            package = message.type.partition(":")[0]
            provider = options.pop("provider", "")
            if f"{PROVIDER_TYPE}{package}" not in _types(provider)[-1:]:
                provider = options.get(f"{OF_A_PACKAGE}{package}")
            not_inherited = (OF_A_PACKAGE, PLUGIN_OF)
            options = {name: value for name, value in options.items() if not name.startswith(not_inherited)}
            return options | ({"provider": provider} if provider else {})
        options.pop("provider", "")
        return {name: value for name, value in options.items() if not name.startswith(PLUGIN_OF)}

    def refuse(self, reason: str) -> Failure:
        """Record a reason why the program fails, and return the outcome of the call."""
        with self._lock:
            self._record(reason)
        return Failure(grpc.StatusCode.FAILED_PRECONDITION, reason)

    def _record(self, reason: str) -> None:
        """Record a refusal; the caller has the lock."""
        if len(self._refusals) < REFUSALS and reason not in self._refusals:
            self._refusals[reason] = None
            append_row({"refused": reason}, self._failed_calls)

    def _record_declared(self, row: dict[str, Any]) -> None:
        """Append a row to DECLARED_INPUTS; the caller has the lock."""
        append_row(row, self._failed_calls.with_name(DECLARED_INPUTS))

    def _record_failure(self, name: str, message: Any, code: grpc.StatusCode, details: str) -> None:
        if name in LOOKUPS:
            self._record_lookup(message, details)
        elif name != END:
            reason = f"{_subject(name, message)}: {details}"
            if code not in ENDED:
                self.refuse(reason)
                return
            with self._lock:
                self._cut_off.append(reason)

    def _record_lookup(self, message: Any, error: str) -> None:
        try:
            args = plain(decode(message.args))
        except ValueError:  # JSON has no infinite numbers.
            args = {"": str(message.args)}
        with self._lock:
            append_row({"lookup": message.tok, "args": args, "error": error}, self._failed_calls)


def append_row(row: dict[str, Any], path: Path) -> None:
    """Append a row to a file, such as FAILED_CALLS; no other thread may do so at the same time."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(row, default=_PLACEHOLDER)}\n")


def _engine_form(values: Struct) -> dict[str, Any]:
    """Return values in the engine's form of JSON."""
    return json.loads(json.dumps(MessageToDict(values)), parse_float=_number)


def _number(text: str) -> float:
    """Return a number of a message, in which all are floating-point numbers."""
    number = float(text)
    return int(number) if number.is_integer() else number


_PLACEHOLDER = operator.attrgetter("value")
"""Function that returns the text by which the engine marks an unknown value."""


@contextmanager
def serve(
    monitor_path: Path,
    engine_path: Path,
    monitor: str,
    engine: str,
    failed_calls: Path,
    calls: RecordedCalls | None = None,
) -> Generator[tuple[MonitorProxy, CallRelay]]:
    """Serve each service on a Unix socket, created at its path, and have the engine answer the calls.

    The engine has the services at two addresses, and answers no call of the other one's. `monitor` and
    `engine` are their TCP addresses, such as `127.0.0.1:4000`. The proxy's error is complete when the context
    has ended.
    """
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", -1)]
    with (
        grpc.insecure_channel(monitor, options=options) as monitor_channel,
        grpc.insecure_channel(engine, options=options) as engine_channel,
    ):
        counts = CallCounts()
        proxy = MonitorProxy(monitor_channel, engine_channel, counts, failed_calls, calls)
        with serve_calls(monitor_path, engine_path, proxy, counts) as relay:
            yield proxy, relay


@contextmanager
def serve_calls(
    monitor_path: Path, engine_path: Path, handler: CallHandler, counts: CallCounts
) -> Generator[CallRelay]:
    """Serve each service on a Unix socket, created at its path, behind a relay that checks the calls."""
    pool = ThreadPoolExecutor(THREADS, "monitor-proxy")
    server = grpc.server(pool, handlers=[handler], options=SERVER_OPTIONS)
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    methods = {monitor_path: frozenset(MONITOR_REQUESTS), engine_path: frozenset(ENGINE_REQUESTS)}
    try:
        with open_relay(methods, port, counts, handler.refuse) as relay:
            yield relay
    finally:
        server.stop(grace=None).wait()
    pool.shutdown()


def _subject(name: str, message: Any) -> str:
    """Return the name of a call with the names of its subject."""
    fields = (getattr(message, field, "") for field in ("tok", "type", "name", "urn"))
    return " ".join([name, *filter(None, fields)])


def _is_like_a_default_provider(message: Any) -> bool:
    """Return True for a provider that the engine takes for one of its own."""
    return message.type.startswith(PROVIDER_TYPE) and message.name.startswith(DEFAULT_NAME)


def _is_in_place_of_a_provider(name: str, message: Any) -> bool:
    """Return True for the type of a provider without one, or an alias that makes the one of the other."""
    is_provider = message.type.startswith(PROVIDER_TYPE)
    if is_provider and (name != "RegisterResource" or not message.custom):
        return True
    aliases = getattr(message, "aliases", ())
    former_types = [*(_types(alias.urn)[-1:] for alias in aliases), *([alias.spec.type] for alias in aliases)]
    return any(
        former.startswith(PROVIDER_TYPE) != is_provider
        for former in chain.from_iterable(former_types)
        if former
    )


def _ambiguous_types(name: str, message: Any) -> Iterator[str]:
    """Yield the types in a registration or a read, also in aliases, that a URN may have in another form."""
    is_component = name == "RegisterResource" and not message.custom and not message.remote
    if not (COMPONENT_TYPE if is_component else TYPE).fullmatch(message.type):
        yield message.type
    aliases = getattr(message, "aliases", ())
    for urn in (alias.urn for alias in aliases):
        if urn and not all(map(COMPONENT_TYPE.fullmatch, _types(urn) or [""])):
            yield urn
    for spec in (alias.spec for alias in aliases):
        if spec.type and not COMPONENT_TYPE.fullmatch(spec.type):
            yield spec.type
        if spec.parentUrn and not all(map(COMPONENT_TYPE.fullmatch, _types(spec.parentUrn) or [""])):
            yield spec.parentUrn


def _types(urn: str) -> list[str]:
    """Return the types in a URN, those of the parents first; nothing for another text."""
    parts = urn.split("::", URN_PARTS - 1)
    is_urn = urn.startswith(URN_START) and len(parts) == URN_PARTS
    return parts[2].split("$") if is_urn else []


def _references(message: Message) -> Iterator[str]:
    """Yield the URNs of other resources for which the SDK waits before it sends a request.

    Aliases name resources of the state, and references inside of values may come from other stacks.
    """
    for field, content in message.ListFields():
        if field.name == "provider":
            yield content.rpartition("::")[0]
        elif field.name == "providers":
            yield from (reference.rpartition("::")[0] for reference in content.values())
        elif field.name in ("parent", "deletedWith"):
            yield content
        elif field.name in ("dependencies", "replace_with", "dependsOn"):
            yield from content
        elif field.name in ("propertyDependencies", "argDependencies"):
            for dependencies in content.values():
                yield from dependencies.urns


def _inheritable(message: Any) -> dict[str, str]:
    """Return what the children of a resource get from it, by the SDK or else by the engine."""
    options = {f"{OF_A_PACKAGE}{package}": provider for package, provider in message.providers.items()}
    options |= _plugin(message) | {
        name: getattr(message, name) for name in ("provider", "deletedWith") if getattr(message, name)
    }
    return options | {
        name: str(getattr(message, name)) for name in ("protect", "retainOnDelete") if message.HasField(name)
    }


def _plugin(message: Any) -> dict[str, str]:
    """Return the version and address of the plugin that a resource without a provider asks for."""
    if message.provider or not (message.custom or message.remote) or message.type.startswith(PROVIDER_TYPE):
        return {}
    package = message.type.partition(":")[0]
    version = f"version {message.version}" if message.version else "any version"
    address = f" from {message.pluginDownloadURL}" if message.pluginDownloadURL else ""
    return {f"{PLUGIN_OF}{package}": f"{version}{address}"}


def _output_dependencies(message: Message) -> Iterator[str]:
    """Yield the URNs on which outputs in the values of a request depend."""
    if isinstance(message, Struct) and SIGNATURE in message.fields and DEPENDENCIES in message.fields:
        yield from (item.string_value for item in message.fields[DEPENDENCIES].list_value.values)
    for part in parts(message):
        yield from _output_dependencies(part)


def _has_unknown(values: Struct) -> bool:
    """Return True if a value is unknown, also in a secret."""
    text = str(values)
    return any(unknown in text for unknown in UNKNOWNS)


def _has_foreign_value(message: Message, *, has_outputs: bool) -> bool:
    """Return True if a message has a special value, anywhere in it, that Pulumi's SDK does not send.

    `has_outputs` tells whether the SDK sends outputs in this message.
    """
    if isinstance(message, Struct) and SIGNATURE in message.fields:
        kind = message.fields[SIGNATURE]
        members = frozenset(message.fields) - {SIGNATURE}
        is_output = kind.HasField("string_value") and kind.string_value == OUTPUT
        if is_output:
            members -= {DEPENDENCIES}
        if not kind.HasField("string_value") or members not in MEMBERS.get(kind.string_value, ()):
            return True
        if is_output and not has_outputs:
            return True
    return any(_has_foreign_value(part, has_outputs=has_outputs) for part in parts(message))

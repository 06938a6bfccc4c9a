"""The calls of a program to the engine with their outcomes, and the differences between those of two runs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, cast

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2

from sandbox.engine.replay.exchange import Exchange
from sandbox.engine.replay.substitution import Substitution, differing, is_checksum
from sandbox.providers.decided_values import boolean_texts
from sandbox.wire.sentinels import OUTPUT, SIGNATURE, UNKNOWNS
from sandbox.wire.values import Path, part_at, show_path

DECLARING = ("RegisterResource", "ReadResource")
"""Calls that declare a resource."""

OUTPUTS, LOG = "RegisterResourceOutputs", "Log"

LOOK_UP = "Invoke"

ANSWERS: dict[str, Any] = {
    "RegisterResource": resource_pb2.RegisterResourceResponse,
    "ReadResource": resource_pb2.ReadResourceResponse,
    "Invoke": resource_pb2.ResourceInvokeResponse,
    "Call": provider_pb2.CallResponse,
}
"""The answers with values of providers, by the method."""

POSITIONS = ("sourcePosition", "stackTrace")
"""Fields with the lines of the program that make a call, which two runs may reach in another way."""

UNORDERED = ("dependencies", "dependsOn", "replace_with", "urns")
"""Fields with sets of URNs, which the SDK sends in any order."""

DEPENDENCIES, OF_PROPERTIES = "dependencies", "propertyDependencies"
"""Fields with the URNs on which a resource depends, and with those on which each of its properties does."""

ANNOTATIONS = b"metadata.annotations"
"""Start of the paths with which a pod gets its annotations as variables or files
(https://kubernetes.io/docs/concepts/workloads/pods/downward-api/).
"""

VALUES = (Struct.DESCRIPTOR.full_name, Value.DESCRIPTOR.full_name)
"""Names of the messages that have values of the program."""

Key = tuple[str | bytes, ...]
"""The method of a call, and what identifies the call among those of its method."""


@dataclass(frozen=True)
class Failure:
    """The outcome of a call that fails."""

    code: grpc.StatusCode
    details: str
    metadata: Any = ()


Outcome = bytes | Failure
"""The outcome of a call: the bytes of the answer, or a failure."""


class ExpectedCall(NamedTuple):
    """A call of the second run: its request, that of the first run, and the outcome of the first run."""

    request: Any
    former: Any
    outcome: Outcome


class RecordedCalls:
    """The calls of a run with their outcomes, by what identifies a call, and the errors that it logs.

    `has_unknown` is True if an answer has a value that is unknown, so that the SDK does not call functions
    that the program gives it for this value. `substitution` knows the invented texts in the answers, which
    are not in the program's `settings`.
    """

    def __init__(self, settings: Iterable[str] = ()) -> None:
        self.has_unknown = False
        self.substitution = Substitution()
        for text in settings:
            self.substitution.note_sent(text)
        self.errors: set[str] = set()
        self._calls: dict[Key, tuple[Message, Outcome]] = {}
        self._lock = threading.Lock()

    @property
    def has_other_values(self) -> bool:
        """True if an account may answer other values: a second run shows what depends on them."""
        return self.has_unknown or self.substitution.has_invented

    def add(self, name: str, message: Message, outcome: Outcome) -> None:
        """Add a call of the method `name`; of equal calls, the first one counts."""
        if name == LOG:
            self.errors.update(error_of(message))
            return
        message = comparable(message)
        has_unknown = isinstance(outcome, bytes) and _has_unknown(name, message, outcome)
        with self._lock:
            self._calls.setdefault(identify(name, message), (message, outcome))
            self.has_unknown |= has_unknown
            # A report shows the texts of these calls. In another one, a program could send all possible ones.
            if name in (*ANSWERS, OUTPUTS):
                self.substitution.note_sent(message)
            if name in ANSWERS and isinstance(outcome, bytes):
                response = ANSWERS[name].FromString(outcome)
                self.substitution.note_received(response)
                self.substitution.note_booleans(_boolean_texts(name, message, response))

    def with_other_texts(self, exchange: Exchange | None = None) -> dict[Key, ExpectedCall]:
        """Return the calls of a run that gets other texts, by key; by default, other invented texts."""
        exchange = exchange or self.substitution
        calls: dict[Key, ExpectedCall] = {}
        for (name, *_), (message, outcome) in self._calls.items():
            other = type(message)()
            other.CopyFrom(message)
            exchange.apply_to(other)
            other = comparable(other)  # Sets of URNs with other texts have another order.
            calls[identify(cast(str, name), other)] = ExpectedCall(other, message, outcome)
        return calls


def error_of(message: Any) -> list[str]:
    """Return the text of a logged error; nothing for another message of the log."""
    return [message.message] if message.severity == engine_pb2.ERROR else []


def comparable(message: Any) -> Any:
    """Return a copy of a request without what may differ between two equal runs."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field, content in copy.ListFields():
        if field.name in POSITIONS:
            copy.ClearField(field.name)
        elif field.name in UNORDERED:
            content.sort()
    for dependencies in getattr(copy, OF_PROPERTIES, {}).values():
        dependencies.urns.sort()
    return copy


def identify(name: str, message: Any) -> Key:
    """Return the key of a comparable request."""
    if name in DECLARING:
        return name, message.type, message.name, message.parent
    if name == OUTPUTS:
        return name, message.urn
    return name, message.SerializeToString(deterministic=True)


def differences(
    first: Any,
    second: Any,
    former: Any,
    accept: Callable[[Path, Any], bool],
    leave_out: Callable[[Path, Any, Any], bool] | None = None,
) -> list[str]:
    """Return the paths at which a request differs from the expected one, `first`, with the same key.

    `former` is the request of the first run. A path at which the first request has an unknown value does not
    count, nor what this value depends on. Nor does the order of a sorted list, if the call can `accept` the
    value at this path (answered_inputs.py).

    `leave_out` gets a path, and the values of both requests. It returns True if the path does not count, by
    default for an acceptable checksum of pods that do not read their annotations.
    """
    if first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True):
        return []
    paths: list[str] = []
    undecided: set[str] = set()
    token = getattr(second, "type", "")
    reads_annotations = ANNOTATIONS in second.SerializeToString()

    def is_accepted_checksum(path: Path, before: Any, after: Any) -> bool:
        expected, actual = part_at(before, path), part_at(after, path)
        is_unread = bool(token) and not reads_annotations
        return is_unread and is_checksum(token, path, expected, actual) and accept(path, actual)

    leave_out = leave_out or is_accepted_checksum
    for field in first.DESCRIPTOR.fields:
        if field.message_type and field.message_type.full_name in VALUES:
            messages = first, second, former
            before, after, texts = (plain_value(getattr(message, field.name)) for message in messages)
            is_object = field.message_type.full_name == VALUES[0]
            if not is_object:
                other = differing(before, after, texts, (field.name,), is_unknown)
                paths += [f"option {show_path(path)}" for path in other]
                continue
            other = [*differing(before, after, texts, (), is_unknown, accept)]
            undecided |= {name for name, value in before.items() if has_unknown_part(value)}
            paths += (show_path(path) for path in other if not leave_out(path, before, after))
    if OF_PROPERTIES in first.DESCRIPTOR.fields_by_name:
        paths += _differing_dependencies(first, second, undecided)
    before, after = (_options(message) for message in (first, second))
    return [*paths, *(f"option {show_path(path)}" for path in differing(before, after))]


def _differing_dependencies(first: Any, second: Any, undecided: set[str]) -> Iterator[str]:
    """Yield the options with other dependencies, except for those of `undecided` properties."""
    before, after = (
        {name: {*dependencies.urns} for name, dependencies in message.propertyDependencies.items()}
        for message in (first, second)
    )
    exempt = {*chain.from_iterable(side.get(name, ()) for name in undecided for side in (before, after))}
    if ({*first.dependencies} ^ {*second.dependencies}) - exempt:
        yield f"option {DEPENDENCIES}"
    for name in sorted((before.keys() | after.keys()) - undecided):
        if before.get(name, set()) != after.get(name, set()):
            yield f"option {DEPENDENCIES} of {name}"


def _options(message: Any) -> dict[str, Any]:
    """Return the fields of a request without values of the program and without dependencies on resources."""
    copy = type(message)()
    copy.CopyFrom(message)
    of_resource = OF_PROPERTIES in copy.DESCRIPTOR.fields_by_name
    for field in copy.DESCRIPTOR.fields:
        is_value = field.message_type and field.message_type.full_name in VALUES
        if is_value or (of_resource and field.name in (DEPENDENCIES, OF_PROPERTIES)):
            copy.ClearField(field.name)
    return MessageToDict(copy, preserving_proto_field_name=True)


def plain_value(content: Struct | Value) -> Any:
    """Return the content of a message with values, in which special values are still marked."""
    if isinstance(content, Struct):
        return {key: plain_value(item) for key, item in content.fields.items()}
    kind = content.WhichOneof("kind")
    if kind == "struct_value":
        return plain_value(content.struct_value)
    if kind == "list_value":
        return [plain_value(item) for item in content.list_value.values]
    return None if kind in (None, "null_value") else getattr(content, kind)


def is_unknown(value: Any) -> bool:
    """Return True for an unknown value, or for an output of an unknown value."""
    if isinstance(value, dict):
        return cast(dict[str, Any], value).get(SIGNATURE) == OUTPUT and "value" not in value
    return isinstance(value, str) and value in UNKNOWNS


def has_unknown_part(value: Any) -> bool:
    """Return True if a value is unknown, or a part of it."""
    if isinstance(value, dict) and not is_unknown(value):
        return any(map(has_unknown_part, cast(dict[str, Any], value).values()))
    if isinstance(value, list):
        return any(map(has_unknown_part, cast(list[Any], value)))
    return is_unknown(value)


def _boolean_texts(name: str, message: Any, response: Any) -> Iterator[str]:
    """Yield the texts that stand for a boolean in an answer (sandbox/providers/plan.py: invent_all)."""
    if name == LOOK_UP:
        yield from boolean_texts(getattr(response, "return"), message.tok, is_look_up=True)
    elif name == DECLARING[1]:
        yield from boolean_texts(response.properties, message.type, is_look_up=False)


def _has_unknown(name: str, message: Any, answer: bytes) -> bool:
    """Return True if the answer to a request has an unknown value, also the ID or all outputs.

    A look-up is unknown as a whole if an object on which it depends has no ID yet.
    """
    if any(placeholder.encode() in answer for placeholder in UNKNOWNS):
        return True
    if name == LOOK_UP:
        return resource_pb2.ResourceInvokeResponse.FromString(answer).unknown
    if name != DECLARING[0]:
        return False
    response = resource_pb2.RegisterResourceResponse.FromString(answer)
    return response.unknown or (message.custom and not response.id)

"""A second run of a program, which gets the recorded answers of the first one, but with other values.

The SDK does not call a function that a program gives it for an unknown value (`Output.apply`), and so lacks
what this function would declare. If the program awaits the value (`Output.future`), it gets None (pulumi,
output.py). So no value is unknown here. What a program computes from a value that the review has invented
does not show this value. So each of these is another one here, and all that has it must have the other one.
In a preview, the engine's placeholder is the ID of each new provider, which the SDK takes for a known text,
but for an unknown one in a value (pkg/resource/deploy/providers/registry.go: Create). Here, these IDs are
UUIDs, as in a deployment, and a request is compared with the placeholder in their place.
The engine takes no part in this run.

A third run of a program with secret settings gets other random values for these (other_secrets.py), and
otherwise the values of the first run: unknown ones stay unknown. So each difference comes from a secret.
"""

import threading
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct

from sandbox.engine.call_relay import CallCounts, CallRelay
from sandbox.engine.http2_calls import END
from sandbox.engine.monitor_proxy import (
    ENGINE_SERVICE,
    MONITOR_SERVICE,
    NO_END,
    REFUSALS,
    REQUESTS,
    CallHandler,
    serve_calls,
)
from sandbox.engine.program_main import EXECUTED
from sandbox.engine.replay.answered_inputs import AnsweredInputs, echoed_texts
from sandbox.engine.replay.echoes import Echoes
from sandbox.engine.replay.other_secrets import (
    OtherHashes,
    OtherSecrets,
    differing_hashes,
    is_hash,
    is_marked,
)
from sandbox.engine.replay.recorded_calls import (
    ANSWERS,
    DECLARING,
    LOG,
    LOOK_UP,
    OUTPUTS,
    Failure,
    Key,
    Outcome,
    RecordedCalls,
    comparable,
    differences,
    error_of,
    identify,
)
from sandbox.progress import ROOT_TYPE, name_of
from sandbox.providers.aws import stored_forms
from sandbox.providers.decided_values import decide
from sandbox.wire.sentinels import INVENTED, UNKNOWN
from sandbox.wire.values import Path as ValuePath
from sandbox.wire.values import part_at, show_path

WHEN_KNOWN = "if outputs have other values than those of the review, such as in their `apply`"
WITH_SECRETS = "if secret settings have other values than the random ones of the review"
"""The reasons for a difference."""

DECLARES = "{}: the program declares it only {when}, so no policy has judged it"
READS = "{}: the program reads it only {when}"
LACKS = "the program does not declare it {when}"
CHANGES = "the program declares something else {when}: {}"
CALLS = "the program makes this call, or makes it with these arguments, only {when}"
FAILS = "the program fails {when}: {}"
MORE = "{} more resources or calls of the program differ {when}"
"""Differences between the two runs."""

UNDECIDED, OF_SECRETS = "undecided", "computed"
"""Keys of the rows with the name of a thing that differs, by the reason."""

MASKED = "masked"
"""Key of the rows with the URN of a Kubernetes Secret that has a computed text."""

HASHES = 500
"""Largest number of hashes of secrets that are recorded, and of texts that the report masks."""

LONGEST_RECORD = 8 * 2**20
"""Largest number of characters in a record of executed code. That of all components has 27,000."""

SHOWN_PATHS = 5
"""Largest number of paths that a difference names."""

RESPONSES = {
    f"/{service.full_name}/{method.name}": GetMessageClass(method.output_type)
    for service in (MONITOR_SERVICE, ENGINE_SERVICE)
    for method in service.methods
}
"""The class of the response for the path of each method."""

URN_PARTS = 4


class ReplayProxy(CallHandler):
    """A server that answers calls as the run did that has made the `calls`, and notes those that differ.

    It decides the unknown values of the answers, unless the run gets other `secrets`. `complete` is called
    when the program says that it has registered all resources.
    """

    def __init__(
        self,
        calls: RecordedCalls,
        counts: CallCounts,
        complete: Callable[[], None],
        secrets: OtherSecrets | None = None,
    ) -> None:
        super().__init__(counts)
        self._secrets = secrets
        self._when = WITH_SECRETS if secrets else WHEN_KNOWN
        self.is_completed = False
        self.executed = ""
        """What the program says that it has executed (sandbox/engine/replay/executed_code.py)."""
        self._calls = calls
        self._complete = complete
        self._expected = calls.with_other_texts(secrets)
        self._declared = {
            key: _urn_of(key, call.request, call.outcome)
            for key, call in self._expected.items()
            if key[0] in (*DECLARING, OUTPUTS)
        }
        """The URNs of the calls that declare a resource or outputs, by their keys."""
        self._provider_ids: dict[str, str] = {}
        """The IDs of new providers, by their URNs."""
        self._seen: set[Key] = set()
        self._differences: set[tuple[str, str, str]] = set()
        """The URN, the name and the text of each difference."""
        self._hashes: dict[tuple[str, ValuePath], list[str]] = {}
        """The former hashes of secrets, by the URN of a resource and the path of an input that has them."""
        self._other_hashes = OtherHashes()
        self._masked: dict[tuple[str, str], list[str]] = {}
        """The hashes in each text that a program computes from a secret, if nothing else differs.

        They are by the URN of a Kubernetes Secret and the key of the text in it.
        """
        self._answers: list[bytes] = []
        """The answers of a run with other secrets."""
        self._errors: list[str] = []
        self._lock = threading.Lock()

    def refuse(self, reason: str) -> Failure:
        """Note a call that the review cannot read, and return its failure."""
        self._note("", "", FAILS, reason)
        return Failure(grpc.StatusCode.FAILED_PRECONDITION, reason)

    def outcome(self, path: str, name: str, request: bytes) -> Outcome:
        """Return the answer of the first run, or one that lets the program go on."""
        if name == END:
            if not self.is_completed:
                self.is_completed = True
                self._complete()
            return b""
        try:
            sent: Any = REQUESTS[path].FromString(request)
            message: Any = comparable(REQUESTS[path].FromString(self._with_placeholders(request)))
        except (KeyError, DecodeError):
            return self.refuse(f"{name}: the review does not understand this call of the program")
        if name == LOG:
            if message.urn == EXECUTED and len(message.message) <= LONGEST_RECORD:
                self.executed = message.message
            self._errors += {*error_of(message)} - self._calls.errors
            return b""
        key = identify(name, message)
        recorded = self._expected.get(key)
        if recorded is None:
            self._note_new(name, message)
            return _answer_new(path, name, sent)
        first, former, outcome = recorded
        inputs = AnsweredInputs(name, former, outcome, lambda: self._echoes)
        urn = _urn_of(key, message, outcome)
        leave_out = (
            partial(self._is_left_out, urn if name == DECLARING[0] else "", inputs) if self._secrets else None
        )
        if paths := differences(first, message, former, inputs.accept, leave_out):
            self._note_changed(urn, paths)
        with self._lock:
            self._seen.add(key)
        return outcome if isinstance(outcome, Failure) else self._answer_known(name, sent, outcome, inputs)

    def _is_left_out(
        self, urn: str, inputs: AnsweredInputs, path: ValuePath, first: Any, second: Any
    ) -> bool:
        """Return True for a text that the report masks, or a hash of a secret.

        The run gets its own one back in all answers: that of the first run would tell the program what it has
        computed from the former secret. A hash is noted: the one that the base has, too, is no difference.
        Without a `urn`, it is one, unless the program has sent it before.
        """
        expected, actual = part_at(first, path), part_at(second, path)
        key = inputs.secret_key(path)
        is_output = not urn and is_marked(first, path) and is_marked(second, path)
        with self._lock:
            if key or is_output:
                if len(self._masked) == HASHES or not inputs.accept_secret(path, actual):
                    return False
                if key:
                    self._masked[urn, key] = differing_hashes(inputs.former(path), expected, actual)
                return True
            if not isinstance(expected, str) or not isinstance(actual, str):
                return False
            if self._other_hashes.apply(expected) == actual:
                return True
            if not urn or not is_hash(expected, actual) or len(self._hashes) == HASHES:
                return False
            former = inputs.former(path)
            if not self._exchange_hashes(former, expected, actual):
                return False
            self._hashes[urn, path] = differing_hashes(former, expected, actual)
        return True

    def _exchange_hashes(self, former: str, expected: str, actual: str) -> bool:
        """Exchange the hashes in a text in all answers; return False if one may have told a former hash."""
        added = self._other_hashes.add(expected, actual)
        if added is None or any(map(self._echoes.have_form, [former, expected, *added])):
            return False
        failures = [
            call.outcome.details for call in self._expected.values() if isinstance(call.outcome, Failure)
        ]
        before = [*(text.encode() for text in failures), *self._answers]
        return not any(text.encode() in answer for text in added for answer in before)

    def _with_placeholders(self, request: bytes) -> bytes:
        """Return a request with the engine's placeholder, which is as long as a UUID, in place of new IDs."""
        with self._lock:
            ids = [*self._provider_ids.values()]
        for provider_id in ids:
            request = request.replace(provider_id.encode(), UNKNOWN.encode())
        return request

    def _provider_id(self, urn: str) -> str:
        with self._lock:
            return self._provider_ids.setdefault(urn, str(uuid.uuid4()))

    def rows(self, error: str, leftovers: Iterable[str]) -> list[dict[str, Any]]:
        """Return the differences for FAILED_CALLS, after the end of a program with this error or leftovers.

        A program that fails does not go on, so its calls may be missing.
        """
        for leftover in leftovers:
            self.refuse(leftover)
        if self.is_completed and not error:
            for key in self._declared.keys() - self._seen:
                self._note(self._declared[key], name_of(self._declared[key]), LACKS)
            errors = self._errors
        else:  # It may also fail because of the answer to a call that the first run has not made.
            errors = [] if self._differences else self._errors or [error or NO_END]
        for text in errors:
            self._note("", "", FAILS, _last_line(text))
        rows = [self._row(name, urn, text) for urn, name, text in sorted(self._differences)]
        hashes = [
            self._row(name_of(urn), urn, CHANGES.format(show_path(path), when=self._when))
            | {"hash": [*path], "hashes": texts}
            for (urn, path), texts in sorted(self._hashes.items(), key=str)
        ]
        if len(rows) > REFUSALS:
            rest = MORE.format(len(rows) - REFUSALS, when=self._when)
            rows = [*rows[:REFUSALS], self._row("", "", rest)]
        masked = [
            {MASKED: urn, "key": key, "hashes": texts} for (urn, key), texts in sorted(self._masked.items())
        ]
        return [*rows, *hashes, *masked]

    def _row(self, name: str, urn: str, reason: str) -> dict[str, Any]:
        """Return the row of a difference, with the secrets of the first run, which alone a report masks."""
        if not self._secrets:
            return {UNDECIDED: name, "urn": urn, "reason": reason}
        apply = self._secrets.reversed().apply
        return {OF_SECRETS: apply(name), "urn": apply(urn), "reason": apply(reason)}

    @cached_property
    def _echoes(self) -> Echoes:
        calls = ((cast(str, key[0]), call.former, call.outcome) for key, call in self._expected.items())
        return Echoes(echoed_texts(calls))

    def _answer_known(self, name: str, message: Any, answer: bytes, inputs: AnsweredInputs) -> bytes:
        """Return an answer with a value in place of each unknown one, and with other invented texts.

        Where the second run may send another value than the first one, it gets its own one back. Other texts
        have the order that the provider gives a set.
        """
        if name not in ANSWERS:
            return answer
        response = ANSWERS[name].FromString(answer)
        if self._secrets:
            self._secrets.apply_to(response)
            with self._lock:
                self._other_hashes.apply_to(response)
                inputs.apply_to(response)
                self._answers.append(response.SerializeToString())
                return self._answers[-1]
        if name == DECLARING[0]:
            response.unknown = False
            if message.custom and not response.id:
                response.id = INVENTED
            elif response.id == UNKNOWN:
                response.id = self._provider_id(response.urn)
            decide(response.object, message.type, message.object)
        elif name == DECLARING[1]:
            decide(response.properties, message.type, message.properties)
        elif name == LOOK_UP:
            response.unknown = False
        self._calls.substitution.apply_to(response)
        inputs.apply_to(response)
        if name == DECLARING[0] and message.type.startswith("aws:"):
            stored_forms.restore(response.object, message.type, message.object)
        return response.SerializeToString()

    def _note(self, urn: str, name: str, text: str, *details: str) -> None:
        with self._lock:
            self._differences.add((urn, name, text.format(*details, when=self._when)))

    def _note_new(self, name: str, message: Any) -> None:
        """Note a call that the first run has not made."""
        if name in DECLARING:
            text = DECLARES if name == DECLARING[0] else READS
            self._note(_new_urn(message), message.name, text, message.type)
        elif name != OUTPUTS:
            self._note("", getattr(message, "tok", "") or name, CALLS)
        elif message.urn in self._declared.values():  # Otherwise, its component is a new one.
            self._note(message.urn, name_of(message.urn), CHANGES, "its outputs")

    def _note_changed(self, urn: str, paths: list[str]) -> None:
        shown = [*paths[:SHOWN_PATHS], *(["…"] if len(paths) > SHOWN_PATHS else [])]
        self._note(urn, name_of(urn), CHANGES, ", ".join(shown))


def _answer_new(path: str, name: str, message: Any) -> bytes:
    """Return an answer to a call that the first run has not made, with the inputs as outputs."""
    response: Any = RESPONSES[path]()
    if name in DECLARING:
        response.urn = _new_urn(message)
    if name == DECLARING[0]:
        response.id = INVENTED if message.custom else ""
        response.object.CopyFrom(message.object)
        decide(response.object, message.type, Struct())
    elif name == DECLARING[1]:
        response.properties.CopyFrom(message.properties)
    return response.SerializeToString()


def _new_urn(message: Any) -> str:
    """Return the URN of a new resource, which has the types of its parents except for the stack.

    (pulumi/pulumi, sdk/go/common/resource/urn/urn.go: New, and pkg/resource/deploy/deployment.go: NewURN)
    """
    stack, project, types, _ = (message.parent.split("::", URN_PARTS - 1) + [""] * URN_PARTS)[:URN_PARTS]
    parents = "" if types in ("", ROOT_TYPE) else f"{types}$"
    return f"{stack}::{project}::{parents}{message.type}::{message.name}"


def _urn_of(key: Key, message: Any, outcome: Outcome) -> str:
    """Return the URN of the resource about which a recorded call is; empty if there is none."""
    if key[0] == OUTPUTS:
        return message.urn
    if key[0] not in DECLARING or isinstance(outcome, Failure):
        return ""
    response: Any = RESPONSES[f"/{MONITOR_SERVICE.full_name}/{key[0]}"].FromString(outcome)
    return response.urn


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


@contextmanager
def serve(
    monitor_path: Path,
    engine_path: Path,
    calls: RecordedCalls,
    complete: Callable[[], None],
    secrets: OtherSecrets | None = None,
) -> Generator[tuple[ReplayProxy, CallRelay]]:
    """Serve each service on a Unix socket, created at its path, with the answers of recorded calls."""
    counts = CallCounts()
    proxy = ReplayProxy(calls, counts, complete, secrets)
    with serve_calls(monitor_path, engine_path, proxy, counts) as relay:
        yield proxy, relay

"""Tests of the run of a program that gets other random values for its secret settings."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, language_pb2, resource_pb2

from sandbox.engine.call_relay import CallCounts
from sandbox.engine.http2_calls import END
from sandbox.engine.replay import replay_proxy
from sandbox.engine.replay.other_secrets import OtherSecrets
from sandbox.engine.replay.recorded_calls import Failure, RecordedCalls, plain_value
from sandbox.engine.replay.replay_proxy import ReplayProxy
from sandbox.wire.sentinels import OUTPUT, SECRET, SIGNATURE, UNKNOWN

FORMER = "1f0c6c9c2d7f4f2c8f7e6a5b4c3d2e1f"
QUEUE = "aws:sqs/queue:Queue"
URN = f"urn:pulumi:dev::a::{QUEUE}::q"
STACK = "urn:pulumi:dev::a::pulumi:pulumi:Stack::a-dev"


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


EXCHANGED: dict[str, Callable[[str], Any]] = {
    "whole": lambda secret: secret,
    "in a URL": lambda secret: f"postgresql://app:{quote(secret)}@db:5432/app",
    "in upper case": lambda secret: f"a {secret.upper()}",
    "in hexadecimal digits": lambda secret: secret.encode().hex(),
    "in base64": lambda secret: f"Basic {in_base64(f'user:{secret}')}",
    "in base64 for URLs": lambda secret: (
        base64.urlsafe_b64encode(f"\u07ff?>:{secret}:\u07ff?>".encode()).decode().rstrip("=")
    ),
    "in base64 twice": lambda secret: in_base64(f'{{"auth": "{in_base64(f"user:{secret}")}"}}'),
    "in a list": lambda secret: [{"a": secret}, "b"],
    "as a key": lambda secret: {secret: "b"},
    "in a sorted list": lambda secret: sorted(["8", "f", secret]),
    "unknown": lambda secret: UNKNOWN,
}
"""Values that differ between two runs in nothing but the secret itself."""

MARKED: dict[str, Callable[[str], Any]] = {
    "a secret": lambda secret: {SIGNATURE: SECRET, "value": secret[:9]},
    "in a marked object": lambda secret: {"a": {SIGNATURE: SECRET, "value": {"b": [secret[:9]]}}},
    "a secret output": lambda secret: {SIGNATURE: OUTPUT, "value": f"{secret[:9]}z", "secret": True},
}
"""Values that are computed from a secret, and marked as secret."""

COMPUTED: dict[str, Callable[[str], Any]] = {
    "reversed": lambda secret: secret[::-1],
    "translated": lambda secret: secret.translate(str.maketrans("0123456789abcdef", "fedcba9876543210")),
    "a part": lambda secret: secret[:20],
    "a number": lambda secret: float(int(secret[:8], 16)),
    "a decision": lambda secret: "0.0.0.0/0" if secret == FORMER else "10.0.0.0/8",
    "a length": lambda secret: "a" * (secret == FORMER),
    "a mark": lambda secret: {SIGNATURE: SECRET, "value": "a"} if secret == FORMER else "a",
    "an output's mark": lambda secret: {SIGNATURE: OUTPUT, "value": secret[1:], "secret": secret == FORMER},
    "beside a mark": lambda secret: [{SIGNATURE: SECRET, "value": secret}, secret[1:]],
}


class Run:
    """A run with other secrets after one that declares a queue with this value."""

    def __init__(self, value: Callable[[str], Any]) -> None:
        self.value = value
        self.secrets = OtherSecrets([FORMER, FORMER, "short", f"{FORMER}0"])
        self.other = self.secrets.apply(FORMER)
        answer = resource_pb2.RegisterResourceResponse(urn=URN, id="q-1", object=self._inputs(FORMER))
        calls = RecordedCalls([FORMER])
        calls.add("RegisterResource", self.request(FORMER), answer.SerializeToString())
        calls.add("RegisterResourceOutputs", self.outputs(FORMER), b"")
        self.proxy = ReplayProxy(calls, CallCounts(), lambda: None, self.secrets)

    def _inputs(self, secret: str) -> Struct:
        inputs = Struct()
        inputs.update({"tags": self.value(secret)})
        return inputs

    def request(self, secret: str) -> resource_pb2.RegisterResourceRequest:
        return resource_pb2.RegisterResourceRequest(
            type=QUEUE, name="q", custom=True, parent=STACK, object=self._inputs(secret)
        )

    def outputs(self, secret: str) -> resource_pb2.RegisterResourceOutputsRequest:
        return resource_pb2.RegisterResourceOutputsRequest(urn=STACK, outputs=self._inputs(secret))

    def send(self, name: str, message: Any) -> Any:
        path = f"/pulumirpc.ResourceMonitor/{name}"
        outcome = self.proxy.outcome(path, name, message.SerializeToString())
        assert not isinstance(outcome, Failure)
        return outcome

    def rows(self) -> list[dict[str, Any]]:
        """Have the program declare the same with the other secret; return what differs."""
        self.send("RegisterResource", self.request(self.other))
        self.send("RegisterResourceOutputs", self.outputs(self.other))
        self.proxy.outcome("", END, language_pb2.RunRequest().SerializeToString())
        return self.proxy.rows("", ())


@pytest.mark.parametrize("form", EXCHANGED)
def test_a_secret_that_a_program_passes_on_is_no_difference(form: str) -> None:
    assert Run(EXCHANGED[form]).rows() == []


@pytest.mark.parametrize("form", MARKED)
def test_what_is_computed_and_marked_differs_outside_of_an_output_of_the_stack(form: str) -> None:
    """An answer could tell it, and the report would show it beside an output."""
    assert {row["computed"] for row in Run(MARKED[form]).rows()} == {"q"}


@pytest.mark.parametrize("form", COMPUTED)
def test_what_a_program_computes_from_a_secret_differs(form: str) -> None:
    rows = Run(COMPUTED[form]).rows()
    names = {row["computed"] for row in rows}
    # An output of the stack may have the hash of an input, which either blocks or is that of the base.
    assert names == {"a-dev", "q"} or (names == {"q"} and all("hash" in row for row in rows))
    assert all(replay_proxy.WITH_SECRETS in row["reason"] for row in rows)
    # Only an input can be the one that the base has.
    assert {row["urn"] for row in rows if "hash" in row} <= {URN}


HASHES: dict[str, tuple[Callable[[str], Any], bool]] = {
    "digits": (lambda secret: hashlib.sha256(secret.encode()).hexdigest()[:8], True),
    "in a name": (lambda secret: f"pipe-database-{hashlib.md5(secret.encode()).hexdigest()}", True),
    "fewer digits": (lambda secret: hashlib.sha256(secret.encode()).hexdigest()[:7], False),
    "beside a decision": (lambda secret: f"{secret == FORMER}-{secret[::-1]}", False),
}


@pytest.mark.parametrize("form", HASHES)
def test_a_hash_of_a_secret_has_its_path(form: str) -> None:
    value, is_hash = HASHES[form]
    rows = [row for row in Run(value).rows() if row["urn"] == URN]
    assert [row.get("hash") for row in rows] == [["tags"] if is_hash else None]


def test_the_answers_of_the_run_have_its_own_secrets_and_no_other_values() -> None:
    run = Run(lambda secret: {"a": secret, "b": UNKNOWN})
    answer = run.send("RegisterResource", run.request(run.other))
    response = resource_pb2.RegisterResourceResponse.FromString(answer)
    assert plain_value(response.object) == {"tags": {"a": run.other, "b": UNKNOWN}}
    assert response.id == "q-1"


@pytest.mark.parametrize("form", [str, str.upper, in_base64])
def test_a_difference_names_the_secret_of_the_first_run(form: Callable[[str], str]) -> None:
    """The report masks only those."""
    run = Run(lambda secret: secret)
    message = f"ValueError: {form(run.other)} begins with a digit"
    error = engine_pb2.LogRequest(severity=engine_pb2.ERROR, message=message)
    run.proxy.outcome("/pulumirpc.Engine/Log", "Log", error.SerializeToString())
    [row] = run.proxy.rows("the program failed", ())
    assert row["reason"].endswith(f": ValueError: {form(FORMER)} begins with a digit")
    run = Run(lambda secret: secret)
    new = run.request(run.other)
    new.name = f"q.{form(run.other)}"
    run.send("RegisterResource", new)
    row, *_ = (row for row in run.rows() if row["urn"])
    assert row["computed"] == f"q.{form(FORMER)}"
    assert row["urn"].endswith(f"::q.{form(FORMER)}")


def test_each_digit_of_a_random_value_changes_and_other_values_stay() -> None:
    secrets = OtherSecrets([FORMER, "f" * 32, "0" * 8])
    other = secrets.apply(FORMER)
    assert len(other) == len(FORMER)
    assert all(digit != former for digit, former in zip(other, FORMER, strict=True))
    assert secrets.apply("0" * 8) == "0" * 8
    assert OtherSecrets(["0" * 8, ""]).apply(FORMER) == FORMER
    assert not OtherSecrets(["0" * 8, ""])


KUBERNETES_SECRET = "kubernetes:core/v1:Secret"
WASH = f"urn:pulumi:dev::a::{KUBERNETES_SECRET}::wash"
REGION = resource_pb2.ResourceInvokeRequest(tok="aws:index/getRegion:getRegion")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def struct(**values: Any) -> Struct:
    message = Struct()
    message.update(values)
    return message


def secret_of(text: str, field: str = "stringData", **metadata: Any) -> resource_pb2.RegisterResourceRequest:
    """Return a request for a Kubernetes Secret with a text as its content, which the program marks."""
    content = {field: {SIGNATURE: OUTPUT, "value": {"v": text}, "secret": True}, "metadata": metadata}
    return resource_pb2.RegisterResourceRequest(
        type=KUBERNETES_SECRET, name="wash", custom=True, parent=STACK, object=struct(**content)
    )


def stored(text: str, *, id: str = "a/wash", **more: Any) -> resource_pb2.RegisterResourceResponse:
    """Return an answer that has the content as the provider stores it."""
    fields = {"data": in_base64(text), "stringData": text}
    content = {name: {SIGNATURE: SECRET, "value": {"v": value}} for name, value in fields.items()}
    return resource_pb2.RegisterResourceResponse(urn=WASH, id=id, object=struct(**content, **more))


class Laundry:
    """A run with other secrets, which reads what it has put into a Kubernetes Secret."""

    def __init__(
        self,
        request: resource_pb2.RegisterResourceRequest,
        response: resource_pb2.RegisterResourceResponse,
        *calls: tuple[str, Any, bytes | Failure],
    ) -> None:
        recorded = RecordedCalls([FORMER])
        recorded.add("RegisterResource", request, response.SerializeToString())
        for call in calls:
            recorded.add(*call)
        self.secrets = OtherSecrets([FORMER])
        self.other = self.secrets.apply(FORMER)
        self.proxy = ReplayProxy(recorded, CallCounts(), lambda: None, self.secrets)

    def send(self, name: str, message: Any) -> bytes:
        outcome = self.proxy.outcome(f"/pulumirpc.ResourceMonitor/{name}", name, message.SerializeToString())
        assert not isinstance(outcome, Failure)
        return outcome

    def register(
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Return the answer to a registration."""
        return resource_pb2.RegisterResourceResponse.FromString(self.send("RegisterResource", request))

    def rows(self) -> list[dict[str, Any]]:
        self.proxy.outcome("", END, language_pb2.RunRequest().SerializeToString())
        return self.proxy.rows("", ())


def test_the_content_of_a_kubernetes_secret_comes_back_as_the_run_has_sent_it() -> None:
    first = f"{FORMER[::-1]} {FORMER[0]}"
    run = Laundry(secret_of(first), stored(first))
    own = f"{run.other[::-1]} {run.other[0]}"
    assert run.register(secret_of(own)).object == stored(own).object
    assert run.rows() == [{"masked": WASH, "key": "v", "hashes": []}]
    data = stored(first)
    del data.object.fields["stringData"]
    run = Laundry(secret_of(in_base64(first), "data"), data)
    own = in_base64(f"{run.other[::-1]} {run.other[0]}")
    data.object.update({"data": {SIGNATURE: SECRET, "value": {"v": own}}})
    assert run.register(secret_of(own, "data")).object == data.object
    assert run.rows() == [{"masked": WASH, "key": "v", "hashes": []}]


def test_of_a_text_in_which_only_hashes_differ_only_these_are_masked() -> None:
    def text(secret: str) -> str:
        return f"user=app_{digest(secret)[:8]} password={secret} a=0a1b2c3d"

    run = Laundry(secret_of(text(FORMER)), stored(text(FORMER)))
    run.register(secret_of(text(run.other)))
    assert run.rows() == [{"masked": WASH, "key": "v", "hashes": [digest(FORMER)[:8]]}]


@pytest.mark.parametrize(
    "unknown",
    [
        {"stringData": UNKNOWN},
        {"data": UNKNOWN},
        {"data": UNKNOWN, "stringData": {"v": "a"}},
        {"stringData": UNKNOWN, "data": {"v": ""}},
    ],
)
def test_content_beside_a_secret_that_is_unknown_as_a_whole_is_accepted(unknown: dict[str, Any]) -> None:
    other = resource_pb2.RegisterResourceRequest(type=KUBERNETES_SECRET, name="u", object=struct(**unknown))
    answer = resource_pb2.RegisterResourceResponse(urn=f"{WASH}-u", object=other.object)
    first = secret_of(FORMER[::-1])
    run = Laundry(first, stored(FORMER[::-1]), ("RegisterResource", other, answer.SerializeToString()))
    assert run.register(other).object == other.object
    own = run.other[::-1]
    assert run.register(secret_of(own)).object == stored(own).object
    assert run.rows() == [{"masked": WASH, "key": "v", "hashes": [FORMER[::-1]]}]


ECHOES: dict[str, dict[str, Any]] = {
    "plain": {"metadata": {"name": FORMER[::-1]}},
    "in upper case": {"metadata": {"name": FORMER[::-1].upper()}},
    "as a key": {"metadata": {f"a-{FORMER[::-1]}": 1}},
    "in base64": {"applied": in_base64(f"v={FORMER[::-1]}")},
    "in base64 twice": {"applied": in_base64(in_base64(FORMER[::-1]))},
    "a hash": {"etag": digest(FORMER[::-1])},
    "a hash of the stored text": {"etag": digest(in_base64(FORMER[::-1]))},
    "the ID": {"id": FORMER[::-1]},
}


@pytest.mark.parametrize("echo", ECHOES)
def test_content_that_an_answer_has_elsewhere_differs(echo: str) -> None:
    run = Laundry(secret_of(FORMER[::-1]), stored(FORMER[::-1], **ECHOES[echo]))
    run.register(secret_of(run.other[::-1]))
    assert [(row["urn"], row["computed"]) for row in run.rows()] == [(WASH, "wash")]


def test_content_that_a_look_up_finds_differs() -> None:
    members: dict[str, Any] = {"return": struct(a=FORMER[::-1])}
    look_up = resource_pb2.ResourceInvokeResponse(**members).SerializeToString()
    for outcome in (look_up, Failure(grpc.StatusCode.UNKNOWN, f"not {FORMER[::-1]}")):
        run = Laundry(secret_of(FORMER[::-1]), stored(FORMER[::-1]), ("Invoke", REGION, outcome))
        run.register(secret_of(run.other[::-1]))
        assert [row["computed"] for row in run.rows()] == ["wash"]


def test_other_keys_and_other_values_than_texts_differ() -> None:
    contents: list[tuple[Any, Any]] = [
        ({FORMER[:9]: "a"}, {"0" * 9: "a"}),
        ({"v": 1.0}, {"v": 2.0}),
        ({"v": "x" * 9}, {"v": 1.0}),
        ({"v": "x" * 9}, {}),
    ]
    for before, after in contents:
        first, second = secret_of(""), secret_of("")
        for request, content in ((first, before), (second, after)):
            request.object.update({"stringData": {SIGNATURE: SECRET, "value": content}})
        run = Laundry(first, stored(""))
        run.register(second)
        assert [row.get("computed") for row in run.rows()] == ["wash"], before


def test_a_secret_output_that_an_answer_has_differs() -> None:
    """The engine answers a look-up of a component with its outputs."""
    outputs = [
        resource_pb2.RegisterResourceOutputsRequest(
            urn=WASH, outputs=struct(a={SIGNATURE: SECRET, "value": text})
        )
        for text in (FORMER[:9], "0" * 9)
    ]
    for name, is_same in (("b", True), (FORMER[:9], False)):
        response = resource_pb2.RegisterResourceResponse(urn=WASH, object=struct(name=name))
        run = Laundry(secret_of("a"), response, ("RegisterResourceOutputs", outputs[0], b""))
        run.send("RegisterResourceOutputs", outputs[1])
        run.register(secret_of("a"))
        assert (run.rows() == []) == is_same


def test_a_hash_comes_back_as_the_run_has_sent_it_also_in_later_answers() -> None:
    first = f"wash-{digest(FORMER)[:8]}"
    pod = resource_pb2.RegisterResourceRequest(type=QUEUE, name="q", custom=True, parent=STACK)
    pod.object.update({"from": first})
    answer = resource_pb2.RegisterResourceResponse(
        urn=URN, id="q-1", object=struct(**{"from": first, "b": first})
    )
    response = stored("a", id=f"a/{first}", metadata={"name": first})
    run = Laundry(secret_of("a", name=first), response, ("RegisterResource", pod, answer.SerializeToString()))
    own = f"wash-{digest(run.other)[:8]}"
    assert run.register(secret_of("a", name=own)) == stored("a", id=f"a/{own}", metadata={"name": own})
    pod.object.update({"from": own})
    assert plain_value(run.register(pod).object) == {"from": own, "b": own}
    [row] = run.rows()
    assert row["hash"] == ["metadata", "name"], "the other input only passes it on"
    assert row["hashes"] == [first[-8:]]


def test_a_hash_in_another_form_or_in_an_earlier_answer_differs() -> None:
    first = f"wash-{digest(FORMER)[:8]}"
    for more in ({"a": first.upper()}, {"a": in_base64(f"x {first}")}, {"a": digest(first)}):
        run = Laundry(secret_of("a", name=first), stored("a", metadata={"name": first}, **more))
        run.register(secret_of("a", name=f"wash-{digest(run.other)[:8]}"))
        assert [("hash" in row, row["computed"]) for row in run.rows()] == [(False, "wash")]
    before = resource_pb2.RegisterResourceRequest(type=QUEUE, name="q", custom=True, parent=STACK)
    answer = resource_pb2.RegisterResourceResponse(urn=URN, object=struct(a=first)).SerializeToString()
    run = Laundry(secret_of("a", name=first), stored("a"), ("RegisterResource", before, answer))
    run.register(before)
    run.register(secret_of("a", name=f"wash-{digest(run.other)[:8]}"))
    assert [("hash" in row, row["computed"]) for row in run.rows()] == [(False, "wash")]


def test_a_hash_that_stands_for_two_others_differs() -> None:
    first = f"wash-{digest(FORMER)[:8]}"
    run = Laundry(secret_of("a", name=first, namespace=first), stored("a"))
    run.register(secret_of("a", name="wash-0a1b2c3d", namespace="wash-0a1b2c3e"))
    assert [("hash" in row, row["computed"]) for row in run.rows()] == [(False, "wash"), (True, "wash")]

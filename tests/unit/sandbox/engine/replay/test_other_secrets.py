"""Tests of the run of a program that gets other random values for its secret settings."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import language_pb2, resource_pb2

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
    "marked": lambda secret: {SIGNATURE: SECRET, "value": secret[::-1]},
    "in a marked object": lambda secret: {"a": {SIGNATURE: SECRET, "value": {"b": [secret[:9]]}}},
    "in a secret output": lambda secret: {SIGNATURE: OUTPUT, "value": secret[::-1], "secret": True},
    "unknown": lambda secret: UNKNOWN,
}
"""Values that differ between two runs in nothing but the secret itself, or that are marked as secret."""

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
def test_a_secret_that_a_program_passes_on_or_marks_is_no_difference(form: str) -> None:
    assert Run(EXCHANGED[form]).rows() == []


@pytest.mark.parametrize("form", COMPUTED)
def test_what_a_program_computes_from_a_secret_differs(form: str) -> None:
    rows = Run(COMPUTED[form]).rows()
    assert {row["computed"] for row in rows} == {"a-dev", "q"}
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


def test_each_digit_of_a_random_value_changes_and_other_values_stay() -> None:
    secrets = OtherSecrets([FORMER, "f" * 32, "0" * 8])
    other = secrets.apply(FORMER)
    assert len(other) == len(FORMER)
    assert all(digit != former for digit, former in zip(other, FORMER, strict=True))
    assert secrets.apply("0" * 8) == "0" * 8
    assert OtherSecrets(["0" * 8, ""]).apply(FORMER) == FORMER
    assert not OtherSecrets(["0" * 8, ""])

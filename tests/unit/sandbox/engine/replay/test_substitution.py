"""Tests of the comparison of two runs that get different invented texts."""

import base64
import json
import zlib
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import resource_pb2

from sandbox.engine.replay.substitution import Substitution, differing, other_address
from sandbox.wire.sentinels import INVENTED_NUMBERS, UNKNOWN

ADDRESS, SUBNET, NUMBER = "248.82.27.201", "subnet-0a1b2c3d4e5f60718", float(INVENTED_NUMBERS[7])
ARN = "arn:aws:kms:ap-northeast-1:123456789012:key/9f86d081-884c-4d65-a15b-0b00a08a9f86"
ANSWER = {"publicIp": ADDRESS, "id": SUBNET, "size": NUMBER, "arn": ARN, "tags": {"Owner": "team-20261130"}}
REQUEST = {"tags": {"Owner": "team-20261130"}, "account": "123456789012", "open": UNKNOWN}


def message(content: dict[str, Any]) -> Struct:
    """Return a message with these properties."""
    struct = Struct()
    struct.update(content)
    return struct


@pytest.fixture
def substitution() -> Substitution:
    substitution = Substitution()
    substitution.note_sent(message(REQUEST))
    substitution.note_received(message(ANSWER))
    return substitution


def other(substitution: Substitution, content: dict[str, Any]) -> dict[str, Any]:
    """Return properties with the other texts."""
    struct = message(content)
    substitution.apply_to(struct)
    return MessageToDict(struct)


def test_only_what_no_request_had_before_gets_another_text(substitution: Substitution) -> None:
    changed = other(substitution, ANSWER)
    assert changed["arn"].startswith("arn:aws:kms:ap-northeast-1:123456789012:key/")
    assert [name for name in ANSWER if changed[name] == ANSWER[name]] == ["tags"]
    assert changed["id"].startswith("subnet-") and len(changed["id"]) == len(SUBNET)
    assert int(changed["size"]) in INVENTED_NUMBERS
    substitution.note_sent(SUBNET)  # A later request has it from the answer.
    assert other(substitution, ANSWER) == changed
    assert other(substitution, REQUEST) == REQUEST


def test_keys_lists_and_other_fields_of_a_message_get_other_texts(substitution: Substitution) -> None:
    call = resource_pb2.RegisterResourceRequest(
        name="it",
        provider=f"urn:pulumi:dev::a::x::y::{SUBNET}",
        providers={"aws": SUBNET, SUBNET: "x"},
        dependencies=["a", SUBNET],
        object=message({SUBNET: [{SUBNET: ADDRESS}], "kept": {"a": 1}}),
    )
    substitution.apply_to(call)
    text = substitution.apply(SUBNET)
    assert call.provider.endswith(text) and call.dependencies == ["a", text]
    assert dict(call.providers) == {"aws": text, text: "x"}
    assert MessageToDict(call.object) == {text: [{text: "72.82.27.201"}], "kept": {"a": 1}}


@pytest.mark.parametrize("address", [ADDRESS, "240.0.0.0", "255.255.255.255", "172.16.0.1", "172.31.255.255"])
def test_another_address_is_in_another_network_of_each_size(address: str) -> None:
    for size in range(1, 33):
        networks = {ip_network(f"{text}/{size}", strict=False) for text in (address, other_address(address))}
        assert len(networks) == 2, size


def encoded(text: str) -> str:
    return base64.b64encode(f"connection string: {text}".encode()).decode()


SAME: dict[str, Callable[[Any], Any]] = {
    "whole": lambda answer: answer,
    "in a text": lambda answer: f"https://{answer['publicIp']}:5432/{answer['id']}",
    "a part of an ARN": lambda answer: answer["arn"].rpartition("/")[2],
    "a slice": lambda answer: answer["id"][:12],
    "upper case": lambda answer: answer["id"].upper(),
    "JSON": lambda answer: json.dumps({"Resource": [answer["arn"]]}),
    "base64": lambda answer: encoded(answer["publicIp"]),
    "a key": lambda answer: {answer["id"]: answer["size"]},
    "sorted": lambda answer: sorted([answer["id"], answer["arn"], "subnet-0f", answer["publicIp"]]),
    "its own text": lambda answer: [answer["tags"]["Owner"], 443.0, True, None],
    "a hash": lambda answer: f"v-{zlib.crc32(answer['arn'].encode()):08x}",
}


@pytest.mark.parametrize("sent", SAME.values(), ids=SAME)
def test_what_has_an_invented_text_or_a_part_of_it_is_the_same(substitution: Substitution, sent: Any) -> None:
    first, second = (sent(answer) for answer in (MessageToDict(message(ANSWER)), other(substitution, ANSWER)))
    assert [*differing(other(substitution, {"a": first}), {"a": second})] == []


COMPUTED: dict[str, Callable[[Any], Any]] = {
    "a network": lambda answer: str(ip_network(f"{answer['publicIp']}/4", strict=False)),
    "a small network": lambda answer: [str(ip_network(f"{answer['publicIp']}/24", strict=False))],
    "an octet": lambda answer: answer["publicIp"].partition(".")[0],
    "a digit": lambda answer: f"10.0.0.0/{answer['id'][8]}",
    "a decision": lambda answer: answer["id"] < "subnet-1",
    "a number": lambda answer: answer["size"] % 1000,
    "a length": lambda answer: ["x"] * int(answer["id"][7], 16),
    "a key of its own": lambda answer: {answer["publicIp"].partition(".")[0]: 1.0},
    "base64": lambda answer: encoded(str(ip_network(f"{answer['publicIp']}/4", strict=False))),
}


@pytest.mark.parametrize("sent", COMPUTED.values(), ids=COMPUTED)
def test_what_is_computed_from_an_invented_text_differs(substitution: Substitution, sent: Any) -> None:
    first, second = (sent(answer) for answer in (MessageToDict(message(ANSWER)), other(substitution, ANSWER)))
    assert [*differing(other(substitution, {"a": first}), {"a": second})] != []


def test_a_difference_has_a_path_unless_the_first_value_is_open() -> None:
    first = {"rules": [{"cidr": "10.0.0.0/8"}, {"cidr": "240.0.0.0/4"}], "name": "x", "open": None}
    second = {"rules": [{"cidr": "10.0.0.0/8"}, {"cidr": "112.0.0.0/4"}], "more": 1}
    paths = [*differing(first, second, ("top",), lambda value: value is None)]
    assert paths == [("top", "more"), ("top", "name"), ("top", "rules", 1, "cidr")]

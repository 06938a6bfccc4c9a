"""Tests of the comparison of two runs that get different invented texts."""

import base64
import json
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import resource_pb2

from sandbox.engine.replay.substitution import Substitution, differing, other_address, other_digits
from sandbox.wire.sentinels import INVENTED_NUMBERS, UNKNOWN

ADDRESS, SUBNET, NUMBER = "248.82.27.201", "subnet-0a1b2c3d4e5f60718", float(INVENTED_NUMBERS[7])
ARN = "arn:aws:kms:ap-northeast-1:123456789012:key/9f86d081-884c-4d65-a15b-0b00a08a9f86"
TIME, OWN_TIME = "2024-05-01T10:20:30Z", "2025-01-01T00:00:00Z"
PUBLIC_ID, FINGERPRINT = "0a1-b2c3-4d5e6", ":".join(f"{number:02x}" for number in range(100, 116))
BODY = base64.b64encode(bytes(range(100))).decode()
PEM = f"-----BEGIN PUBLIC KEY-----\n{BODY[:64]}\n{BODY[64:]}\n-----END PUBLIC KEY-----\n"
OPENSSH = f"ecdsa-sha2-nistp256 {BODY}\n"
SHA256 = f"SHA256:{BODY[20:63]}"
NUMBERS = {"size": NUMBER, "monitorId": 187654321098765.0, "keyTag": 17171.0, "port": 5432.0, "own": 604800.0}
ANSWER: dict[str, Any] = {
    "publicIp": ADDRESS,
    "id": SUBNET,
    "arn": ARN,
    "tags": {"Owner": "team-20261130", "Until": OWN_TIME},
    "createDate": TIME,
    "updatedAt": "2021-05-01T10:20:30.123+09:00",
    "publicId": PUBLIC_ID,
    "database": "data_afkpbmcd",
    "fingerprint": FINGERPRINT,
    "pem": PEM,
    "ca": base64.b64encode(PEM.encode()).decode(),
    "openssh": OPENSSH,
    "sha256": SHA256,
    **NUMBERS,
}
REQUEST = {
    "tags": {"Owner": "team-20261130", "Until": OWN_TIME},
    "account": "123456789012",
    "open": UNKNOWN,
    "own": 604800.0,
}


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
    assert [name for name in ANSWER if changed[name] == ANSWER[name]] == ["tags", "port", "own"]
    assert changed["id"].startswith("subnet-") and len(changed["id"]) == len(SUBNET)
    assert changed["size"] == 0, "the invented one is larger than that of any account"
    assert changed["createDate"] == changed["updatedAt"], "a deployment creates all objects at one time"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(changed["createDate"])) < timedelta(minutes=1)
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
    address = substitution.apply(ADDRESS)
    assert MessageToDict(call.object) == {text: [{text: address}], "kept": {"a": 1}}


def test_each_octet_of_another_address_differs() -> None:
    """The first one is that of an address in an account."""
    for address, first in ((ADDRESS, {3, 13, 18, 35, 52, 54}), ("172.20.3.4", {10})):
        octets, others = ([*map(int, text.split("."))] for text in (address, other_address(address)))
        assert all(old != new for old, new in zip(octets, others, strict=True)) and others[0] in first


def test_nothing_of_other_digits_is_certain_to_be_the_same() -> None:
    """Each digit differs. So do, in most cases, the number of letters and whether two digits are equal."""
    digits = SUBNET.removeprefix("subnet-")
    others = [other_digits(digits) for _ in range(200)]
    assert all(old != new for text in others for old, new in zip(digits, text, strict=True))
    assert len({sum(c.isalpha() for c in text) for text in others}) > 1
    assert len({text[1] == text[2] for text in others}) == 2
    numbers = [other_digits("900123") for _ in range(200)]
    assert all(number.isdecimal() and number[0] not in "09" for number in numbers)


def test_another_id_of_ec2_begins_with_0_as_in_an_account() -> None:
    assert {other_digits(f"{digit}0123456789abcdef")[0] for digit in "123abc"} == {"0"}
    assert other_digits("00123456789abcdef")[0] != "0"


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
    "a UUID in a name": lambda answer: f"key-{answer['arn'].rpartition('/')[2]}-backup".upper(),
    "upper case": lambda answer: answer["id"].upper(),
    "JSON": lambda answer: json.dumps({"Resource": [answer["arn"]]}),
    "base64": lambda answer: encoded(answer["publicIp"]),
    "a key": lambda answer: {answer["id"]: answer["size"]},
    "sorted": lambda answer: sorted([answer["id"], answer["arn"], "subnet-0f", answer["publicIp"]]),
    "its own text": lambda answer: [answer["tags"]["Owner"], 443.0, True, None],
    "a number in a text": lambda answer: f"{answer['monitorId']:.0f} {answer['size']:.0f}",
    "a time in a text": lambda answer: f"created at {answer['createDate']}",
    "an ID of Datadog": lambda answer: f"https://app.datadoghq.com/dashboard/{answer['publicId']}",
    "a host name": lambda answer: f"logs-{answer['publicIp']}.s3.amazonaws.com and a.{answer['publicIp']}.",
    "a name with an ID of Datadog": lambda answer: f"logs-{answer['publicId']}-{answer['publicId']}_a",
    "a name with a fingerprint": lambda answer: f"_{answer['fingerprint']}: {answer['sha256']}_",
    "an ID of Datadog in upper case": lambda answer: answer["publicId"].upper(),
    "a generated name": lambda answer: f"arn:{answer['database']}/{answer['database'].upper()}",
    "fingerprints": lambda answer: f"{answer['fingerprint']} {answer['sha256']}",
    "keys": lambda answer: f"{answer['pem'].strip()}\n{answer['openssh'].strip()}",
    "a key in JSON": lambda answer: json.dumps({"key": answer["pem"]}),
    "a key in base64": lambda answer: base64.b64encode(answer["pem"].encode()).decode(),
    "a kubeconfig": lambda answer: json.dumps({"certificate-authority-data": answer["ca"]}),
    "a certificate": lambda answer: base64.b64decode(answer["ca"]).decode(),
}


@pytest.mark.parametrize("sent", SAME.values(), ids=SAME)
def test_what_has_an_invented_text_or_a_part_of_it_is_the_same(substitution: Substitution, sent: Any) -> None:
    first, second = (
        {"a": sent(answer)} for answer in (MessageToDict(message(ANSWER)), other(substitution, ANSWER))
    )
    assert [*differing(other(substitution, first), second, first)] == []


COMPUTED: dict[str, Callable[[Any], Any]] = {
    "a network": lambda answer: str(ip_network(f"{answer['publicIp']}/4", strict=False)),
    "a small network": lambda answer: [str(ip_network(f"{answer['publicIp']}/24", strict=False))],
    "an octet": lambda answer: answer["publicIp"].partition(".")[0],
    "a digit": lambda answer: f"10.0.0.0/{answer['id'][8]}",
    "a decision": lambda answer: answer["id"] < "subnet-1",
    "a number": lambda answer: answer["size"] % 1000,
    "a decision by a size": lambda answer: answer["size"] < 1000,
    "a short group of a UUID": lambda answer: answer["arn"].rpartition("/")[2][9:13],
    "a length": lambda answer: ["x"] * int(answer["id"][7], 16),
    "a key of its own": lambda answer: {answer["publicIp"].partition(".")[0]: 1.0},
    "base64": lambda answer: encoded(str(ip_network(f"{answer['publicIp']}/4", strict=False))),
    "a part": lambda answer: answer["id"][:12],
    "a hash": lambda answer: f"v-{zlib.crc32(answer['arn'].encode()):08x}",
    "a hash of a generated name": lambda answer: f"v-{zlib.crc32(answer['database'].encode()):08x}",
    "a date": lambda answer: answer["createDate"].partition("T")[0],
    "a decision by the time": lambda answer: datetime.now(UTC).isoformat()[:10] in answer["createDate"],
    "a decision by a number": lambda answer: 10_000 <= answer["keyTag"] < 20_000,
    "the order of a list": lambda answer: sorted(["b", "a"], reverse=answer["id"] < "subnet-1"),
    "the last one": lambda answer: max(answer["id"], "subnet-0b"),
    "a character of an ID of Datadog": lambda answer: 8 + int(answer["publicId"][0], 36) % 16,
    "a decision by an ID of Datadog": lambda answer: answer["publicId"].startswith("0"),
    "a digit of a fingerprint": lambda answer: answer["fingerprint"][0],
    "a character of a fingerprint": lambda answer: answer["sha256"][8],
    "a character of a key": lambda answer: answer["pem"][30],
    "a character of a certificate": lambda answer: base64.b64decode(answer["ca"]).decode()[30],
    "the last octet": lambda answer: answer["publicIp"].rpartition(".")[2],
    "a size of a network": lambda answer: min(int(answer["publicIp"].partition(".")[0]) // 64, 1) * 32,
}


@pytest.mark.parametrize("sent", COMPUTED.values(), ids=COMPUTED)
def test_what_is_computed_from_an_invented_text_differs(substitution: Substitution, sent: Any) -> None:
    first, second = (
        {"a": sent(answer)} for answer in (MessageToDict(message(ANSWER)), other(substitution, ANSWER))
    )
    assert [*differing(other(substitution, first), second, first)] != []


LITERALS: dict[str, tuple[Any, Any]] = {
    "an account": ("arn:aws:iam::111122223333:role/a", "arn:aws:iam::666666666666:role/a"),
    "an image": (f"api@sha256:{'ab' * 32}", f"api@sha256:{'66' * 32}"),
    "a port": ("listen 8080;", "listen 9191;"),
    "the order of a command": (["sh", "-c", "serve", "serve --all"], ["sh", "-c", "serve --all", "serve"]),
    "the order of a sorted list": (["allow a", "deny b"], ["deny b", "allow a"]),
    "a sorted list": (["deny b", "allow a"], ["allow a", "deny b"]),
}


@pytest.mark.parametrize("literals", LITERALS.values(), ids=LITERALS)
def test_another_literal_differs(literals: tuple[Any, Any]) -> None:
    first, second = ({"a": literal} for literal in literals)
    assert [*differing(first, second, first)] != []


def test_a_difference_has_a_path_unless_the_first_value_is_open() -> None:
    first = {"rules": [{"cidr": "10.0.0.0/8"}, {"cidr": "240.0.0.0/4"}], "name": "x", "open": None}
    second = {"rules": [{"cidr": "10.0.0.0/8"}, {"cidr": "112.0.0.0/4"}], "more": 1}
    paths = [*differing(first, second, first, ("top",), lambda value: value is None)]
    assert paths == [("top", "more"), ("top", "name"), ("top", "rules", 1, "cidr")]


def test_beginnings_of_keys_without_an_end_take_no_time() -> None:
    text = "-----BEGIN A-----" * 20_000
    start = time.process_time()
    Substitution().note_sent(text)
    assert time.process_time() - start < 2, "a search from each beginning to the end takes a minute"

"""Tests that the report masks each secret that two runs of a program exchange, in whatever it is encoded."""

import base64
from collections.abc import Callable

import pytest
from google.protobuf.struct_pb2 import Struct

from review.plain_data import DECODED_TWICE, build_mask
from review.values.secret_documents import find_lines
from sandbox.engine.replay.exchange import Exchange
from sandbox.engine.replay.other_secrets import OtherSecrets
from sandbox.engine.replay.substitution import Substitution
from sandbox.wire.sentinels import INVENTED

FORMER = "1f0c6c9c2d7f4f2c8f7e6a5b4c3d2e1f"
GENERATED = f"{INVENTED}-9f86d0814c6515ba-secretAccessKey"
BODY = base64.b64encode(bytes(range(100))).decode()
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY[:64]}\n{BODY[64:]}\n-----END PRIVATE KEY-----\n"

ENCODERS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"ÿ>{text}".encode()).decode().rstrip("="),
    "hexadecimal digits": lambda text: text.encode().hex(),
    "upper case": str.upper,
    "lower case": str.lower,
    "in a text": lambda text: f'"user:{text}@"',
    "a part": lambda text: text[22:-16],
    "a capital": str.capitalize,
}
LONG, SEPARATOR = "#" * DECODED_TWICE, " # "


def other_secrets() -> tuple[Exchange, str]:
    return OtherSecrets([FORMER]), FORMER


def substitution(text: str) -> tuple[Exchange, str]:
    exchange, answer = Substitution(), Struct()
    answer.update({"a": text})
    exchange.note_received(answer)
    return exchange, text


EXCHANGES: dict[str, Callable[[], tuple[Exchange, str]]] = {
    "a setting": other_secrets,
    "a generated text": lambda: substitution(GENERATED),
    "a generated key": lambda: substitution(PEM),
}


def encode(pair: tuple[str, str], most: int) -> set[tuple[str, str]]:
    """Return two texts after each combination of at most this many encoders."""
    pairs, new = {pair}, {pair}
    for _ in range(most):
        new = {(step(first), step(second)) for first, second in new for step in ENCODERS.values()} - pairs
        pairs |= new
    return pairs


@pytest.mark.parametrize(("beginning", "most"), [("", 5), (f"{LONG} ", 2)], ids=["short", "long"])
@pytest.mark.parametrize("name", EXCHANGES)
def test_the_report_masks_what_another_run_exchanges(name: str, beginning: str, most: int) -> None:
    exchange, secret = EXCHANGES[name]()
    mask = build_mask([secret, *find_lines([secret])])
    pair = f"{beginning}{secret}", f"{beginning}{exchange.apply(secret)}"
    exchanged = [
        first for first, second in encode(pair, most) if first != second and exchange.apply(first) == second
    ]
    assert len(exchanged) > 5
    for text in (*([] if beginning else exchanged), SEPARATOR.join([LONG, *exchanged])):
        masked = mask(text)
        parts = masked.split(SEPARATOR)
        assert masked != text and [*map(exchange.apply, parts)] == parts

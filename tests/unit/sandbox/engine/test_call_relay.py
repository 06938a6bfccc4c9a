"""Tests of the relay that counts the calls which clients start."""

import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from sandbox.engine import call_relay
from sandbox.engine.call_relay import HEADERS, HOST, PREFACE, CallRelay, StreamCounter, open_relay

DATA, SETTINGS, GOAWAY = 0, 4, 7
FIELDS = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/a/b"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


def frame(kind: int, stream: int, content: bytes = b"", flags: int = 0) -> bytes:
    """Return a frame of HTTP/2."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def call(stream: int, *without: str) -> bytes:
    """Return the frames of a call that lacks some of its headers."""
    fields = [(name.encode(), value.encode()) for name, value in FIELDS if name not in without]
    block = b"".join(
        bytes([0, len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )  # RFC 7541, section 6.2.2
    return frame(HEADERS, stream, block, 4) + frame(DATA, stream, bytes(5), 1)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_counts_each_stream_once_whatever_the_parts_are(size: int) -> None:
    # The content of a frame may look like another frame.
    content = frame(DATA, 1, frame(HEADERS, 9) * 3)
    data = PREFACE + frame(SETTINGS, 0) + call(1) + content + call(3, "te") + frame(HEADERS, 1)
    counter = StreamCounter()
    assert sum(counter.feed(data[start : start + size]) for start in range(0, len(data), size)) == 2


class Handler(grpc.GenericRpcHandler):
    """A handler that counts its calls, and answers with their requests."""

    count = 0

    def service(self, handler_call_details: Any) -> "grpc.RpcMethodHandler[bytes, bytes]":
        self.count += 1
        return grpc.unary_unary_rpc_method_handler(self._echo)

    @staticmethod
    def _echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
        return request


Served = tuple[CallRelay, Path, Handler]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Provide a relay with its path, and the handler of the server behind it."""
    monkeypatch.setattr(call_relay, "SECONDS", 0.5)
    handler = Handler()
    with ThreadPoolExecutor(4) as pool, TemporaryDirectory(prefix="relay-") as folder:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port(f"{HOST}:0")
        server.start()
        with open_relay(Path(folder) / "it", port, lambda: handler.count) as relay:
            yield relay, Path(folder) / "it", handler
        server.stop(None).wait()


def send(path: Path, *parts: bytes) -> None:
    """Send the parts to a server, and end the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        for part in parts:
            connection.sendall(part)
            time.sleep(0.1)


def test_the_calls_of_a_client_of_grpc_are_handled(served: Served) -> None:
    relay, path, handler = served
    for number in range(3):
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert channel.unary_unary("/a/b")(bytes([number])) == bytes([number])
    assert (relay.count_unhandled(), handler.count) == (0, 3)


def test_a_call_that_arrives_with_the_end_of_its_connection_is_handled(served: Served) -> None:
    relay, path, handler = served
    connections = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for connection in connections:
        connection.connect(str(path))
    for connection in connections:
        connection.sendall(PREFACE + frame(SETTINGS, 0) + call(1))
        connection.close()
    assert (relay.count_unhandled(), handler.count) == (0, 20)


UNHANDLED = {
    "without a header that the engine does not read": [PREFACE + frame(SETTINGS, 0) + call(1, "te")],
    "without its path": [PREFACE + frame(SETTINGS, 0) + call(1, ":path")],
    "after the server ended": [frame(SETTINGS, 0), call(1)],
    "with an end of which the server does not know": [PREFACE + frame(GOAWAY, 0, bytes(8)), call(2)],
}


@pytest.mark.parametrize("way", UNHANDLED)
def test_a_call_that_the_server_rejects_is_not_handled(way: str, served: Served) -> None:
    relay, path, handler = served
    send(path, *UNHANDLED[way])
    assert relay.count_unhandled() > 0
    assert handler.count == 0


def test_a_connection_that_the_server_ends_counts(served: Served) -> None:
    relay, path, _ = served
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"x" * len(PREFACE))
        while connection.recv(100):
            pass
    assert relay.count_unhandled() == 1


def test_a_closed_relay_waits_for_no_call(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, path, _ = served
    monkeypatch.setattr(call_relay, "SECONDS", 3600)
    send(path, *UNHANDLED["without its path"])
    relay.close()
    assert relay.count_unhandled() > 0

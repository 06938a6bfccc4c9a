"""Tests of the relay that checks the bytes of clients, and counts the calls which they start."""

import errno
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from sandbox.engine import call_relay
from sandbox.engine.call_relay import HOST, CallCounts, CallRelay, open_relay
from sandbox.engine.http2_calls import END_HEADERS, HEADERS, Library, learn
from sandbox.engine.monitor_proxy import SERVER_OPTIONS
from sandbox.engine.program_main import CHANNEL_OPTIONS
from tests.support.sandbox.http2 import call, fields, frame, literals, opening

PING = 6


class Handler(grpc.GenericRpcHandler):
    """A handler that counts its calls, and answers with their requests."""

    def __init__(self, counts: CallCounts) -> None:
        self.counts = counts
        self.count = 0

    def service(self, handler_call_details: Any) -> "grpc.RpcMethodHandler[bytes, bytes]":
        self.count += 1
        self.counts.count(handled=1)
        return grpc.unary_unary_rpc_method_handler(self._echo)

    @staticmethod
    def _echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
        return request


@dataclass
class Served:
    """A relay with its path and its refusals, and the server behind it with its handler."""

    relay: CallRelay
    path: Path
    handler: Handler
    library: Library
    server: grpc.Server
    refusals: list[str]

    @property
    def opening(self) -> bytes:
        """The first bytes of a connection."""
        return opening(self.library)

    def call(self, *without: str) -> bytes:
        """Return the frames of a call that lacks some of its headers."""
        headers = [item for item in fields(self.library, "/a/b") if item[0].decode() not in without]
        return call(1, literals(headers))

    def send(self, *parts: bytes) -> None:
        """Send the parts to the server, and end the connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    return  # The relay has ended the connection.
                time.sleep(0.1)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Provide a relay and the server behind it."""
    monkeypatch.setattr(call_relay, "SECONDS", 0.5)
    counts = CallCounts()
    handler = Handler(counts)
    with ThreadPoolExecutor(4) as pool, TemporaryDirectory(prefix="relay-") as folder:
        path = Path(folder) / "it"
        server = grpc.server(pool, handlers=[handler], options=SERVER_OPTIONS)
        port = server.add_insecure_port(f"{HOST}:0")
        server.start()
        refusals: list[str] = []
        library = learn(path)
        with open_relay({path: frozenset({"/a/b"})}, port, counts, refusals.append) as relay:
            yield Served(relay, path, handler, library, server, refusals)
        server.stop(None).wait()


def test_the_calls_of_a_client_of_grpc_are_handled(served: Served) -> None:
    for number in range(3):
        client: Any = grpc.insecure_channel(f"unix:{served.path}", options=CHANNEL_OPTIONS)
        with client:
            method = client.unary_unary("/a/b")
            for size in (0, 1, 100_000, 3_000_000):
                assert method(bytes([number]) * size) == bytes([number]) * size
    assert served.relay.is_handled()
    assert (served.handler.count, served.refusals) == (12, [])


def test_a_call_that_arrives_with_the_end_of_its_connection_is_handled(served: Served) -> None:
    connections = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for connection in connections:
        connection.connect(str(served.path))
    for connection in connections:
        connection.sendall(served.opening + served.call())
        connection.close()
    assert served.relay.is_handled()
    assert (served.handler.count, served.refusals) == (20, [])


def test_what_the_library_does_not_send_is_refused_and_ends_the_connection(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.path))
        connection.sendall(served.opening + frame(PING, 0, bytes(8)))
        while connection.recv(100):
            pass
    served.send(served.opening + served.call("te"))
    served.send(b"GET / HTTP/1.1\r\n\r\n", b"x")
    served.relay.is_handled()
    assert served.handler.count == 0
    assert [refusal.partition(",")[0] for refusal in served.refusals] == [
        "the program sends the engine a frame of the type 6 with the flags 0x0",
        "the program sends the engine a call with other headers (te)",
        "the program sends the engine the start of another protocol",
    ]


def test_the_sdks_options_are_those_of_the_calls_that_are_expected(served: Served) -> None:
    with grpc.insecure_channel(f"unix:{served.path}") as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/a/b")(b"")
    assert "other settings of the connection" in served.refusals[0]


@pytest.mark.parametrize("size", [1, 40, 100])
def test_a_call_that_has_not_arrived_in_full_is_not_handled(size: int, served: Served) -> None:
    served.send((served.opening + served.call())[:-size])
    assert not served.relay.is_handled()
    assert served.refusals == []


def test_a_call_that_the_server_loses_is_not_handled(served: Served) -> None:
    served.handler.counts.count(started=1)
    assert not served.relay.is_handled()


def test_a_connection_that_the_server_ends_counts(served: Served) -> None:
    headers = literals(fields(served.library, "/a/b"))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.path))
        connection.sendall(served.opening + frame(HEADERS, 1, headers, END_HEADERS))
        while not served.handler.count:
            pass
        served.server.stop(None).wait()
        while connection.recv(100):
            pass
    assert not served.relay.is_handled()


def test_a_connection_that_is_still_open_counts(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.path))
        connection.sendall(served.opening)
        assert not served.relay.is_handled()
    assert served.relay.is_handled()


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (socket, "create_connection", OSError(errno.EMFILE, "Too many open files")),
        (CallRelay, "_pass_on", RuntimeError("can't start new thread")),
    ],
    ids=["descriptors", "threads"],
)
def test_a_connection_that_the_relay_lacks_the_means_to_serve_counts(
    place: object, name: str, error: Exception, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise error

    monkeypatch.setattr(place, name, fail)
    served.send(served.opening + served.call())
    assert not served.relay.is_handled()


def test_more_connections_than_the_relay_serves_are_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_relay, "MOST_CONNECTIONS", 3)
    connections = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for connection in connections:
        connection.connect(str(served.path))
    assert connections[3].recv(1) == b""
    for connection in connections:
        connection.close()
    assert served.relay.is_handled()
    assert set(served.refusals) == {call_relay.TOO_MANY}


def test_a_closed_relay_waits_for_no_call(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_relay, "SECONDS", 3600)
    served.handler.counts.count(started=1)
    served.relay.close()
    assert not served.relay.is_handled()

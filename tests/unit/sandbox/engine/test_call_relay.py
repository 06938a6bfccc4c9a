"""Tests of the relay that checks the bytes of clients, and counts the calls which they start."""

import errno
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from sandbox.engine import call_relay
from sandbox.engine.call_relay import HOST, NO_HANDLING, CallCounts, CallRelay, open_relay
from sandbox.engine.http2_calls import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    HEADERS,
    NO_ANSWER,
    Library,
    frames,
    learn,
)
from sandbox.engine.monitor_proxy import SERVER_OPTIONS
from sandbox.engine.program_main import CHANNEL_OPTIONS
from tests.support.sandbox.http2 import call, fields, frame, literals, message, opening

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


def connected(served: Served) -> socket.socket:
    """Return a connection to the relay."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(served.path))
    return connection


def await_answer(connection: socket.socket, stream: int) -> None:
    """Read the server's frames until the end of this call."""
    connection.settimeout(10)
    data = b""
    while not any(flags & END_STREAM and other == stream for _, flags, other, _ in frames(data)):
        data += connection.recv(2**16)


def test_the_calls_of_a_client_of_grpc_are_handled(served: Served) -> None:
    client: Any = grpc.insecure_channel(f"unix:{served.path}", options=CHANNEL_OPTIONS)
    with client:
        method = client.unary_unary("/a/b")
        for size in (0, 1, 65_530, 65_531, 100_000, 3_000_000):
            assert method(b"a" * size) == b"a" * size
        calls = [method.future(bytes([number]) * 300_000) for number in range(20)]
        assert [call.result()[:1] for call in calls] == [bytes([number]) for number in range(20)]
    assert served.relay.leftovers() == []
    assert (served.handler.count, served.refusals) == (26, [])


def test_a_call_whose_connection_ends_before_its_answer_is_left_over(served: Served) -> None:
    """The engine drops the call, even if the client has sent it in full."""
    with connected(served) as connection:
        connection.sendall(served.opening + served.call())
    assert served.relay.leftovers() == [NO_ANSWER.format("b")]
    assert served.refusals == []


def test_a_call_whose_answer_the_client_awaits_is_not_left_over(served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(served.opening + served.call())
        await_answer(connection, 1)
    assert served.relay.leftovers() == []


FOREIGN: dict[str, Callable[[Served], bytes]] = {
    "a frame of the type 6 with the flags 0x0": lambda served: served.opening + frame(PING, 0, bytes(8)),
    "a call with other headers (te)": lambda served: served.opening + served.call("te"),
    "the start of another protocol": lambda served: b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_the_library_does_not_send_is_refused_and_ends_the_connection(what: str, served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(FOREIGN[what](served))
        while connection.recv(100):
            pass
    connected(served).close()  # The library tries again. This is no further refusal.
    served.relay.leftovers()
    assert served.handler.count == 0
    assert [refusal.partition(", which")[0] for refusal in served.refusals] == [
        f"the program sends the engine {what}"
    ]


def test_the_sdks_options_are_those_of_the_calls_that_are_expected(served: Served) -> None:
    with grpc.insecure_channel(f"unix:{served.path}") as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/a/b")(b"")
    assert "other settings of the connection" in served.refusals[0]


@pytest.mark.parametrize("size", [1, 5])
def test_a_call_that_has_not_arrived_in_full_is_left_over(size: int, served: Served) -> None:
    served.send((served.opening + served.call())[:-size])
    assert NO_ANSWER.format("b") in served.relay.leftovers()
    assert served.refusals == []


def test_a_call_that_the_server_loses_is_not_handled(served: Served) -> None:
    served.handler.counts.count(started=1)
    assert served.relay.leftovers() == [NO_HANDLING]


def test_a_connection_that_the_server_ends_counts(served: Served) -> None:
    headers = literals(fields(served.library, "/a/b"))
    with connected(served) as connection:
        connection.sendall(served.opening + frame(HEADERS, 1, headers, END_HEADERS))
        while not served.handler.count:
            pass
        served.server.stop(None).wait()
        while connection.recv(100):
            pass
    assert served.relay.leftovers() == [NO_HANDLING]


def test_a_connection_that_is_still_open_counts(served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(served.opening)
        assert served.relay.leftovers() == [NO_HANDLING]
    assert served.relay.leftovers() == []


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
    assert served.relay.leftovers() == [NO_HANDLING]


@pytest.mark.parametrize("is_first_open", [True, False])
def test_a_second_connection_is_refused(is_first_open: bool, served: Served) -> None:
    first = connected(served)
    if not is_first_open:
        first.close()
    with first, connected(served) as second:
        assert second.recv(1) == b""
    assert served.relay.leftovers() == []
    assert served.refusals == [call_relay.SECOND]


def test_connections_that_the_relay_has_not_yet_accepted_count_at_the_end(served: Served) -> None:
    for _ in range(50):
        connected(served).close()
    assert served.relay.leftovers() == []
    assert served.refusals == [call_relay.SECOND]


@pytest.mark.parametrize("size", [0, 30])
def test_a_connection_without_its_first_frame_is_refused_after_a_time(
    size: int, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine ends it, too, but a call that comes later must not count here only."""
    monkeypatch.setattr(call_relay, "START_SECONDS", 0.3)
    with connected(served) as connection:
        connection.sendall(served.opening[:size])
        while connection.recv(100):
            pass
    assert served.refusals == [call_relay.SILENT]


def test_a_connection_may_be_silent_after_its_first_frame(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_relay, "START_SECONDS", 0.1)
    with connected(served) as connection:
        connection.sendall(served.opening)
        time.sleep(0.3)
        connection.sendall(served.call())
        await_answer(connection, 1)
    assert (served.relay.leftovers(), served.refusals) == ([], [])


def test_data_that_the_client_sends_without_waiting_for_the_server_are_limited(served: Served) -> None:
    """The engine ends a call whose data come before it allows them (grpc, internal/transport: onData)."""
    content = message(bytes(100_000))
    parts = [content[start : start + FRAME_BYTES] for start in range(0, len(content), FRAME_BYTES)]
    data = b"".join(frame(DATA, 1, part) for part in parts[:-1]) + frame(DATA, 1, parts[-1], END_STREAM)
    headers = literals(fields(served.library, "/a/b"))
    served.send(served.opening + frame(HEADERS, 1, headers, END_HEADERS) + data)
    served.relay.leftovers()
    assert [refusal.partition(", which")[0] for refusal in served.refusals] == [
        "the program sends the engine more data than it may"
    ]


def test_a_closed_relay_waits_for_no_call(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_relay, "SECONDS", 3600)
    served.handler.counts.count(started=1)
    served.relay.close()
    assert not served.handler.counts.wait_for_handlers()

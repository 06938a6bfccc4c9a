"""A relay in front of a gRPC server that counts the calls which the clients start.

A server of gRPC rejects some calls before any handler gets them, such as one without the header `te`. Another
implementation of gRPC answers them: the engine's server, to which a program speaks in a deployment, does not
read this header (google.golang.org/grpc, internal/transport/http2_server.go). So only a comparison of the
calls that arrive with those that the handlers got shows that the review has missed none.
"""

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""First bytes of a client (RFC 9113, section 3.4)."""

HEAD_BYTES = 9
"""Length of the head of a frame: three bytes with the length of the content, the type, the flags, and four
bytes with the stream (RFC 9113, section 4.1).
"""

HEADERS = 1
"""Type of the frames that start a stream. Each call has a stream of its own."""

SECONDS = 10
"""Seconds in which the server has to pass the last calls to their handlers."""

INTERVAL = 0.01
"""Seconds between two checks whether it has done so."""

CHUNK_BYTES = 2**16


class StreamCounter:
    """A reader of a client's bytes that counts the streams which the client starts."""

    def __init__(self) -> None:
        self._streams: set[bytes] = set()
        self._head = b""
        self._ignored = len(PREFACE)

    def feed(self, data: bytes) -> int:
        """Read the next bytes, and return the number of streams that they start."""
        before, position = len(self._streams), 0
        while position < len(data):
            if self._ignored:
                ignored = min(self._ignored, len(data) - position)
                self._ignored -= ignored
                position += ignored
                continue
            part = data[position : position + HEAD_BYTES - len(self._head)]
            self._head += part
            position += len(part)
            if len(self._head) == HEAD_BYTES:
                if self._head[3] == HEADERS:
                    self._streams.add(self._head[5:])
                self._ignored, self._head = int.from_bytes(self._head[:3], "big"), b""
        return len(self._streams) - before


class CallRelay:
    """A relay from the clients of a Unix socket at `path` to the server at a TCP port of this machine.

    `count_handled` returns the number of calls that the server's handlers have got. A connection that the
    server ends before the client counts as a call that no handler got: another server may go on.
    """

    def __init__(self, path: Path, port: int, count_handled: Callable[[], int]) -> None:
        self._path = path
        self._port = port
        self._count_handled = count_handled
        self._lock = threading.Lock()
        self._started = 0
        self._connections = 0
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(socket.SOMAXCONN)
        threading.Thread(target=self._accept, daemon=True).start()

    def count_unhandled(self) -> int:
        """Return the number of calls that no handler got, after the clients have ended."""
        with socket.socket(socket.AF_UNIX) as last, suppress(OSError):
            last.settimeout(SECONDS)
            last.connect(str(self._path))
            last.shutdown(socket.SHUT_WR)
            last.recv(1)  # The relay has accepted the connections before this one when it closes it.
        self._wait(lambda: not self._connections)
        self._wait(self._is_handled)
        with self._lock:
            return self._started - self._count_handled()

    def close(self) -> None:
        """Accept no further connections, and wait no longer for the calls of the others."""
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # The relay is closed.
            with self._lock:
                self._connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Pass the bytes of a client on until it closes the connection."""
        with client, suppress(OSError):
            try:
                self._pass_on(client)
            finally:
                with self._lock:
                    self._connections -= 1

    def _pass_on(self, client: socket.socket) -> None:
        if not (data := _receive(client)):
            return
        counter, ended = StreamCounter(), threading.Event()
        with socket.create_connection((HOST, self._port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(server, client, ended), daemon=True).start()
            while data:
                with self._lock:
                    self._started += counter.feed(data)
                with suppress(OSError):  # The client may start further calls when the server has ended.
                    server.sendall(data)
                data = _receive(client)
            # The server may drop a call that it has not yet passed to a handler when the connection ends.
            self._wait(self._is_handled)
            ended.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket, ended: threading.Event) -> None:
        """Pass the bytes of the server on until it or the client ends the connection."""
        while data := _receive(server):
            with suppress(OSError):
                client.sendall(data)
        if not ended.is_set():
            with self._lock:
                self._started += 1
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    def _is_handled(self) -> bool:
        with self._lock:
            return self._started <= self._count_handled()

    def _wait(self, is_true: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not is_true() and time.monotonic() < end:
            if self._closed.wait(INTERVAL):
                return


def _receive(connection: socket.socket) -> bytes:
    """Return the next bytes of a connection; none if it has ended."""
    try:
        return connection.recv(CHUNK_BYTES)
    except OSError:
        return b""


@contextmanager
def open_relay(path: Path, port: int, count_handled: Callable[[], int]) -> Generator[CallRelay]:
    """Open a relay at `path`, and close it and delete the socket at the end."""
    path.unlink(missing_ok=True)
    relay = CallRelay(path, port, count_handled)
    try:
        yield relay
    finally:
        relay.close()
        path.unlink(missing_ok=True)

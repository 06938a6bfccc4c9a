"""A relay in front of a gRPC server that checks the clients' bytes and counts the calls which they start.

It passes on only what the gRPC library of a Pulumi program sends (sandbox/engine/http2_calls.py). A server
of gRPC may still lose a call before any handler gets it. So only a comparison of the calls that arrive with
those that the handlers got shows that the review has missed none.
"""

import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from sandbox.engine.http2_calls import ClientReader, ForeignBytes, Library, learn

HOST = "127.0.0.1"

SECONDS = 10
"""Seconds in which the relay has to read all bytes of its clients, and the server to handle their calls."""

CHUNK_BYTES = 2**16

MOST_CONNECTIONS = 64
"""Largest number of connections to a service. The SDK opens one in each process. With more, the relay could
lack threads, memory or descriptors, or its queue could be full, so that it misses one.
"""

FOREIGN = (
    "the program sends the engine {}, which Pulumi's SDK does not: the engine may read this in another way "
    "than the review, or reject it"
)
"""Refusal of bytes that the SDK's gRPC library does not send."""

TOO_MANY = (
    f"the program opens more than {MOST_CONNECTIONS} connections to the engine, which the review does not "
    "serve; a deployment does"
)
"""Refusal of further connections."""


class CallCounts:
    """The connections of clients that are open, and the calls that the clients have started."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._connections = 0
        self._unhandled = 0
        self._is_closed = False

    def count(self, *, connections: int = 0, started: int = 0, handled: int = 0) -> None:
        """Add to the numbers of open connections, started calls, and calls that the server's handlers got."""
        with self._changed:
            self._connections += connections
            self._unhandled += started - handled
            self._changed.notify_all()

    def wait_for_handlers(self) -> bool:
        """Wait until the handlers have got all calls so far; return False if they do not in time."""
        return self._wait(lambda: not self._unhandled)

    def wait_for_end(self) -> bool:
        """Wait until all connections have ended, too; return False if they do not in time."""
        return self._wait(lambda: not self._connections and not self._unhandled)

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """True after nobody waits any longer."""
        return self._is_closed

    def _wait(self, is_true: Callable[[], bool]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: is_true() or self._is_closed, SECONDS)
            return is_true()


class CallRelay:
    """A relay from the clients of Unix sockets to the server at a TCP port of this machine.

    `methods` has the methods that clients may call at the path of each socket. `refuse` gets the reason when
    a client sends something else than the library of Pulumi's SDK; the relay then ends its connection. A
    connection that the server ends before the client counts as a call that no handler got: another server
    may go on. So does a connection that the relay cannot serve, such as for lack of threads or memory.
    """

    def __init__(
        self,
        methods: Mapping[Path, frozenset[str]],
        port: int,
        counts: CallCounts,
        refuse: Callable[[str], object],
    ) -> None:
        self._port = port
        self._counts = counts
        self._refuse = refuse
        self._listeners: dict[Path, socket.socket] = {}
        for path, allowed in methods.items():
            library = learn(path)
            listener = self._listeners[path] = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(socket.SOMAXCONN)
            arguments = (listener, library, allowed)
            threading.Thread(target=self._accept, args=arguments, daemon=True).start()

    def is_handled(self) -> bool:
        """Return True if handlers got all calls of the clients, which have ended."""
        return all(map(self._has_accepted, self._listeners)) and self._counts.wait_for_end()

    def close(self) -> None:
        """Accept no further connections, and wait no longer for the calls of the others."""
        self._counts.close()
        for listener in self._listeners.values():
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    @staticmethod
    def _has_accepted(path: Path) -> bool:
        """Wait until the relay has accepted all connections so far; return False if it does not in time."""
        with socket.socket(socket.AF_UNIX) as last:
            last.settimeout(SECONDS)
            try:
                last.connect(str(path))
                last.shutdown(socket.SHUT_WR)
                return last.recv(1) == b""  # The relay closes this connection after it has accepted it.
            except OSError:
                return False

    def _accept(self, listener: socket.socket, library: Library, methods: frozenset[str]) -> None:
        with self._losses():
            for number in count(1):
                client, _ = listener.accept()
                if number > MOST_CONNECTIONS:
                    client.close()
                    self._refuse(TOO_MANY)
                    continue
                self._counts.count(connections=1)
                arguments = (client, ClientReader(library, methods))
                threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, client: socket.socket, reader: ClientReader) -> None:
        """Pass the bytes of a client on until it closes the connection."""
        try:
            with self._losses(), client:
                self._pass_on(client, reader)
        finally:
            self._counts.count(connections=-1)

    @contextmanager
    def _losses(self, ended: threading.Event | None = None) -> Generator[None]:
        """Count a failure as a call that no handler got, unless the relay or the connection has ended."""
        try:
            yield
        except Exception:  # Whatever the error is, it may have lost a call that a deployment answers.
            if not self._counts.is_closed and not (ended and ended.is_set()):
                self._counts.count(started=1)

    def _pass_on(self, client: socket.socket, reader: ClientReader) -> None:
        if not (data := _receive(client)):
            return
        ended = threading.Event()
        with socket.create_connection((HOST, self._port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(server, client, ended), daemon=True).start()
            try:
                while data:
                    calls = reader.calls
                    checked = reader.feed(data)
                    if reader.calls > calls:
                        self._counts.count(started=reader.calls - calls)
                    with suppress(OSError):  # The client may start further calls when the server has ended.
                        server.sendall(checked)
                    data = _receive(client)
                if not reader.is_complete:
                    self._counts.count(started=1)
                # The server may drop a call that it has not yet passed to a handler when the connection ends.
                self._counts.wait_for_handlers()
            except ForeignBytes as error:
                if not self._counts.is_closed:
                    self._refuse(FOREIGN.format(error))
            finally:
                ended.set()
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket, ended: threading.Event) -> None:
        """Pass the bytes of the server on until it or the client ends the connection."""
        with self._losses(ended):
            while data := _receive(server):
                with suppress(OSError):
                    client.sendall(data)
            if not ended.is_set():
                self._counts.count(started=1)
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)


def _receive(connection: socket.socket) -> bytes:
    """Return the next bytes of a connection; none if it has ended."""
    try:
        return connection.recv(CHUNK_BYTES)
    except ConnectionError:
        return b""


@contextmanager
def open_relay(
    methods: Mapping[Path, frozenset[str]], port: int, counts: CallCounts, refuse: Callable[[str], object]
) -> Generator[CallRelay]:
    """Open a relay at the paths, and close it and delete the sockets at the end."""
    for path in methods:
        path.unlink(missing_ok=True)
    relay = CallRelay(methods, port, counts, refuse)
    try:
        yield relay
    finally:
        relay.close()
        for path in methods:
            path.unlink(missing_ok=True)

"""A relay in front of a gRPC server that checks the clients' bytes and counts the calls which they start.

It passes on only what the gRPC library of a Pulumi program sends (sandbox/engine/http2_calls.py), on one
connection to each service. So what breaks the connection of one call breaks all of the program, here and in
a deployment: the bytes, sockets and clocks of the two differ in more than anybody can list.

A server of gRPC may still lose a call before any handler gets it. So only a comparison of the calls that
arrive with those that the handlers got shows that the review has missed none.
"""

import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.engine.http2_calls import NO_ANSWER, ClientReader, Refusal, learn

HOST = "127.0.0.1"

SECONDS = 10
"""Seconds in which the relay has to read all bytes of its clients, and the server to handle their calls."""

CHUNK_BYTES = 2**16

START_SECONDS = 20
"""Seconds in which a client has to send the first frame of its connection. The engine ends a connection that
is silent for 120 seconds (google.golang.org/grpc, server.go: connectionTimeout).
"""

SECOND = "the program opens a second connection to a service of the engine: Pulumi's SDK uses a single one"
"""Refusal of further connections: the engine could lose the calls of one without harm to the others."""

SILENT = (
    "the program opens a connection to the engine and does not use it; Pulumi's SDK does so at once, and the "
    "engine ends it after a time"
)
"""Refusal of a connection without its first frame."""

NO_HANDLING = (
    "calls of the program did not arrive in full: they are not as Pulumi's SDK sends them, and the engine "
    "might answer them"
)
"""Refusal of calls that no handler got."""


class CallCounts:
    """The number of calls that the clients have started and that no handler has got yet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._unhandled = 0
        self._is_closed = False

    def count(self, *, started: int = 0, handled: int = 0) -> None:
        """Add to the numbers of started calls, and of calls that the server's handlers got."""
        with self._changed:
            self._unhandled += started - handled
            self._changed.notify_all()

    def wait_for_handlers(self) -> bool:
        """Wait until the handlers have got all calls so far; return False if they do not in time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unhandled or self._is_closed, SECONDS)
            return not self._unhandled

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """True after nobody waits any longer."""
        return self._is_closed


class CallRelay:
    """A relay from the clients of Unix sockets to the server at a TCP port of this machine.

    `methods` has the methods that the client may call at the path of each socket. `refuse` gets the reason
    when a client is the second one, or sends something else than the library of Pulumi's SDK; the relay then
    ends its connection. A connection that the server ends before the client counts as a call that no
    handler got. So does a connection that the relay cannot serve, such as for lack of threads or memory.
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
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._unanswered: list[str] = []
        self._is_rejected = False
        for path, allowed in methods.items():
            reader = ClientReader(learn(path), allowed)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(socket.SOMAXCONN)
            self._listeners.append(listener)
            self._start(self._accept, listener, reader)

    def leftovers(self) -> list[str]:
        """Return why a program may not have ended as it has, after its last process."""
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)  # The relay still gets the connections that wait for it.
        for thread in self._threads:  # A thread of a listener may add another one at the end.
            thread.join(SECONDS)
        is_handled = self._counts.wait_for_handlers() and not any(
            map(threading.Thread.is_alive, self._threads)
        )
        return [*map(NO_ANSWER.format, self._unanswered), *([] if is_handled else [NO_HANDLING])]

    def close(self) -> None:
        """Accept no further connections, and wait no longer for the calls of the others."""
        self._counts.close()
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _reject(self, reason: str) -> None:
        """Refuse a client, unless it is only the consequence of another refusal or of the end."""
        if not self._is_rejected and not self._counts.is_closed:
            self._is_rejected = True
            self._refuse(reason)

    def _accept(self, listener: socket.socket, reader: ClientReader) -> None:
        """Serve the first client, and refuse the others."""
        with self._losses():
            if client := _next_client(listener):
                self._start(self._serve, client, reader)
            while client := _next_client(listener):
                client.close()
                self._reject(SECOND)

    def _serve(self, client: socket.socket, reader: ClientReader) -> None:
        """Pass the bytes of a client on until it closes the connection."""
        with self._losses(), client, socket.create_connection((HOST, self._port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._pass_on(client, server, reader)
            except Refusal as refusal:
                self._reject(str(refusal))
            else:
                self._unanswered += reader.unanswered
                # The server may drop a log that it has not yet passed to a handler when the connection ends.
                self._counts.wait_for_handlers()

    @contextmanager
    def _losses(self) -> Generator[None]:
        """Count a failure as a call that no handler got, unless the relay has ended."""
        try:
            yield
        except Exception:  # Whatever the error is, it may have lost a call that a deployment answers.
            if not self._counts.is_closed:
                self._counts.count(started=1)

    def _pass_on(self, client: socket.socket, server: socket.socket, reader: ClientReader) -> None:
        """Pass bytes on until the client ends the connection."""
        poll = select.poll()
        for connection in (client, server):
            poll.register(connection, select.POLLIN)
        deadline = time.monotonic() + START_SECONDS
        while True:
            rest = None if reader.has_started else max(0, deadline - time.monotonic()) * 1000
            ready = [descriptor for descriptor, _ in poll.poll(rest)]
            if not reader.has_started and time.monotonic() > deadline:
                raise Refusal(SILENT)
            # The client has sent its bytes without knowledge of those that the server has sent meanwhile.
            if client.fileno() in ready:
                if not (data := _receive(client)):
                    return
                calls = reader.calls
                checked = reader.feed(data)
                self._counts.count(started=reader.calls - calls)
                with suppress(OSError):  # The server has ended; the next bytes of it are none.
                    server.sendall(checked)
            elif ready:
                if not (data := _receive(server)):
                    raise ConnectionError("the server has ended the connection")
                reader.read_server(data)
                with suppress(OSError):  # The client has ended; its last bytes may still have to be read.
                    client.sendall(data)


def _next_client(listener: socket.socket) -> socket.socket | None:
    """Return the next connection, or None when the listener is shut down and no connection waits."""
    try:
        return listener.accept()[0]
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


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

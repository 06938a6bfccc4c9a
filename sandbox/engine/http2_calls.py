"""A reader of a client's bytes that accepts only what the gRPC library of a Pulumi program sends.

Implementations of gRPC differ in the bytes that they reject, ignore, or take in another sense. The engine, to
which a program speaks in a deployment, is another implementation than the review's: it rejects compressed
messages, reads the header `user-agent`, and does not read the header `te` (google.golang.org/grpc,
internal/transport/http2_server.go). So the reader has no rules for the bytes of other clients: it refuses
them.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from sandbox.engine.program_main import CHANNEL_OPTIONS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""First bytes of a client (RFC 9113, section 3.4)."""

HEAD_BYTES = 9
"""Length of the head of a frame: three bytes with the length of the content, the type, the flags, and four
bytes with the stream (RFC 9113, section 4.1).
"""

FRAME_BYTES = 2**14
"""Length of the longest content that every peer accepts (RFC 9113, section 6.5.2)."""

SERVER_FRAME_BYTES = 2**24
"""Length that no content exceeds."""

DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
"""Types of the frames that the library sends (RFC 9113, section 6)."""

END_STREAM, ACK, END_HEADERS = 1, 1, 4
"""Flags of frames with data, settings and headers."""

FIRST_WINDOW, INITIAL_WINDOW_SIZE = 65_535, 4
"""Bytes of data that a peer may send on a connection and in each call before the other one allows more, and
the setting with another number for each call (RFC 9113, section 6.9.2).
"""

LARGEST_WINDOW = 2**31 - 1 - FIRST_WINDOW
"""Largest sum by which a client can widen the window of a connection (RFC 9113, section 6.9.1)."""

PREFIX_BYTES = 5
"""Length of the head of a message: a flag for compression, and four bytes with the length of the content."""

LITERAL, INDEXED = 0x40, 0x80
"""First bytes of the two forms of a header: a new one, and, added to its number, one of a table (RFC 7541,
sections 6.1 and 6.2.1).
"""

LONG_TEXT = 127
"""Length from which on further bytes have the rest of the length of a text. Greater ones belong to texts in
the code of Huffman, which the library does not write (RFC 7541, section 5).
"""

METHOD, SCHEME = (b":method", b"POST"), (b":scheme", b"http")
STATIC = {3: METHOD, 6: SCHEME}
"""The headers that the library takes from the standard's own table (RFC 7541, appendix A)."""

STATIC_FIELDS = 61
"""Number of headers in that table; the connection's own headers follow, the newest first."""

PATH = b":path"
EXAMPLE = "/example/Example"
"""Method of the call from which the headers of the library are known."""

START_SECONDS = 60
"""Seconds in which the library has to start this call."""

OWN_CONNECTIONS = ("grpc.use_local_subchannel_pool", 1)
"""Option that keeps a channel from the connections of others. gRPC else gives it the connection of an earlier
channel to the same path for a moment after that one is closed, and then fails the call without a new
connection (grpc/grpc, include/grpc/impl/channel_arg_names.h: GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL).
"""

END = "SignalAndWaitForShutdown"
"""Call by which the program says that it has registered all resources. From then on, the engine ignores an
error of the program, and it answers when it ends.
"""

LOG = "Log"
"""The call that a program may also make after END, and that may be without an answer when it ends."""

FOREIGN = (
    "the program sends the engine {}, which Pulumi's SDK does not: the engine may read this in another way "
    "than the review, or reject it"
)
"""Refusal of bytes that the SDK's gRPC library does not send."""

NO_ANSWER = (
    "{}: the program does not wait for the answer to this call: the engine drops calls whose connection ends"
)
"""Refusal of calls whose answers the program has not awaited (google.golang.org/grpc,
internal/transport/http2_server.go: HandleStreams).
"""

TOO_LATE = "{}: the program calls the engine after it has said that it has registered all resources"
"""Refusal of calls that the engine may get before or after it ends."""

SHOWN_BYTES = 80
"""Length of the longest part of a header that a message shows."""

Field = tuple[bytes, bytes]


class Refusal(Exception):
    """Something that no program with Pulumi's SDK sends; the text says why it is refused."""


class ForeignBytes(Refusal):
    """Bytes that the gRPC library of a program does not send; the argument says what they are."""

    def __str__(self) -> str:
        return FOREIGN.format(*self.args)


@dataclass(frozen=True)
class Library:
    """The bytes and headers that the gRPC library of this Python sends at the start of a connection.

    `settings` is the content of its first frame. `fields` are the headers of each call, whose method is the
    value of PATH.
    """

    settings: bytes
    fields: tuple[Field, ...]


class HeaderTable:
    """The headers that a client has sent on a connection, which later calls name by their numbers.

    It is a decoder of headers (RFC 7541) that knows only the forms that the library sends. Of other forms,
    such as a number with leading zeros, decoders differ in what they accept.
    """

    def __init__(self) -> None:
        self._fields: list[Field] = []

    def decode(self, block: bytes) -> tuple[Field, ...]:
        """Return the headers that the content of a frame stands for."""
        fields: list[Field] = []
        position = 0
        while position < len(block):
            form = block[position]
            position += 1
            if form >= INDEXED:
                fields.append(self._field(form - INDEXED))
                continue
            if form != LITERAL:
                raise ForeignBytes(f"a header of the form {form:#x}")
            name, position = _text(block, position)
            value, position = _text(block, position)
            # The table stays so small that no entry is ever dropped.
            if (name, value) in self._fields:
                raise ForeignBytes("a header that it has sent before, in full")
            self._fields.append((name, value))
            fields.append((name, value))
        return tuple(fields)

    def _field(self, index: int) -> Field:
        if index in STATIC:
            return STATIC[index]
        if not 0 < index - STATIC_FIELDS <= len(self._fields):
            raise ForeignBytes(f"a header with the number {index}")
        return self._fields[STATIC_FIELDS - index]


@dataclass
class _Message:
    """The part of a call's message that has arrived, and the bytes of data that may still arrive."""

    window: int
    prefix: bytes = b""
    size: int = 0

    def add(self, content: bytes, is_last: bool) -> None:
        """Add the content of a frame, which ends the call if and only if the message is complete."""
        self.size += len(content)
        self.prefix += content[: PREFIX_BYTES - len(self.prefix)]
        missing = PREFIX_BYTES + int.from_bytes(self.prefix[1:], "big") - self.size
        if len(self.prefix) < PREFIX_BYTES:
            missing = 1
        if not content or missing < 0 or is_last != (missing == 0):
            raise ForeignBytes("a call without exactly one message")
        if self.prefix[0]:  # The flag for compression.
            raise ForeignBytes("a compressed message")


class ClientReader:
    """A reader of the bytes of a connection, which raises ForeignBytes if `library` does not send them.

    Calls in an order that the SDK does not use are another Refusal. `methods` are the paths of the methods
    that the client may call.
    """

    def __init__(self, library: Library, methods: frozenset[str]) -> None:
        self._library = library
        self._expected = {
            tuple((name, path.encode()) if name == PATH else (name, value) for name, value in library.fields)
            for path in methods
        }
        self._pending = b""
        self._is_open = False
        self._has_settings = False
        self._table = HeaderTable()
        self._messages: dict[int, _Message] = {}  # by stream
        self._names: dict[int, str] = {}  # of calls without an answer, by stream
        self._client_window = 0
        self._server_window = self._first_window = FIRST_WINDOW
        self._server_pending = b""
        self._has_ended = False
        self.calls = 0
        """The number of calls that the client has started."""

    @property
    def has_started(self) -> bool:
        """True after the first frame of the client."""
        return self._has_settings

    @property
    def unanswered(self) -> list[str]:
        """The names of the calls other than LOG that the server has not answered."""
        return [name for name in self._names.values() if name != LOG]

    def feed(self, data: bytes) -> bytes:
        """Read the next bytes; return those of the frames that are complete now."""
        self._pending += data
        position = 0
        if not self._is_open:
            position = min(len(PREFACE), len(self._pending))
            if self._pending[:position] != PREFACE[:position]:
                raise ForeignBytes("the start of another protocol")
            if position < len(PREFACE):
                return b""
            self._is_open = True
        for kind, flags, stream, content in frames(self._pending[position:]):
            self._read(kind, flags, stream, content)
            position += HEAD_BYTES + len(content)
        complete, self._pending = self._pending[:position], self._pending[position:]
        return complete

    def read_server(self, data: bytes) -> None:
        """Read the next bytes of the server, which allow the client more data, or answer its calls."""
        self._server_pending += data
        position = 0
        for kind, flags, stream, content in frames(self._server_pending, SERVER_FRAME_BYTES):
            if kind == SETTINGS:
                self._read_server_settings(content)
            elif kind == WINDOW_UPDATE and not stream:
                self._server_window += int.from_bytes(content, "big")
            elif kind == WINDOW_UPDATE and stream in self._messages:
                self._messages[stream].window += int.from_bytes(content, "big")
            elif kind in (DATA, HEADERS) and flags & END_STREAM and stream not in self._messages:
                self._names.pop(stream, None)
            position += HEAD_BYTES + len(content)
        self._server_pending = self._server_pending[position:]

    def _read_server_settings(self, content: bytes) -> None:
        for setting, value in struct.iter_unpack(">HI", content):
            if setting == INITIAL_WINDOW_SIZE:
                for message in self._messages.values():
                    message.window += value - self._first_window
                self._first_window = value

    def _read(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if not self._has_settings:
            if (kind, flags, stream, content) != (SETTINGS, 0, 0, self._library.settings):
                raise ForeignBytes("other settings of the connection")
            self._has_settings = True
        elif kind == DATA:
            self._read_data(flags, stream, content)
        elif kind == HEADERS:
            self._read_headers(flags, stream, content)
        elif kind == WINDOW_UPDATE:
            self._read_window(flags, stream, content)
        elif (kind, flags, stream, content) != (SETTINGS, ACK, 0, b""):
            raise ForeignBytes(f"a frame of the type {kind} with the flags {flags:#x}")

    def _read_headers(self, flags: int, stream: int, content: bytes) -> None:
        if flags != END_HEADERS or stream != 2 * self.calls + 1:
            raise ForeignBytes(f"headers of the stream {stream} with the flags {flags:#x}")
        fields = self._table.decode(content)
        if fields not in self._expected:
            raise ForeignBytes(f"a call with {_difference(fields, self._library.fields)}")
        name = dict(fields)[PATH].decode().rpartition("/")[2]
        self._check_order(name)
        self.calls += 1
        self._messages[stream] = _Message(self._first_window)
        self._names[stream] = name

    def _check_order(self, name: str) -> None:
        """Refuse a call after END, and END before the answers to the other calls."""
        if self._has_ended and name != LOG:
            raise Refusal(TOO_LATE.format(name))
        if name == END:
            self._has_ended = True
            if others := self.unanswered:
                raise Refusal(NO_ANSWER.format(others[0]))

    def _read_data(self, flags: int, stream: int, content: bytes) -> None:
        if flags & ~END_STREAM or stream not in self._messages:
            raise ForeignBytes(f"data of the stream {stream} with the flags {flags:#x}")
        message = self._messages[stream]
        message.window -= len(content)
        self._server_window -= len(content)
        if message.window < 0 or self._server_window < 0:
            raise ForeignBytes("more data than it may")
        message.add(content, bool(flags))
        if flags:
            del self._messages[stream]

    def _read_window(self, flags: int, stream: int, content: bytes) -> None:
        increment = int.from_bytes(content, "big")
        is_known = not stream or (stream % 2 and stream < 2 * self.calls)
        if flags or len(content) != 4 or not is_known or not 0 < increment <= LARGEST_WINDOW:
            raise ForeignBytes("a window that is not allowed")
        self._client_window += increment if not stream else 0
        if self._client_window > LARGEST_WINDOW:
            raise ForeignBytes("a window that is not allowed")


def frames(data: bytes, longest: int = FRAME_BYTES) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield the type, the flags, the stream and the content of each complete frame."""
    start = 0
    while len(data) - start >= HEAD_BYTES:
        content = start + HEAD_BYTES
        size = int.from_bytes(data[start : start + 3], "big")
        if size > longest:
            raise ForeignBytes(f"a frame of {size} bytes")
        if len(data) < content + size:
            return
        yield (
            data[start + 3],
            data[start + 4],
            int.from_bytes(data[start + 5 : content], "big"),
            data[content : content + size],
        )
        start = content + size


def learn(path: Path) -> Library:
    """Have the gRPC library start a call at a socket, which exists meanwhile, and return what it sends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(START_SECONDS)
        try:
            options = [*CHANNEL_OPTIONS, OWN_CONNECTIONS]
            library: Any = grpc.insecure_channel(f"unix:{path}", options=options)
            with library:
                call = library.unary_unary(EXAMPLE).future(b"")
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(START_SECONDS)
                    sent = _first_call(connection)
                    # Else the library could open another connection, which the program's relay would get.
                    call.cancel()
                    library.close()
        finally:
            path.unlink()
    return sent


def _first_call(connection: socket.socket) -> Library:
    """Return what a client sends until the headers of its first call."""
    connection.sendall(bytes([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]))
    data = b""
    while True:
        contents: dict[int, bytes] = {}
        for kind, _, _, content in frames(data[len(PREFACE) :]):
            contents.setdefault(kind, content)
        if HEADERS in contents:
            return Library(contents[SETTINGS], HeaderTable().decode(contents[HEADERS]))
        if not (part := connection.recv(FRAME_BYTES)):
            raise ConnectionError("the gRPC library has ended its own connection")
        data += part


def _text(block: bytes, start: int) -> tuple[bytes, int]:
    """Return a text and the position after it."""
    size, position = block[start] if start < len(block) else 0, start + 1
    if size > LONG_TEXT:
        raise ForeignBytes("a header in the code of Huffman")
    if size == LONG_TEXT:
        # A number of at most two bytes, seven bits in each, the lowest first (RFC 7541, section 5.1).
        low, high = (*block[position : position + 2], 0, 0)[:2]
        is_short = low <= LONG_TEXT
        size += low if is_short else low - LONG_TEXT - 1 + high * (LONG_TEXT + 1)
        position += 1 if is_short else 2
        if not is_short and not 0 < high <= LONG_TEXT:
            raise ForeignBytes("a length in another form")
    if position + size > len(block):
        raise ForeignBytes("a header without its end")
    return block[position : position + size], position + size


def _difference(fields: tuple[Field, ...], expected: tuple[Field, ...]) -> str:
    """Return the names of the headers that differ from those of the library."""
    others = [field for field in fields if field not in expected and field[0] != PATH]
    missing = [field for field in expected if field not in fields and field[0] != PATH]
    names = dict.fromkeys(_shown(name) for name, _ in [*others, *missing])
    if names:
        return f"other headers ({', '.join(names)})"
    return f"a method of another service, or another order of headers ({_shown(dict(fields).get(PATH, b''))})"


def _shown(text: bytes) -> str:
    return text[:SHOWN_BYTES].decode("ascii", "replace")

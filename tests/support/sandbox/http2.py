"""Bytes of HTTP/2 as the gRPC library of a Pulumi program sends them, and others."""

import struct
from collections.abc import Iterable

from sandbox.engine.http2_calls import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    LITERAL,
    LONG_TEXT,
    PATH,
    PREFACE,
    SETTINGS,
    Field,
    Library,
)


def frame(kind: int, stream: int, content: bytes = b"", flags: int = 0) -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def fields(library: Library, path: str) -> tuple[Field, ...]:
    """Return the library's headers of a call."""
    return tuple((name, path.encode() if name == PATH else value) for name, value in library.fields)


def text(value: bytes) -> bytes:
    """Return the code of a text (RFC 7541, section 5.2)."""
    rest = len(value) - LONG_TEXT
    if rest < 0:
        return bytes([len(value)]) + value
    number = bytes([rest]) if rest <= LONG_TEXT else bytes([rest % 128 + 128, rest // 128])
    return bytes([LONG_TEXT]) + number + value


def literals(headers: Iterable[Field]) -> bytes:
    """Return the code of headers that the connection has not sent before (RFC 7541, section 6.2.1)."""
    return b"".join(bytes([LITERAL]) + text(name) + text(value) for name, value in headers)


def opening(library: Library) -> bytes:
    """Return the first bytes of a connection."""
    return PREFACE + frame(SETTINGS, 0, library.settings) + frame(SETTINGS, 0, flags=ACK)


def message(content: bytes = b"", flag: int = 0) -> bytes:
    """Return a message as a call has it in its data."""
    return bytes([flag]) + struct.pack(">I", len(content)) + content


def call(stream: int, headers: bytes, data: bytes = message()) -> bytes:
    """Return the frames of a call with these headers in code."""
    return frame(HEADERS, stream, headers, END_HEADERS) + frame(DATA, stream, data, END_STREAM)

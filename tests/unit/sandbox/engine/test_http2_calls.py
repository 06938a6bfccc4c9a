"""Tests of the reader that accepts only what the gRPC library of a Pulumi program sends."""

from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from sandbox.engine import http2_calls
from sandbox.engine.http2_calls import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    FRAME_BYTES,
    HEADERS,
    INDEXED,
    LITERAL,
    METHOD,
    NO_ANSWER,
    PATH,
    PREFACE,
    SETTINGS,
    TOO_LATE,
    WINDOW_UPDATE,
    ClientReader,
    Field,
    ForeignBytes,
    HeaderTable,
    Library,
    Refusal,
    learn,
)
from tests.support.sandbox.http2 import call, fields, frame, literals, message, opening, text

METHODS = frozenset({"/a/b", "/a/c"})
PRIORITY, RST_STREAM, PUSH_PROMISE, PING, GOAWAY, CONTINUATION, UNKNOWN = 2, 3, 5, 6, 7, 9, 0xBB
PADDED, WITH_PRIORITY = 8, 32
NUMBERS = bytes(range(INDEXED + 69, INDEXED + 61, -1))
"""Code of the eight headers of a first call, in their order: the table has the newest one first."""


def learned() -> Library:
    """Return what the library of this Python sends."""
    with TemporaryDirectory(prefix="http2-") as folder:
        return learn(Path(folder) / "it")


LIBRARY = learned()
BLOCK = literals(fields(LIBRARY, "/a/b"))
OPENING = opening(LIBRARY)
START = OPENING + frame(HEADERS, 1, BLOCK, END_HEADERS)


def read(data: bytes) -> ClientReader:
    """Return a reader that has read these bytes."""
    reader = ClientReader(LIBRARY, METHODS)
    reader.feed(data)
    return reader


def test_it_knows_the_headers_of_the_own_library() -> None:
    names = [name.decode() for name, _ in LIBRARY.fields]
    assert sorted(names) == [
        ":authority",
        ":method",
        ":path",
        ":scheme",
        "content-type",
        "grpc-accept-encoding",
        "te",
        "user-agent",
    ]
    agent = dict(LIBRARY.fields)[b"user-agent"].decode()
    assert agent.startswith(f"grpc-python/{grpc.__version__} grpc-c/")


def test_it_learns_the_same_from_each_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2_calls, "START_SECONDS", 5)
    with TemporaryDirectory(prefix="http2-") as folder:
        libraries = [learn(Path(folder) / "it") for _ in range(100)]
    assert all(library == libraries[0] for library in libraries)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_returns_and_counts_complete_frames_whatever_the_parts_are(size: int) -> None:
    content = b"x" * 300
    calls = call(1, BLOCK, message(content)) + frame(WINDOW_UPDATE, 1, b"\0\0\0\1") + call(3, NUMBERS)
    split = frame(HEADERS, 5, NUMBERS, END_HEADERS)
    split += b"".join(frame(DATA, 5, bytes([byte])) for byte in message(b"ab")[:-1])
    split += frame(DATA, 5, b"b", END_STREAM)
    data = OPENING + frame(WINDOW_UPDATE, 0, b"\0\1\0\0") + calls + split
    reader = ClientReader(LIBRARY, METHODS)
    parts = [reader.feed(data[start : start + size]) for start in range(0, len(data), size)]
    assert (b"".join(parts), reader.calls) == (data, 3)
    assert reader.unanswered == ["b", "b", "b"]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_knows_which_calls_the_server_has_answered(size: int) -> None:
    reader = read(OPENING + call(1, BLOCK) + call(3, NUMBERS) + call(5, NUMBERS) + call(7, NUMBERS))
    answers = frame(SETTINGS, 0) + frame(HEADERS, 1, b"", END_HEADERS | END_STREAM)
    answers += frame(HEADERS, 3, b"", END_HEADERS) + frame(DATA, 3, bytes(2 * FRAME_BYTES))
    assert len(reader.unanswered) == 4
    for start in range(0, len(answers), size):
        reader.read_server(answers[start : start + size])
    assert len(reader.unanswered) == 3
    reader.read_server(frame(RST_STREAM, 5, bytes(4)) + frame(DATA, 3, b"", END_STREAM))
    assert len(reader.unanswered) == 2


def test_an_answer_before_the_end_of_a_call_is_none() -> None:
    reader = read(START + frame(DATA, 1, message(b"abc")[:-1]))
    reader.read_server(frame(HEADERS, 1, b"", END_HEADERS | END_STREAM))
    assert reader.unanswered == ["b"]


END_PATH, LOG_PATH = f"/a/{http2_calls.END}", f"/a/{http2_calls.LOG}"
ORDERS = {
    "a call after the last one": ([END_PATH, "/a/b"], TOO_LATE.format("b")),
    "the last one twice": ([END_PATH, END_PATH], TOO_LATE.format(http2_calls.END)),
    "the last one before an answer": (["/a/b", END_PATH], NO_ANSWER.format("b")),
    "logs": ([LOG_PATH, END_PATH, LOG_PATH], ""),
}


@pytest.mark.parametrize("way", ORDERS)
def test_the_last_call_comes_after_all_answers_and_before_logs_only(way: str) -> None:
    paths, refusal = ORDERS[way]
    reader, table, data = ClientReader(LIBRARY, METHODS | {END_PATH, LOG_PATH}), list[Field](), OPENING
    for number, path in enumerate(paths):
        block = b""
        for field in fields(LIBRARY, path):
            if field in table:
                block += bytes([INDEXED + 61 + len(table) - table.index(field)])
            else:
                table.append(field)
                block += literals([field])
        data += call(2 * number + 1, block)
    if not refusal:
        reader.feed(data)
        assert reader.unanswered == [http2_calls.END]
        return
    with pytest.raises(Refusal) as error:
        reader.feed(data)
    assert str(error.value) == refusal


CONTENT = message(bytes(80_000))
LONG = START + b"".join(
    frame(DATA, 1, CONTENT[start : min(start + FRAME_BYTES, FIRST_WINDOW)])
    for start in range(0, FIRST_WINDOW, FRAME_BYTES)
)
"""A call with as much of its message as a client may send at first."""


def window(stream: int, increment: int) -> bytes:
    """Return a frame that allows more data."""
    return frame(WINDOW_UPDATE, stream, increment.to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("answer", "is_allowed"),
    [
        (b"", False),
        (window(0, 1), False),
        (window(1, 1), False),
        (window(0, 1) + window(3, 1), False),
        (window(0, 1) + window(1, 1), True),
        (window(0, 1) + frame(SETTINGS, 0, b"\0\4\0\1\0\0"), True),
    ],
)
def test_a_client_sends_only_the_data_that_the_server_allows(answer: bytes, is_allowed: bool) -> None:
    reader = read(LONG)
    reader.read_server(answer)
    if is_allowed:
        reader.feed(frame(DATA, 1, b"x"))
    with pytest.raises(ForeignBytes, match="more data than it may"):
        reader.feed(frame(DATA, 1, b"x"))


@pytest.mark.parametrize("size", [126, 127, 128, 254, 255, 256, 5000])
def test_texts_of_any_length_are_decoded(size: int) -> None:
    field = (b"a", b"x" * size)
    assert HeaderTable().decode(literals([field])) == (field,)


def without(*names: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a call without some of them."""
    return [field for field in fields(LIBRARY, "/a/b") if field[0] not in names]


HEADER_LISTS = {
    "without te": without(b"te"),
    "without a user agent": without(b"user-agent"),
    "of another language": [*without(b"user-agent"), (b"user-agent", b"grpc-node-js/1.8.16")],
    "compressed": [*fields(LIBRARY, "/a/b"), (b"grpc-encoding", b"deflate")],
    "with a deadline": [*fields(LIBRARY, "/a/b"), (b"grpc-timeout", b"1n")],
    "with metadata": [*fields(LIBRARY, "/a/b"), (b"pulumi-runtime", b"nodejs")],
    "with binary metadata": [*fields(LIBRARY, "/a/b"), (b"a-bin", b"%")],
    "with a host": [*fields(LIBRARY, "/a/b"), (b"host", b"localhost")],
    "with two authorities": [*fields(LIBRARY, "/a/b"), (b":authority", b"localhost")],
    "with a connection": [*fields(LIBRARY, "/a/b"), (b"connection", b"close")],
    "with another method of HTTP": [*without(METHOD[0]), (b":method", b"PUT")],
    "with another scheme": [*without(b":scheme"), (b":scheme", b"https")],
    "with another content type": [*without(b"content-type"), (b"content-type", b"application/grpc+json")],
    "of another service": [*fields(LIBRARY, "/b/b")],
    "without a path": without(PATH),
    "in another order": [*reversed(fields(LIBRARY, "/a/b"))],
    "without headers": [],
}


@pytest.mark.parametrize("way", HEADER_LISTS)
def test_other_headers_are_foreign(way: str) -> None:
    with pytest.raises(ForeignBytes, match=r"a call with (other headers|a method of another service)"):
        read(OPENING + call(1, literals(HEADER_LISTS[way])))


FIRST = literals([(PATH, b"/a/b")])
REST = literals(fields(LIBRARY, "/a/b")[1:])
BLOCKS = {
    "not indexed": b"\x00" + FIRST[1:] + REST,
    "never indexed": b"\x10" + FIRST[1:] + REST,
    "with the name of a table": b"\x44" + text(b"/a/b") + REST,
    "with a new size of the table": b"\x3f\xe1\x1f" + BLOCK,
    "with a number of the standard's table": BLOCK + b"\x82",
    "with the number 0": BLOCK + b"\x80",
    "with a number that is not in the table": BLOCK + b"\xc6",
    "with a long number": BLOCK + b"\xff\x00",
    "in the code of Huffman": b"\x40\x84" + FIRST[2:] + REST,
    "with leading zeros in a length": bytes([LITERAL, 127, 128, 0]) + b"x" * 127 + BLOCK,
    "with a length of three bytes": bytes([LITERAL, 127, 128, 128, 1]) + BLOCK,
    "cut off": BLOCK[:-1],
    "cut off in a length": BLOCK + bytes([LITERAL, 127]),
    "twice in full": BLOCK + FIRST,
}


@pytest.mark.parametrize("way", BLOCKS)
def test_another_code_of_headers_is_foreign(way: str) -> None:
    with pytest.raises(ForeignBytes, match=r"a header|a length"):
        read(OPENING + call(1, BLOCKS[way]))


STARTS = {
    "another protocol": b"GET / HTTP/1.1\r\n",
    "no settings": PREFACE + call(1, BLOCK),
    "other settings": PREFACE + frame(SETTINGS, 0, LIBRARY.settings[:-6]),
    "settings of a stream": PREFACE + frame(SETTINGS, 1, LIBRARY.settings),
    "settings twice": OPENING + frame(SETTINGS, 0, LIBRARY.settings),
    "an acknowledgement with settings": OPENING + frame(SETTINGS, 0, LIBRARY.settings, ACK),
    "a long frame": START + frame(DATA, 1, bytes(FRAME_BYTES + 1)),
    "a long frame that has not arrived": START + frame(DATA, 1, bytes(FRAME_BYTES + 1))[:9],
    "padding of headers": OPENING + frame(HEADERS, 1, b"\0" + BLOCK, END_HEADERS | PADDED),
    "headers with a priority": OPENING + frame(HEADERS, 1, bytes(5) + BLOCK, END_HEADERS | WITH_PRIORITY),
    "headers without a message": OPENING + frame(HEADERS, 1, BLOCK, END_HEADERS | END_STREAM),
    "headers in parts": OPENING + frame(HEADERS, 1, BLOCK[:9]),
    "a stream of the server": OPENING + frame(HEADERS, 2, BLOCK, END_HEADERS),
    "a stream left out": OPENING + frame(HEADERS, 3, BLOCK, END_HEADERS),
    "a stream with the reserved bit": OPENING + frame(HEADERS, 2**31 + 1, BLOCK, END_HEADERS),
    "headers twice": START + frame(HEADERS, 1, NUMBERS, END_HEADERS),
    "data of no stream": OPENING + frame(DATA, 1, message(), END_STREAM),
    "data after the end": OPENING + call(1, BLOCK) + frame(DATA, 1, message(), END_STREAM),
    "padding of data": START + frame(DATA, 1, b"\0" + message(), END_STREAM | PADDED),
    "empty data": START + frame(DATA, 1),
    "no message": START + frame(DATA, 1, message()[:-1], END_STREAM),
    "part of a message": START + frame(DATA, 1, message(b"abc")[:-1], END_STREAM),
    "a message without the end of its stream": START + frame(DATA, 1, message(b"abc")),
    "two messages": START + frame(DATA, 1, message() * 2, END_STREAM),
    "two messages without an end": START + frame(DATA, 1, message() * 2),
    "a compressed message": START + frame(DATA, 1, message(b"abc", 1), END_STREAM),
    "an empty window": OPENING + frame(WINDOW_UPDATE, 0, bytes(4)),
    "a window with the reserved bit": OPENING + frame(WINDOW_UPDATE, 0, b"\xff\xff\xff\xff"),
    "a window of another length": OPENING + frame(WINDOW_UPDATE, 0, b"\0\0\0\0\1"),
    "a window of no stream": OPENING + frame(WINDOW_UPDATE, 1, b"\0\0\0\1"),
    "a window with flags": OPENING + frame(WINDOW_UPDATE, 0, b"\0\0\0\1", 1),
    "a window that is too large": OPENING + frame(WINDOW_UPDATE, 0, b"\x3f\xff\xff\xff") * 3,
} | {
    f"a frame of the type {kind}": START + frame(kind, stream, bytes(size))
    for kind, stream, size in (
        (PRIORITY, 1, 5),
        (RST_STREAM, 1, 4),
        (PUSH_PROMISE, 1, 4),
        (PING, 0, 8),
        (GOAWAY, 0, 8),
        (CONTINUATION, 1, 0),
        (UNKNOWN, 0, 0),
    )
}


@pytest.mark.parametrize("way", STARTS)
def test_other_frames_are_foreign(way: str) -> None:
    with pytest.raises(ForeignBytes):
        read(STARTS[way])


def test_the_message_names_the_headers_that_differ() -> None:
    with pytest.raises(ForeignBytes, match=r"sends the engine a call with other headers \(te\), which"):
        read(OPENING + call(1, literals(without(b"te"))))
    with pytest.raises(
        ForeignBytes, match=r"of another service, or another order of headers \(/b/b\), which"
    ):
        read(OPENING + call(1, literals(fields(LIBRARY, "/b/b"))))

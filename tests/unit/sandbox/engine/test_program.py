"""Tests of the language server that has a program evaluated in another process."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.runtime.proto import language_pb2

from sandbox.engine.monitor_proxy import NO_END
from sandbox.engine.program import ENDED, ERRORS, SERVICE, SERVICES, RemoteProgram
from sandbox.engine.program_main import COMPLETED, FAILED
from sandbox.engine.program_process import LENGTH_BYTES, PROCESSES_LEFT, STARTED
from sandbox.summary import PROGRAM_FAILED


@pytest.fixture
def sockets() -> Iterator[Path]:
    # The path of a Unix socket has at most 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="sockets-") as folder:
        (Path(folder) / SERVICES).mkdir()
        yield Path(folder)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        (STARTED + bytes([COMPLETED]), NO_END),
        (STARTED + bytes([FAILED]), PROGRAM_FAILED),
        (STARTED + bytes([PROCESSES_LEFT]), ERRORS[PROCESSES_LEFT]),
        (STARTED + bytes([0]), ENDED),
        (STARTED, ENDED),
        (bytes([COMPLETED]) * 2, ENDED),
        (b"", ENDED),
    ],
)
def test_a_program_knows_no_preview_and_fails_if_its_process_or_its_calls_have_not_completed_it(
    messages: bytes, error: str, sockets: Path
) -> None:
    requests: list[language_pb2.RunRequest] = []

    def serve() -> None:
        with listener.accept()[0] as connection, connection.makefile("rb") as stream:
            connection.sendall(messages[:1])
            if messages:
                length = int.from_bytes(stream.read(LENGTH_BYTES), "big")
                requests.append(language_pb2.RunRequest.FromString(stream.read(length)))
                connection.sendall(messages[1:])

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sockets / SERVICE))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        request = language_pb2.RunRequest(monitor_address="127.0.0.1:1", args=["127.0.0.1:1"], dryRun=True)
        program = RemoteProgram(sockets, sockets / "failed")
        assert program.Run(request, None) == language_pb2.RunResponse(error=error)
        thread.join()
        program.wait()
        assert program.error == error, "the engine may ignore the error in the response"
    assert not any(request.dryRun for request in requests), "the program does not learn that it is previewed"


def test_the_end_of_a_program_that_the_engine_stopped_is_no_error(sockets: Path) -> None:
    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.sendall(STARTED)

    def add_callback(_end: Any) -> bool:
        return True

    stopped = SimpleNamespace(add_callback=add_callback, is_active=lambda: False)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sockets / SERVICE))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        request = language_pb2.RunRequest(monitor_address="127.0.0.1:1", args=["127.0.0.1:1"])
        program = RemoteProgram(sockets, sockets / "failed")
        program.Run(request, stopped)
        thread.join()
    assert program.error == ""

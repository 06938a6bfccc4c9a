"""Tests of the language server that has a program evaluated in another process."""

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from sandbox.engine.program import SERVICE, SERVICES, RemoteProgram
from sandbox.summary import PROGRAM_FAILED


class Program(language_pb2_grpc.LanguageRuntimeServicer):
    """The other process, with the response that a test sets, and the last request."""

    response = language_pb2.RunResponse()
    request = language_pb2.RunRequest()

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        self.request = request
        return self.response


@pytest.fixture
def sockets() -> Iterator[Path]:
    # The path of a Unix socket has at most 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="sockets-") as folder:
        (Path(folder) / SERVICES).mkdir()
        yield Path(folder)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (language_pb2.RunResponse(), ""),
        (language_pb2.RunResponse(bail=True), PROGRAM_FAILED),
        (language_pb2.RunResponse(error="of the program"), PROGRAM_FAILED),
    ],
)
def test_a_program_knows_no_preview_and_cannot_fail_without_an_error(
    response: language_pb2.RunResponse, error: str, sockets: Path
) -> None:
    program = Program()
    program.response = response
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(program, server)
    server.add_insecure_port(f"unix:{sockets / SERVICE}")
    server.start()
    try:
        request = language_pb2.RunRequest(monitor_address="127.0.0.1:1", args=["127.0.0.1:1"], dryRun=True)
        assert RemoteProgram(sockets).Run(request, None) == language_pb2.RunResponse(error=error)
        assert not program.request.dryRun, "the program does not learn that it is previewed"
    finally:
        server.stop(0)

"""Tests of the language server that has a program evaluated in another process."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2, resource_pb2, resource_pb2_grpc

from sandbox.engine.monitor_proxy import NO_END
from sandbox.engine.program import (
    ENDED,
    ERRORS,
    EXECUTED_CODE,
    FAILED_AFTER_END,
    SERVICE,
    SERVICES,
    Program,
    RemoteProgram,
)
from sandbox.engine.program_main import AT_WORK, CHANNEL_OPTIONS, COMPLETED, EXECUTED, FAILED, SUCCEEDED
from sandbox.engine.program_process import LENGTH_BYTES, PROCESSES_LEFT, STARTED
from sandbox.summary import PROGRAM_FAILED
from tests.support.sandbox.fake_engine import FakeEngine
from tests.support.sandbox.fake_engine import serve as serve_engine


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
        (STARTED + bytes([AT_WORK]), ERRORS[AT_WORK]),
        (STARTED + bytes([SUCCEEDED]), ERRORS[SUCCEEDED]),
        (STARTED + bytes([1]), ENDED),
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
        request.configPropertyMap["a:password"] = "x"
        program = RemoteProgram(sockets, sockets / "failed")
        assert program.Run(request, None) == language_pb2.RunResponse(error=error)
        thread.join()
        program.wait()
        assert program.error == error, "the engine may ignore the error in the response"
    assert not any(request.dryRun for request in requests), "the program does not learn that it is previewed"
    assert not any(request.configPropertyMap for request in requests), "a further run exchanges `config` only"


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


def _evaluate(listener: socket.socket, names: list[str], code: int = COMPLETED) -> None:
    """Evaluate a program that declares resources with these names."""
    with listener.accept()[0] as connection, connection.makefile("rb") as stream:
        connection.sendall(STARTED)
        request = language_pb2.RunRequest.FromString(
            stream.read(int.from_bytes(stream.read(LENGTH_BYTES), "big"))
        )
        with grpc.insecure_channel(request.monitor_address, options=CHANNEL_OPTIONS) as channel:
            monitor: Any = resource_pb2_grpc.ResourceMonitorStub(channel)
            for name in names:
                monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name=name))
            monitor.SignalAndWaitForShutdown(Empty())
        connection.sendall(bytes([code]))


@pytest.mark.parametrize(("is_known", "new"), [(False, ["open"]), (False, []), (True, [])])
def test_a_program_runs_again_if_values_were_unknown(
    sockets: Path, tmp_path: Path, is_known: bool, new: list[str]
) -> None:
    again = sockets / "again"
    (again / SERVICES).mkdir(parents=True)
    engine = FakeEngine()
    engine.is_known = is_known
    with ExitStack() as stack:
        address = stack.enter_context(serve_engine(engine))
        threads: list[threading.Thread] = []
        for folder, names in ((sockets, ["closed"]), (again, ["closed", *new])):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(folder / SERVICE))
            listener.listen()
            threads.append(threading.Thread(target=_evaluate, args=(listener, names), daemon=True))
            threads[-1].start()
        request = language_pb2.RunRequest(monitor_address=address, args=[address])
        program = RemoteProgram(sockets, tmp_path / "failed", again)
        program.Run(request, None)
        program.replay()
        threads[0].join()
        threads[1].join(timeout=0 if is_known else 60)
        assert threads[1].is_alive() == is_known, "without unknown values, it need not run again"
    assert (program.error, engine.names) == ("", ["closed"])
    rows = (tmp_path / "failed").read_text().splitlines() if new else []
    assert [json.loads(row)["undecided"] for row in rows] == new
    assert (tmp_path / "failed").exists() == bool(new)


def test_a_program_runs_again_if_the_code_that_it_executes_is_to_be_recorded(
    sockets: Path, tmp_path: Path
) -> None:
    def evaluate_again() -> None:
        with again.accept()[0] as connection, connection.makefile("rb") as stream:
            connection.sendall(STARTED)
            size = int.from_bytes(stream.read(LENGTH_BYTES), "big")
            request = language_pb2.RunRequest.FromString(stream.read(size))
            files.extend(request.args[1:])
            with grpc.insecure_channel(request.args[0], options=CHANNEL_OPTIONS) as channel:
                stub: Any = engine_pb2_grpc.EngineStub(channel)
                for urn, message in (
                    (EXECUTED, '{"/a.py": [1]}'),
                    ("", "text"),
                    (EXECUTED, "x" * 2**23 + "x"),
                ):
                    stub.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=message))
            connection.sendall(bytes([COMPLETED]))

    files: list[str] = []
    engine = FakeEngine()
    (sockets / "again" / SERVICES).mkdir(parents=True)
    with ExitStack() as stack:
        address = stack.enter_context(serve_engine(engine))
        first, again = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        for listener, folder in ((first, sockets), (again, sockets / "again")):
            listener.bind(str(folder / SERVICE))
            listener.listen()
        threading.Thread(target=_evaluate, args=(first, ["a"]), daemon=True).start()
        threading.Thread(target=evaluate_again, daemon=True).start()
        program = RemoteProgram(sockets, tmp_path / "failed", sockets / "again", ["/a.py", "/b.py"])
        program.Run(language_pb2.RunRequest(monitor_address=address, args=[address]), None)
        program.replay()
    assert files == ["/a.py", "/b.py"]
    assert (tmp_path / EXECUTED_CODE).read_text() == '{"/a.py": [1]}', "a longer record is none"


def test_a_failure_after_the_last_resource_is_not_that_of_a_deployment(sockets: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(serve_engine(FakeEngine()))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(sockets / SERVICE))
        listener.listen()
        threading.Thread(target=_evaluate, args=(listener, ["a"], FAILED), daemon=True).start()
        program = RemoteProgram(sockets, tmp_path / "failed")
        program.Run(language_pb2.RunRequest(monitor_address=address, args=[address]), None)
    assert program.error == FAILED_AFTER_END


def test_a_program_with_secret_settings_runs_with_other_ones(sockets: Path, tmp_path: Path) -> None:
    def evaluate(listener: socket.socket) -> None:
        """Evaluate a program that declares resources named after its settings."""
        with listener.accept()[0] as connection, connection.makefile("rb") as stream:
            connection.sendall(STARTED)
            size = int.from_bytes(stream.read(LENGTH_BYTES), "big")
            request = language_pb2.RunRequest.FromString(stream.read(size))
            settings.append(dict(request.config))
            with grpc.insecure_channel(request.monitor_address, options=CHANNEL_OPTIONS) as channel:
                monitor: Any = resource_pb2_grpc.ResourceMonitorStub(channel)
                for name in (request.config["a:password"], request.config["a:password"][::-1]):
                    monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name=name))
                monitor.SignalAndWaitForShutdown(Empty())
            connection.sendall(bytes([COMPLETED]))

    settings: list[dict[str, str]] = []
    password = "1f0c6c9c2d7f4f2c8f7e6a5b4c3d2e1f"
    others = sockets / "others"
    (others / SERVICES).mkdir(parents=True)
    with ExitStack() as stack:
        address = stack.enter_context(serve_engine(FakeEngine()))
        for folder in (sockets, others):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(folder / SERVICE))
            listener.listen()
            threading.Thread(target=evaluate, args=(listener,), daemon=True).start()
        request = language_pb2.RunRequest(monitor_address=address, args=[address])
        request.config.update({"a:password": password, "a:copy": password, "a:mode": "x", "a:literal": "y"})
        request.configSecretKeys.extend(["a:password", "a:copy", "a:literal", "a:absent"])
        program = RemoteProgram(sockets, tmp_path / "failed", other_secrets=others)
        program.Run(request, None)
        program.replay()
    first, second = settings
    assert first == dict(request.config)
    assert second["a:password"] == second["a:copy"] != password
    assert (second["a:mode"], second["a:literal"], len(second)) == ("x", "y", 4)
    rows = [json.loads(row) for row in (tmp_path / "failed").read_text().splitlines()]
    computed = {password[::-1], second["a:password"][::-1]}
    assert {row["computed"] for row in rows} == computed, "one is missing, and the other one is new"


def test_a_second_run_that_cannot_start_is_a_failure(sockets: Path, tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.is_known = False
    with serve_engine(engine) as address, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sockets / SERVICE))
        listener.listen()
        threading.Thread(target=_evaluate, args=(listener, ["a"]), daemon=True).start()
        again = sockets / "again"
        (again / SERVICES).mkdir(parents=True)
        program = RemoteProgram(sockets, tmp_path / "failed", again)
        program.Run(language_pb2.RunRequest(monitor_address=address, args=[address]), None)
        program.replay()
    assert json.loads((tmp_path / "failed").read_text())["reason"].endswith(ENDED)


def test_a_resource_without_a_version_gets_that_of_the_installed_package() -> None:
    response = Program().GetRequiredPackages(None, None)
    packages: dict[str, Any] = {package.name: package for package in cast(Any, response).packages}
    assert {"aws", "cloudflare", "datadog", "kubernetes", "tls"} <= {*packages} and "policy" not in packages
    assert (packages["aws"].kind, packages["aws"].version) == ("resource", f"v{version('pulumi-aws')}")

"""Evaluation of a program: in this process, or in another process behind a Unix socket.

In another process, a program reaches only two gRPC services of the operation for which it is evaluated: the
engine's resource monitor, and the engine's log. That process needs no folder in which it may create a socket:
it inherits a socket that already listens (`serve`), and it can read the folder with the engine's sockets.
"""

import asyncio
import gc
import os
import runpy
import socket
import sys
import threading
from asyncio import InvalidStateError
from collections.abc import Callable, Generator
from concurrent import futures
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from pulumi import log
from pulumi.automation._server import LanguageServer  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import stack
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2
from pulumi.runtime.settings import SETTINGS

from sandbox.summary import PROGRAM_FAILED

MESSAGE_BYTES = 400 * 2**20
"""The size limit for messages in Pulumi's own servers and clients."""

SERVICE = "program"
"""Name of the socket of the program's process."""

SERVICES, MONITOR, ENGINE = "services", "monitor", "engine"
"""Folder of the sockets of the resource monitor and the engine, and their names."""

CONNECTIONS = 64
"""The maximum number of connections to one service. Pulumi's SDK opens one to each."""

START_SECONDS = 60
"""Seconds in which the process of the program must accept connections."""

ENDED = "the process that evaluates the program has ended before the program"


def _drop_debug_message(*_args: Any, **_named: Any) -> None:
    """Do nothing, in place of a request to the engine for each debug message of the SDK.

    The SDK writes several messages for each resource, and the receiver of events drops them all.
    """


_sdk_wait = stack.wait_for_rpcs


def outstanding_outputs() -> set[asyncio.Task[Any]]:
    """Return the SDK's own set of the program's outputs that have no values yet, or have failed."""
    settings: Any = SETTINGS
    return settings.outputs


async def wait_for_outputs(await_all_outstanding_tasks: bool = True) -> None:
    """Wait until all outputs of the program have values; raise the exception of the first that fails.

    It stands before the SDK's function `wait_for_rpcs` (pulumi/runtime/stack.py), which starts to wait for
    every output again whenever one has a value, so that its CPU time grows with the square of their number:
    without this function, a preview of 199 resources takes 7.1 instead of 6.3 s.
    """
    while await_all_outstanding_tasks:
        outputs = list(outstanding_outputs())
        for output in outputs:
            # The SDK, too, lets a program go on after the engine has refused a resource.
            if output.done() and not isinstance(output.exception(), stack.ResourceRegistrationFailed):
                output.result()
        pending = [output for output in outputs if not output.done()]
        if not pending:
            break
        await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
    await _sdk_wait(await_all_outstanding_tasks)


class LocalProgram(LanguageServer):
    """A language server that runs a project's __main__.py from its folder, as Python's language host does."""

    def __init__(self, project: Path) -> None:
        def evaluate() -> None:
            os.chdir(project)
            if str(project) not in sys.path:
                sys.path.insert(0, str(project))
            runpy.run_path(str(project / "__main__.py"), run_name="__main__")

        super().__init__(evaluate)

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        log.debug = _drop_debug_message
        stack.wait_for_rpcs = wait_for_outputs
        # A task that is cancelled after the program failed raises this. The failure itself is logged.
        with suppress(InvalidStateError):
            if not super().Run(request, context).error:  # pyright: ignore[reportUnknownMemberType]
                return language_pb2.RunResponse()
        # The message has been logged as an error. Without `bail`, the engine would repeat it as "unhandled".
        return language_pb2.RunResponse(bail=True)


class RemoteProgram(language_pb2_grpc.LanguageRuntimeServicer):
    """A language server that has a program evaluated by the process behind the sockets in a folder.

    The program does not learn that it is previewed, since it could declare other resources in an `up`. It can
    run as in an `up`, since the providers of a review predict all values. The response of its process is not
    trusted: only its success or failure is passed on.
    """

    def __init__(self, sockets: Path) -> None:
        self._sockets = sockets

    def GetRequiredPackages(self, request: Any, context: Any) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: Any) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo()

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        forwarded = language_pb2.RunRequest()
        forwarded.CopyFrom(request)
        monitor, engine = (self._sockets / SERVICES / name for name in (MONITOR, ENGINE))
        forwarded.monitor_address, forwarded.args[0] = f"unix:{monitor}", f"unix:{engine}"
        forwarded.dryRun = False
        with (
            relay(monitor, request.monitor_address),
            relay(engine, request.args[0]),
            grpc.insecure_channel(f"unix:{self._sockets / SERVICE}") as channel,
        ):
            try:
                grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
                program: Any = language_pb2_grpc.LanguageRuntimeStub(channel)
                response = program.Run(forwarded)
            except (grpc.RpcError, grpc.FutureTimeoutError):
                return language_pb2.RunResponse(error=ENDED)
        # With `bail`, the engine would expect that the program has logged an error.
        failed = response.error or response.bail
        return language_pb2.RunResponse(error=PROGRAM_FAILED if failed else "")


def collect_garbage_rarely() -> None:
    """Raise the thresholds of the garbage collection.

    With Python's defaults, the collection of the SDKs' objects takes a third of the time of an `up`.
    """
    gc.set_threshold(50_000, 50, 50)


Connect = Callable[[], socket.socket]
"""A function that opens a connection."""


@contextmanager
def relay(path: Path, address: str) -> Generator[None]:
    """Pass connections to a Unix socket, created at `path`, on to a TCP address such as `127.0.0.1:4000`."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=forward, args=(server, lambda: connect_tcp(address)), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)  # ends accept()
            path.unlink(missing_ok=True)


def connect_tcp(address: str) -> socket.socket:
    """Open a connection to a TCP address such as `127.0.0.1:4000`."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def forward(server: socket.socket, connect: Connect) -> None:
    """Pass connections to a listening socket on to new connections, until the socket is shut down."""
    for _ in range(CONNECTIONS):
        try:
            client, _ = server.accept()
        except OSError:
            return  # The operation has ended.
        try:
            service = connect()
        except OSError:
            client.close()
            continue
        for source, sink in ((client, service), (service, client)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve(listener: socket.socket, project: Path) -> None:
    """Serve a project's program to the clients of a listening socket until the process is killed."""
    collect_garbage_rarely()
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LocalProgram(project), server)
    # gRPC's Python package cannot serve an inherited socket.
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    forward(listener, lambda: connect_tcp(f"127.0.0.1:{port}"))
    server.wait_for_termination()

"""Language servers, which have a program evaluated by a child process or by a process behind a Unix socket.

Behind a socket, a program reaches only a proxy of two gRPC services of the operation for which it is
evaluated: the engine's resource monitor and its log (sandbox/engine/monitor_proxy.py). That process needs no
folder in which it may create a socket: it inherits a socket that already listens, and it can read the folder
with the proxy's sockets.
"""

import json
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from sandbox.engine import monitor_proxy, program_process
from sandbox.engine.monitor_proxy import MonitorProxy, append_row
from sandbox.engine.program_main import AT_WORK, COMPLETED, FAILED, SUCCEEDED
from sandbox.engine.program_process import LENGTH_BYTES, PROCESSES_LEFT, STARTED
from sandbox.engine.replay import replay_proxy
from sandbox.engine.replay.other_secrets import OtherSecrets
from sandbox.engine.replay.recorded_calls import RecordedCalls
from sandbox.summary import PROGRAM_FAILED

SERVICE = "program"
"""Name of the socket of the program's process."""

SERVICES, MONITOR, ENGINE = "services", "monitor", "engine"
"""Folder of the sockets of the proxy, and their names."""

EXECUTED_CODE = "executed-code.json"
"""File with what the second run of a program has executed (sandbox/engine/replay/executed_code.py).

The program may have written anything else. The file is empty without a record.
"""

PLUGIN_FILE = "pulumi-plugin.json"
"""File with the name and the version of a package's plugin in each of Pulumi's Python packages.

Pulumi's language host reads it (pulumi/pulumi, sdk/python/cmd/pulumi-language-python/main.go:
determinePackageDependency). A package without a name or a version there is not one of Pulumi's own.
"""

CONNECTIONS = 64
"""The maximum number of connections to one service."""

START_SECONDS = 60
"""Seconds in which the process of the program must accept connections."""

END_SECONDS = 60
"""Seconds that a program may take to end after it has said that it has registered all resources."""

ENDED = "the process that evaluates the program has ended before the program"

FAILED_AFTER_END = (
    "the program has failed after it had registered all resources, which a deployment makes nevertheless"
)
"""Error of a program that fails too late (pulumi/pulumi, pkg/resource/deploy/deployment_executor.go)."""

ERRORS = {
    COMPLETED: "",
    FAILED: PROGRAM_FAILED,
    AT_WORK: "the program is still at work, although it has registered all resources",
    SUCCEEDED: "the program ends its process with the exit code 0, which a deployment takes for success",
    -signal.SIGSYS & 255: "the program makes a system call for which the isolation ends it",
    PROCESSES_LEFT: "a process that the program started still runs after the program's end; wait for it",
}
"""The error for each message about a program's end. Any other message means ENDED."""


class Program(language_pb2_grpc.LanguageRuntimeServicer):
    """A language server that has a program evaluated by another process, and answers when that has ended.

    `error` is the first error of its runs, which the engine may ignore: a program can still fail after it has
    said that it has registered all resources.
    """

    error = ""

    def wait(self) -> None:
        """Wait until the last run has ended, after the engine has."""

    def replay(self) -> None:
        """Run the program again with other values; by default, do not."""

    def GetRequiredPackages(self, request: Any, context: Any) -> language_pb2.GetRequiredPackagesResponse:
        """Return the plugins of the installed packages, as Pulumi's language host does.

        The engine takes the version of a resource without one from here. Otherwise it would be that of the
        providers in the state (pulumi/pulumi, pkg/engine/plugins.go: computeDefaultProviderPackages), so the
        first preview and the next one would not have the same provider.
        """
        response = language_pb2.GetRequiredPackagesResponse()
        packages = cast(Any, response).packages
        for file in sorted(Path(sysconfig.get_path("purelib")).glob(f"*/{PLUGIN_FILE}")):
            plugin = json.loads(file.read_bytes())
            if plugin.get("resource") and plugin.get("name") and plugin.get("version"):
                server = plugin.get("server", "")
                version = "v" + plugin["version"].removeprefix("v")
                packages.add(name=plugin["name"], kind="resource", version=version, server=server)
        return response

    def GetRequiredPlugins(self, request: Any, context: Any) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo()


class LocalProgram(Program):
    """A language server that runs a project's __main__.py in a process with the access of this one."""

    def __init__(self, project: Path) -> None:
        self._project = project

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        connection, inherited = socket.socketpair()
        with inherited:
            descriptor = inherited.fileno()
            command = [
                sys.executable,
                "-I",
                "-S",
                program_process.__file__,
                str(descriptor),
                str(self._project),
            ]
            # In a session of its own, the program does not get the Ctrl-C that this process gets.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=(descriptor,), start_new_session=True
            )
        with process, connection:
            if context:
                context.add_callback(partial(_shut_down, connection))
            error = _run(connection, request)
            # The program has logged its error. Without `bail`, the engine would report another one.
            return language_pb2.RunResponse(error=error, bail=error in (PROGRAM_FAILED, ERRORS[AT_WORK]))


class RemoteProgram(Program):
    """A language server that has a program evaluated by the process behind the sockets in a folder.

    The program does not learn that it is previewed, since it could declare other resources in an `up`. It can
    run as in an `up`, since the providers of a review predict all values. The process that observes the
    program sends one byte when it has ended, and nothing else that it could send is read. A refusal of the
    proxy is an error, whether or not the program failed. Failed calls are appended to `failed_calls`.

    In a preview, the engine does not wait for the end of a program that has registered all resources. This
    server does, since an `up` does as well (pulumi/pulumi, pkg/resource/deploy/source_eval.go: Cancel).

    `again` has the sockets of a process for a second run with other values. It is another process, so the
    program does not find what it has left in the first run, such as a file in memory. Of the files in
    `recorded`, it says what it executes in the second run, which is written to EXECUTED_CODE.
    `other_secrets` has those of a process for a third run, with other random values of secret settings.
    """

    def __init__(
        self,
        sockets: Path,
        failed_calls: Path,
        again: Path | None = None,
        recorded: Sequence[str] = (),
        other_secrets: Path | None = None,
    ) -> None:
        self._sockets = sockets
        self._failed_calls = failed_calls
        self._again = again
        self._recorded = recorded
        self._other_secrets = other_secrets
        self._running = threading.Lock()
        self._first_run: tuple[language_pb2.RunRequest, RecordedCalls] | None = None

    def wait(self) -> None:
        with self._running:
            pass

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        with self._running:
            error = self._evaluate(request, context)
            self.error = self.error or error
        return language_pb2.RunResponse(error=error)

    def replay(self) -> None:
        """Run the program again with other values; append what it declares otherwise to failed calls.

        See sandbox/engine/replay/replay_proxy.py. A program that has failed does not run again.
        """
        if not self._first_run:
            return
        request, calls = self._first_run
        if self._again and (calls.has_other_values or self._recorded):
            executed = self._replay_in(self._again, request, calls, recorded=self._recorded)
            if self._recorded:
                self._failed_calls.with_name(EXECUTED_CODE).write_text(executed, encoding="utf-8")
        secrets = OtherSecrets(request.config.get(key, "") for key in request.configSecretKeys)
        if self._other_secrets and secrets:
            self._replay_in(self._other_secrets, request, calls, secrets)

    def _replay_in(
        self,
        sockets: Path,
        request: language_pb2.RunRequest,
        calls: RecordedCalls,
        secrets: OtherSecrets | None = None,
        recorded: Sequence[str] = (),
    ) -> str:
        """Run the program again in the process behind these sockets; return the record of executed code."""
        forwarded = _forward_to(sockets, request)
        forwarded.args.extend(recorded)
        if secrets:
            for key in {*request.configSecretKeys} & {*request.config}:
                forwarded.config[key] = secrets.apply(request.config[key])
        services = sockets / SERVICES
        with socket.socket(socket.AF_UNIX) as connection:

            def complete() -> None:
                _shut_down_later(connection, END_SECONDS)

            with replay_proxy.serve(services / MONITOR, services / ENGINE, calls, complete, secrets) as (
                proxy,
                relay,
            ):
                try:
                    connection.connect(str(sockets / SERVICE))
                except OSError:
                    error = ENDED
                else:
                    error = _run(connection, forwarded)
                leftovers = relay.leftovers() if not error else ()
            for row in proxy.rows(error, leftovers):
                append_row(row, self._failed_calls)
            return proxy.executed

    def _evaluate(self, request: language_pb2.RunRequest, context: Any) -> str:
        """Have the program evaluated, and return its error."""
        forwarded = _forward_to(self._sockets, request)
        services = self._sockets / SERVICES
        runs_again = self._again or self._other_secrets
        calls = RecordedCalls(request.config.values()) if runs_again else None
        with (
            monitor_proxy.serve(
                services / MONITOR,
                services / ENGINE,
                request.monitor_address,
                request.args[0],
                self._failed_calls,
                calls,
            ) as (proxy, relay),
            socket.socket(socket.AF_UNIX) as connection,
        ):
            try:
                connection.connect(str(self._sockets / SERVICE))
            except OSError:
                return ENDED
            if context and not context.add_callback(partial(self._end, connection, proxy)):
                return ENDED  # So has the engine.
            error = _run(connection, forwarded)
            # The engine has failed first, and this server has ended the program.
            is_stopped = context and not context.is_active() and not proxy.is_completed
            if not error and not is_stopped:
                proxy.require_completion(relay)
        if error in (PROGRAM_FAILED, ENDED) and proxy.is_completed:
            error = FAILED_AFTER_END
        error = proxy.error or ("" if is_stopped else error)
        if calls and not error and not is_stopped:
            self._first_run = request, calls
        return error

    @staticmethod
    def _end(connection: socket.socket, proxy: MonitorProxy) -> None:
        """End the program when the engine has ended, unless it is about to end itself."""
        _shut_down_later(connection, END_SECONDS if proxy.is_completed else 0)


def _forward_to(sockets: Path, request: language_pb2.RunRequest) -> language_pb2.RunRequest:
    """Return a request for the process behind the sockets, from which nobody tells that it is a preview.

    It has the settings only once, in `config`, where a further run exchanges the secret ones.
    """
    forwarded = language_pb2.RunRequest()
    forwarded.CopyFrom(request)
    forwarded.ClearField("configPropertyMap")
    services = sockets / SERVICES
    forwarded.monitor_address = f"unix:{services / MONITOR}"
    forwarded.args[0] = f"unix:{services / ENGINE}"
    forwarded.dryRun = False
    return forwarded


def _shut_down_later(connection: socket.socket, seconds: float) -> None:
    timer = threading.Timer(seconds, _shut_down, [connection])
    timer.daemon = True
    timer.start()


def _run(connection: socket.socket, request: language_pb2.RunRequest) -> str:
    """Have an observer run its program (sandbox/engine/program_process.py); return the error or "".

    The program ends when the connection is shut down.
    """
    message = request.SerializeToString()
    try:
        connection.settimeout(START_SECONDS)
        started = connection.recv(1)
        connection.settimeout(None)
        connection.sendall(len(message).to_bytes(LENGTH_BYTES, "big") + message)
        code = connection.recv(1)
    except OSError:
        return ENDED
    if started == STARTED and len(code) == 1:
        return ERRORS.get(code[0], ENDED)
    return ENDED


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


Connect = Callable[[], socket.socket]
"""A function that opens a connection."""


def connect(path: str) -> socket.socket:
    """Open a connection to a Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
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

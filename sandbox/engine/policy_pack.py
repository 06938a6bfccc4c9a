"""The policy pack as an executable, which the engine can run without a Python language host."""

import base64
import importlib
import json
import os
import runpy
import shlex
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import grpc

from sandbox import forking
from sandbox.errors import CommandError
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack

LEVEL = "enforcementLevel"
"""Key of a rule's level beside its options in a file of levels."""

MANDATORY, ADVISORY = "mandatory", "advisory"


def flags(stack: Stack, root: Path, *, advisory: bool = False) -> list[str]:
    """Return the engine's options for the pack in `root`, with the enforcement levels of the stack.

    With `advisory`, every mandatory rule becomes advisory. Raise CommandError if there is no pack.
    """
    pack = root / "policies"
    if not (pack / "__main__.py").exists():
        raise CommandError(f"{pack} has no policy pack; to run without one, add --no-policies.")
    program = stack.folder / "policy-pack"
    python_path = shlex.quote(str(Path(__file__).parents[2]))
    if server := os.environ.get(SERVER):
        command = (sys.executable, "-I", "-S", forking.__file__, server)
    else:
        # The engine reads the pack's port from its output, which the SDK does not flush: hence -u.
        command = (sys.executable, "-u", "-m", "sandbox.engine.policy_pack", str(pack))
    write_atomically(program, f'#!/bin/sh\nPYTHONPATH={python_path} exec {shlex.join(command)} "$@"\n')
    program.chmod(0o700)
    config = pack / "config" / f"{stack.label}.json"
    if advisory:
        levels = _advisory_levels(config) if config.exists() else {}
        config = stack.folder / "policy-levels.json"
        write_atomically(config, json.dumps({**levels, "all": ADVISORY}))
    config_flags = ["--policy-pack-config", str(config)] if config.exists() else []
    return ["--policy-pack", str(program), *config_flags]


def _advisory_levels(config: Path) -> dict[str, Any]:
    """Return the content of a file of levels with the level advisory in place of mandatory.

    A level is the value of a rule, or a member beside the rule's options (pulumi/pulumi,
    pkg/resource/analyzer/config.go: parsePolicyPackConfig). Raise CommandError for another content.
    """
    try:
        text = config.read_text(encoding="utf-8")
        levels: Any = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{config} is not valid JSON: {error}") from None
    if not isinstance(levels, dict):
        raise CommandError(f"{config} is not a JSON object.")
    return {name: _advisory(value) for name, value in cast(dict[str, Any], levels).items()}


def _advisory(value: Any) -> Any:
    if isinstance(value, dict):
        options = cast(dict[str, Any], value)
        return options | ({LEVEL: _advisory(options[LEVEL])} if LEVEL in options else {})
    return ADVISORY if value == MANDATORY else value


SOCKET = "PIPE_POLICY_SOCKET"
"""Environment variable with the path of the Unix socket at which the pack serves, in place of a port."""

RECORDING = "PIPE_POLICY_RECORDING"
"""Environment variable with the file to which the engine's questions to the pack are recorded."""

SERVER = "PIPE_POLICY_SERVER"
"""Environment variable with the path of the socket of a server (sandbox/forking.py) that runs the pack of all
commands which get it.
"""

IMPORTED = ("pulumi_policy", "policies.engine.analyzer", "policies.engine.pack")
"""The modules that the server imports before it forks. What it cannot import, a fork imports itself."""

METHOD_PREFIX = "/pulumirpc.Analyzer/"


class _Recorder(grpc.ServerInterceptor):
    """Interceptor that records each call in a file: a line of JSON with the method and both messages."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        method = handler_call_details.method.removeprefix(METHOD_PREFIX)

        def answer(request: Any, context: Any) -> Any:
            response = handler.unary_unary(request, context)
            messages = [
                base64.b64encode(message.SerializeToString()).decode() for message in (request, response)
            ]
            with self._lock:
                self._file.write(json.dumps([method, *messages]) + "\n")
                self._file.flush()  # The engine may kill the pack without notice.
            return response

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )


def _record(file: Path) -> None:
    """Have the SDK's server record the engine's questions to the pack."""
    grpc.server = partial(grpc.server, interceptors=[_Recorder(file)])


def _serve_at(path: str) -> None:
    """Have the SDK's server listen at a Unix socket."""
    create = grpc.server

    def server(*arguments: Any, **options: Any) -> Any:
        created: Any = create(*arguments, **options)
        listen = created.add_insecure_port

        def add_insecure_port(address: str) -> int:
            return listen(f"unix:{path}")

        created.add_insecure_port = add_insecure_port
        return created

    grpc.server = server


def _serve_pack(pack: Path, listener: socket.socket) -> NoReturn:
    """Import a pack's modules, as its __main__.py does, and run it in a fork for each client."""
    before = [*sys.path]
    sys.path.insert(0, str(pack.parent))
    for module in IMPORTED:
        with suppress(Exception, SystemExit):
            importlib.import_module(module)
    sys.path[:] = before

    def run(arguments: Sequence[str]) -> int:
        _run([str(pack), *arguments])
        return 0

    forking.serve(listener, run)


def _run(arguments: list[str]) -> None:
    """Run a pack, whose path is the first argument, with the others."""
    if recording := os.environ.get(RECORDING):
        _record(Path(recording))
    if path := os.environ.get(SOCKET):
        _serve_at(path)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == forking.SERVE:
        _serve_pack(Path(sys.argv[2]), socket.socket(fileno=int(sys.argv[3])))
    os.closerange(3, 1024)  # Release the stack's lock, inherited from the engine.
    # The SDK's server would outlive a killed engine.
    threading.Thread(target=forking.end_after, args=(os.getppid(),), daemon=True).start()
    _run(sys.argv[1:])

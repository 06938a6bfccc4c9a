"""Main script of a process that evaluates a program: python -P program_main.py PROJECT.

It runs the program as a deployment does: in the same order as the main script of Pulumi's language host, and
with the same folders on `sys.path` (pulumi/pulumi, sdk/python/cmd/pulumi-language-python-exec). It imports
the modules that this script imports, and no others, since a program gets an imported module whatever
`sys.path` contains. These differences remain, and a program does not get other modules or settings by them:

- The engine's request comes from standard input, and not as arguments.
- It ends with COMPLETED or FAILED, so that the end of a program is not taken for one of its process.
- A program that raises SystemExit has failed. In a deployment, the exit code 0 means success.
- It changes the SDK: see the functions that `main` calls.
"""

import argparse  # noqa: F401  # pyright: ignore[reportUnusedImport]
import asyncio
import copy
import functools
import inspect  # noqa: F401  # pyright: ignore[reportUnusedImport]
import json
import logging
import os
import runpy
import shutil
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import grpc
from pulumi import Archive, Asset, RunError, log
from pulumi.runtime import _grpc_settings as grpc_settings  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import config, configure, resource, rpc, stack
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.settings import SETTINGS, Settings

COMPLETED, FAILED = 10, 11
"""Exit codes. All others belong to a program that has ended its process itself."""

PROGRAM = "."
"""The program as the language host names it: its folder, in which it runs. `sys.path` has this name while the
main script runs, so Python looks for modules in the current folder when it has forgotten where it looked.
"""

LANGUAGE_HOST = "~/.pulumi/bin"
"""Folder of the language host's main script, which Python puts on `sys.path` behind PROGRAM. This is where
Pulumi's installer puts it; it contains no modules.
"""

CHANNEL_OPTIONS: list[tuple[str, int]] = [
    *grpc_settings._GRPC_CHANNEL_OPTIONS,  # pyright: ignore[reportPrivateUsage]
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 2**22),
]
"""Options of the SDK's connections to the engine. They do not measure the bandwidth, since a review allows no
frames whose number depends on the time (sandbox/engine/http2_calls.py). The window is the one that gRPC has
while it measures.
"""


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


def copy_files_by_reading() -> None:
    """Keep `shutil` from `sendfile`, which ends the program under review (review/jail/seccomp.py)."""
    shutil._USE_CP_SENDFILE = False  # pyright: ignore[reportAttributeAccessIssue]


def measure_no_bandwidth() -> None:
    """Give the SDK's connections the CHANNEL_OPTIONS."""
    options = grpc_settings._GRPC_CHANNEL_OPTIONS  # pyright: ignore[reportPrivateUsage]
    options[:] = CHANNEL_OPTIONS


def resolve_assets(project: Path) -> None:
    """Make the relative paths of assets and archives lead to the project's folder when they are sent.

    The engine reads these files, and Pulumi runs it in that folder. The sandbox runs it in the stack's
    folder. As the engine does, this removes `..` from relative paths by their text only. An absolute path
    stays as it is, since the system follows the links in it (pulumi/pulumi,
    sdk/go/common/resource/asset/asset.go and archive.go: filepath.IsAbs). The program itself sees the paths
    that it has given, as in a deployment.
    """
    resolve = _resolving(rpc.serialize_property, project)
    for module in cast(tuple[Any, ...], (rpc, resource)):
        module.serialize_property = resolve


def _resolving(serialize: Callable[..., Any], project: Path) -> Callable[..., Any]:
    @functools.wraps(serialize)
    def serialize_resolved(value: Any, *arguments: Any, **named: Any) -> Any:
        path = getattr(value, "path", None) if isinstance(value, Asset | Archive) else None
        if isinstance(path, str) and path and not Path(path).is_absolute():
            value = copy.copy(value)
            value.path = os.path.normpath(project / path)
        return serialize(value, *arguments, **named)

    return serialize_resolved


def run(request: language_pb2.RunRequest, project: Path) -> int:
    """Run the project's __main__.py as Pulumi's language host does, and return the exit code.

    The settings are those of the whole process, so exit handlers and threads have them as well. A thread
    finds the configuration in environment variables (pulumi/pulumi, sdk/python/lib/pulumi/runtime/config.py).
    """
    os.environ["PULUMI_CONFIG"] = json.dumps(dict(request.config))
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
    config.set_all_config(config.get_config_env(), config.get_config_secret_keys_env())
    configure(
        Settings(
            project=request.project,
            stack=request.stack,
            monitor=request.monitor_address,
            engine=request.args[0],
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization or "organization",
            root_directory=str(project),
        )
    )
    sys.argv = [PROGRAM]
    os.chdir(project)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4)
    loop.set_default_executor(executor)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def evaluate() -> None:
        runpy.run_path(PROGRAM, run_name="__main__")

    try:
        loop.run_until_complete(stack.run_in_stack(evaluate))
    except BaseException as error:
        with suppress(grpc.RpcError):  # The engine may have ended.
            log.error(_message(error))
        return FAILED
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return COMPLETED


def _message(error: BaseException) -> str:
    """Return the message about a program's failure, with the words of Pulumi's Automation API.

    The review removes the words before the error (review/stacks/engine_run.py: ERROR_PREFIX).
    """
    if isinstance(error, RunError):
        return str(error)
    if isinstance(error, grpc.RpcError):
        return f"RPC error: {cast(Any, error).details()}"
    return f"python inline source runtime error: {error}\n{traceback.format_exc()}"


def main(project: Path) -> int:
    """Run the project's program with the request on standard input; return the exit code."""
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    sys.path.insert(0, str(Path(LANGUAGE_HOST).expanduser()))
    measure_no_bandwidth()
    copy_files_by_reading()
    log.debug = _drop_debug_message
    resolve_assets(project)
    stack.wait_for_rpcs = wait_for_outputs
    return run(request, project)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

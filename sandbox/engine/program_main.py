"""Main script of a process that evaluates a program: python -P program_main.py PROJECT.

It reads the engine's request from standard input, and ends with COMPLETED or FAILED. It imports the modules
that the main script of Pulumi's language host imports, and no others, since a program gets an imported module
whatever `sys.path` contains (pulumi/pulumi, sdk/python/cmd/pulumi-language-python-exec).
"""

import argparse  # noqa: F401  # pyright: ignore[reportUnusedImport]
import asyncio
import copy
import functools
import inspect  # noqa: F401  # pyright: ignore[reportUnusedImport]
import os
import runpy
import shutil
import sys
import traceback  # noqa: F401  # pyright: ignore[reportUnusedImport]
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pulumi import Archive, Asset, log
from pulumi.automation._server import LanguageServer  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import _grpc_settings as grpc_settings  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import resource, rpc, stack
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.settings import SETTINGS

COMPLETED, FAILED = 10, 11
"""Exit codes. All others belong to a program that has ended its process itself."""

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


def main(project: Path) -> int:
    """Run the project's __main__.py from its folder, as Pulumi's language host does; return the exit code."""

    def evaluate() -> None:
        os.chdir(project)
        if str(project) not in sys.path:
            sys.path.insert(0, str(project))
        runpy.run_path(str(project / "__main__.py"), run_name="__main__")

    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    measure_no_bandwidth()
    copy_files_by_reading()
    log.debug = _drop_debug_message
    resolve_assets(project)
    stack.wait_for_rpcs = wait_for_outputs
    server: Any = LanguageServer(evaluate)
    # A task that is cancelled after the program failed raises this. The failure itself is logged.
    with suppress(asyncio.InvalidStateError):
        if not server.Run(request, None).error:
            return COMPLETED
    return FAILED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""The sandbox's commands: python -m sandbox up dev."""

import argparse
import importlib
import json
import os
import shlex
import signal
import sys
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sandbox import console, errors
from sandbox.commands import destruction, engine_commands
from sandbox.commands.engine_commands import Serve
from sandbox.engine import lock
from sandbox.engine.process import DONE, NOT_RUN, STOPPED, Session
from sandbox.progress import Progress
from sandbox.toolchain import plugins, pulumi_cli
from sandbox.wire.aws_identity import Identity
from sandbox.wire.clock import Clock
from sandbox.workspace import state
from sandbox.workspace.stacks import find_stack

COMMAND_LINE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("cli.toml").read_text())
"""The commands and options, each with its help text."""

BUILD_COMMANDS = ("engine", "control-plane", "plugins")
"""Commands that find or build a program. They need no stack."""

LARGE_MODULES = (
    "lazy_sdk",
    "pulumi_datadog._inputs",
    "pulumi_datadog.outputs",
    "pulumi_kubernetes.core.v1._inputs",
    "pulumi_kubernetes.core.v1.outputs",
)
"""The largest modules of the SDKs, which the providers import for most programs."""

FLAGS_VARIABLE = "SANDBOX_FLAGS"
"""The environment variable with options for every command, such as `--skip-preview`."""


def read_clock(text: str) -> Clock:
    """Return the clock of a ratio; raise ArgumentTypeError for any other text."""
    try:
        return Clock.parse(text)
    except ValueError as error:
        allowed = "1:1 to 1:9999, such as 1:60, where an hour passes in a minute"
        raise argparse.ArgumentTypeError(f'"{text}"; allowed: {allowed}') from error


def read_paths(text: str) -> list[str]:
    """Return the paths in a file with an array in JSON."""
    return [f"{path}" for path in json.loads(Path(text).read_text())]


def read_names(text: str) -> list[str]:
    """Return the names in a text, which are separated by commas; none for an empty text."""
    return [name for name in text.split(",") if name]


TYPES: dict[str, Any] = {"DIR": Path, "NAMES": read_names, "RATIO": read_clock, "FILE": read_paths}
"""The type of an argument by its metavar in cli.toml."""


def main(arguments: Sequence[str] | None = None, serve: Serve | None = None) -> int:
    """Run one command and return its exit code.

    `serve` starts the providers. By default, these are the stand-ins of sandbox/providers.
    """
    options = _parse(arguments)
    # SIGTERM raises KeyboardInterrupt, as SIGINT does, so that the child processes are ended as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress, root = Progress(), (options.project or Path(__file__).parents[1]).absolute()
    try:
        return _run(options, root, progress, serve)
    except errors.CommandError as error:
        message = str(error)
    except OSError as error:
        message = str(errors.from_system_error(error, root / ".sandbox"))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    print(progress.paint("error: ", "error") + message, file=sys.stderr)
    return NOT_RUN


def _run(options: argparse.Namespace, root: Path, progress: Progress, serve: Serve | None) -> int:
    if options.command in BUILD_COMMANDS:
        progress.say("\n".join(sorted(map(str, _build(options.command, progress)))))
        return DONE
    stack = find_stack(root, options.stack, options.folder)
    if options.command == "clean":
        with progress.heartbeat():
            return destruction.clean(stack, progress)
    if options.command == "console":
        return console.run(stack, progress, options.role)
    engine, find_unrecorded, identity = pulumi_cli.find(progress), None, Identity()
    hide_unpredictable = None
    if serve is None:
        # The import takes longer than the commands above, which do not need it.
        from sandbox.providers.server import find_unrecorded, hide_unpredictable, serve

        serve = partial(
            serve, clock=options.clock, identity=identity, predicts=options.throwaway, salt=options.salt
        )
    os.umask(0o077)
    stack.folder.mkdir(parents=True, exist_ok=True)
    with lock.hold(stack.sandbox, options.command) as descriptor, progress.heartbeat():
        session = Session(
            engine,
            stack,
            progress,
            descriptor,
            program_sockets=options.program,
            program_again=options.program_again,
            program_other_secrets=options.program_other_secrets,
            recorded_files=options.recorded_files,
            identity=identity,
        )
        if options.throwaway and options.command == "preview" and hide_unpredictable:
            state.change_resources(stack, hide_unpredictable)
        return engine_commands.perform(session, serve, find_unrecorded, options)


def preload() -> None:
    """Import what most commands need, if it is installed. This takes longer than some of the commands."""
    for module in ("sandbox.providers.server", *LARGE_MODULES):
        with suppress(ImportError):
            importlib.import_module(module)


def _build(command: str, progress: Progress) -> Iterable[Path]:
    """Find or build the programs of one of the BUILD_COMMANDS; return their paths."""
    if command == "control-plane":
        from sandbox.clouds.kubernetes import control_plane

        return control_plane.build(progress).values()
    if command == "plugins":
        return plugins.RECIPE.build(progress).values()
    return [pulumi_cli.find(progress)]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    command_list = "\n".join(f"  {name:<14} {text}" for name, text in COMMAND_LINE["commands"].items())
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=f"{__doc__}\n\ncommands:\n{command_list}",
        epilog=COMMAND_LINE["epilog"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, row in COMMAND_LINE["arguments"].items():
        keywords: dict[str, Any] = {"type": TYPES[row["metavar"]]} if row.get("metavar") in TYPES else {}
        if name == "command":
            keywords["choices"] = COMMAND_LINE["commands"]
        parser.add_argument(name, **row, **keywords)
    flags = shlex.split(os.environ.get(FLAGS_VARIABLE, ""))
    options = parser.parse_args([*flags, *(sys.argv[1:] if arguments is None else arguments)])
    if not options.stack and options.command not in BUILD_COMMANDS:
        parser.error("a STACK is required, such as dev or foundation/dev")
    return options


def end_process(code: int) -> None:
    """End the process without waiting for provider threads that still handle an abandoned call."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

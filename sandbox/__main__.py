"""The sandbox's commands: python -m sandbox up dev."""

import argparse
import os
import signal
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sandbox import console, errors, operations, workspace
from sandbox.engine import lock
from sandbox.engine.process import DONE, NOT_RUN, STOPPED, Session
from sandbox.operations import Serve
from sandbox.progress import Progress
from sandbox.toolchain import plugins, pulumi_cli

LINE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("commands.toml").read_text())

BUILDING = ("engine", "control-plane", "plugins")
"""The commands that are about no stack."""


def main(words: Sequence[str] | None = None, serve: Serve | None = None) -> int:
    """Run one command against the sandbox's providers, or those that `serve` starts; the exit code."""
    args = _arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing begun is left running
    progress, root = Progress(), (args.project or Path(__file__).parents[1]).absolute()
    try:
        return _run(args, root, progress, serve)
    except errors.Fault as error:
        message = str(error)
    except OSError as error:
        message = str(errors.of_system(error, root / ".sandbox"))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    print(progress.paint("error: ", "error") + message, file=sys.stderr)
    return NOT_RUN


def _run(args: argparse.Namespace, root: Path, progress: Progress, serve: Serve | None) -> int:
    if args.command in BUILDING:
        progress.say("\n".join(sorted(map(str, _build(args.command, progress)))))
        return DONE
    stack = workspace.find_stack(root, args.stack, args.folder)
    if args.command == "clean":
        with progress.heartbeat():
            return operations.clean(stack, progress)
    if args.command == "console":
        return console.run(stack, progress)
    program, left_over = pulumi_cli.find(progress), None
    if serve is None:  # imported here, since that takes longer than the commands that do without
        from sandbox.providers import left_over, serve
    os.umask(0o077)
    stack.folder.mkdir(parents=True, exist_ok=True)
    with lock.hold(stack.folder, args.command) as held, progress.heartbeat():
        return operations.perform(Session(program, stack, progress, held), serve, left_over, args)


def _build(command: str, progress: Progress) -> Iterable[Path]:
    if command == "control-plane":
        from sandbox.clouds.kubernetes import control_plane

        return control_plane.build(progress).values()
    return plugins.RECIPE.build(progress).values() if command == "plugins" else [pulumi_cli.find(progress)]


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    described = "\n".join(f"  {name:<14} {text}" for name, text in LINE["commands"].items())
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=f"{__doc__}\n\ncommands:\n{described}",
        epilog=LINE["epilog"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, row in LINE["arguments"].items():
        more: dict[str, Any] = {"type": Path} if row.get("metavar") == "DIR" else {}
        more |= {"choices": LINE["commands"]} if name == "command" else {}
        parser.add_argument(name, **row, **more)
    args = parser.parse_args(words)
    if not args.stack and args.command not in BUILDING:
        parser.error("name a STACK")
    return args


def leave(code: int) -> None:
    """End the process, also while a provider still works on a call that was given up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())

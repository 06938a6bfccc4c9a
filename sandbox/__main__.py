"""The sandbox's commands: python -m sandbox up dev."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox import behind, console, engine, fault, lock, operations, workspace
from sandbox.operations import LeftOver, Options, Serve
from sandbox.progress import Progress
from sandbox.run import Session

ROOT = Path(__file__).parents[1]

CODES = """\
exit codes:
  0    done
  1    a mandatory violation, wrong settings or a failed operation
  2    wrong usage, or the sandbox could not run (locked, no engine, full disk)
  130  stopped by Ctrl-C
"""
COMMANDS = {
    "up": "preview with the policy pack, stop at a mandatory violation, else create what the stack declares",
    "preview": "show what up would do",
    "refresh": "compare the state with what the targets hold",
    "down": "destroy all that up has created",
    "clean": "end the stack's targets and delete its folder .sandbox/<stack>/: state, logs",
    "console": "a shell in which kubectl, aws and other clients see the stack's targets",
    "engine": "find the pulumi that would run, or build it; needs no STACK",
    "control-plane": "find Kubernetes' servers, or build them; needs no STACK",
}
TOOLS = ("engine", "control-plane")
"""Commands about what all stacks use."""


def main(words: Sequence[str] | None = None, serve: Serve | None = None) -> int:
    """Run one command against the sandbox's providers, or those that `serve` starts; the exit code."""
    parser = _parser()
    args = parser.parse_args(words, Options(ROOT))
    if not args.stack and args.command not in TOOLS:
        parser.error("name a STACK")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing begun is left running
    progress = Progress()
    root = args.project.absolute()
    try:
        if args.command in TOOLS:
            return _tool(args.command, progress)
        stack = workspace.find_stack(root, args.stack, args.folder)
        if args.command == "clean":
            return operations.clean(stack, progress)
        if args.command == "console":
            return console.run(stack, progress)
        program = engine.find(progress)
        os.umask(0o077)
        stack.folder.mkdir(parents=True, exist_ok=True)
        with lock.hold(stack.folder, args.command) as held:
            session = Session(program, stack, progress, held)
            return operations.perform(session, *((serve, None) if serve else _providers()), args)
    except fault.Fault as error:
        message = str(error)
    except OSError as error:
        message = str(fault.of_system(error, root / ".sandbox"))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return operations.STOPPED
    print(progress.paint("error: ", "error") + message, file=sys.stderr)
    return operations.NOT_RUN


def _providers() -> tuple[Serve, LeftOver]:
    # Here, since importing it takes longer than the commands that do without.
    from sandbox.providers import left_over, serve

    return serve, left_over


def _tool(command: str, progress: Progress) -> int:
    if command == "engine":
        progress.say(str(engine.find(progress)))
    else:
        from sandbox.targets import control_plane

        for program in sorted(control_plane.build(progress).values()):
            progress.say(str(program))
    return operations.DONE


def _parser() -> argparse.ArgumentParser:
    described = "\n".join(f"  {name:<14} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=f"{__doc__}\n\ncommands:\n{described}",
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("command", choices=COMMANDS, metavar="command", help="one of the commands above")
    add(
        "stack",
        nargs="?",
        default="",
        metavar="STACK",
        help="dev, stg, prod, foundation: any Pulumi.<stack>.yaml",
    )
    add("--project", metavar="DIR", type=Path, help="where the stacks are (default: here)")
    add("--folder", metavar="DIR", type=Path, help="where all that is written goes (.sandbox/<stack>)")
    passing = "up: no preview, and nothing is mandatory; nor is anything protected"
    add("--throwaway", action="store_true", help=f"for a state that nobody will miss. {passing}")
    add("--no-policies", dest="policies", action="store_false", help="preview and up without the policy pack")
    add("--unprotect", action="store_true", help="down: destroy protected resources too")
    add("--keep-targets", action="store_true", help="down: leave the targets running, with what clouds keep")
    add(
        "--targets",
        choices=behind.CHOICES,
        help="what is behind the providers: all (real APIs on this machine) or none (answers are made up); "
        "default: as the stack was brought up, and all for a new one",
    )
    real = "real: each provider that is installed as a plugin, against the same targets"
    add("--providers", choices=("stand-ins", "real"), help=real)
    return parser


def leave(code: int) -> None:
    """End the process, also while a provider still works on a call that was given up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())

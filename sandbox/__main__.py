"""The sandbox's commands: python -m sandbox up dev."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox import engine, fault, lock, operations, workspace
from sandbox.operations import Serve
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
    "clean": "delete the stack's folder .sandbox/<stack>/: state, targets, logs",
    "engine": "find the pulumi that would run, or build it; needs no STACK",
}


def main(words: Sequence[str] | None = None, serve: Serve | None = None) -> int:
    """Run one command against the sandbox's providers, or those that `serve` starts; the exit code."""
    parser = _parser()
    args = parser.parse_args(words)
    if not args.stack and args.command != "engine":
        parser.error("name a STACK")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing begun is left running
    progress = Progress()
    root = Path(args.project).absolute()
    try:
        if args.command == "engine":
            progress.say(str(engine.find(progress)))
            return operations.DONE
        stack = workspace.find_stack(root, args.stack)
        if args.command == "clean":
            return operations.clean(stack, progress)
        program = engine.find(progress)
        os.umask(0o077)
        stack.folder.mkdir(parents=True, exist_ok=True)
        with lock.hold(stack.folder, args.command) as held:
            session = Session(program, stack, progress, held)
            flags = {"policies": not args.no_policies, "unprotect": args.unprotect}
            return operations.perform(args.command, session, serve or _serve(), **flags)
    except fault.Fault as error:
        message = str(error)
    except OSError as error:
        message = str(fault.of_system(error, root / ".sandbox"))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return operations.STOPPED
    print(progress.paint("error: ", "error") + message, file=sys.stderr)
    return operations.NOT_RUN


def _serve() -> Serve:
    # Here, since importing it takes longer than the commands that do without.
    from sandbox.providers import serve

    return serve


def _parser() -> argparse.ArgumentParser:
    described = "\n".join(f"  {name:<8} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=f"{__doc__}\n\ncommands:\n{described}",
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of the commands above")
    parser.add_argument(
        "stack", nargs="?", metavar="STACK", help="dev, stg, prod, foundation: any Pulumi.<stack>.yaml"
    )
    parser.add_argument("--project", metavar="DIR", default=ROOT, help="where the stacks are (default: here)")
    parser.add_argument("--no-policies", action="store_true", help="preview and up without the policy pack")
    parser.add_argument("--unprotect", action="store_true", help="down: destroy protected resources too")
    return parser


def leave(code: int) -> None:
    """End the process, also while a provider still works on a call that was given up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())

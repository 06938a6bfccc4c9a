# PYTHON_ARGCOMPLETE_OK
"""Command line of all operations: `python -m operations COMMAND STACK …`, which scripts/COMMAND.sh runs."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import argcomplete

COMMANDS = {
    "access": "open a real cluster's API to your address for a limited time",
    "build": "build, scan, push and sign the API's image of a version",
    "checks": "run the checks that a deployment requires",
    "database": "show or apply pending changes of the database, or upgrade it",
    "deploy": "deploy a version of the service and check it",
    "doctor": "diagnose the problems of a stack",
    "drift": "compare a stack with its program",
    "migrate": "run the migrations of the deployed version, or undo them",
    "preflight": "check that the providers have everything that a stack needs",
    "preview": "review the changes that the working tree would make",
    "relocate": "prepare a stack for another region after the loss of its own",
    "restore": "restore the database from a dump, a snapshot or RDS's log",
    "rollback": "roll the API back to an earlier version",
    "rotate": "set new passwords for the database's roles and master user",
    "teardown": "destroy a stack, and list what stays and its cost",
}
"""Summary of each command, by the name of the command's module."""

DELIVERY = ("build", "checks", "deploy", "preview", "rollback")
"""Commands whose modules are in operations/delivery/; the other modules are in operations/."""

COMPLETION = "_ARGCOMPLETE"
"""Environment variable that a shell sets to ask for completions (https://kislyuk.github.io/argcomplete/)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command with its own arguments, or complete a command line; return the exit code."""
    if COMPLETION in os.environ:
        complete(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m operations",
        description="Operate a stack. Each command has options of its own: COMMAND --help.",
        epilog="\n".join(["commands:", *(f"  {name:<10} {text}" for name, text in COMMANDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of the commands below")
    parser.add_argument("arguments", metavar="…", nargs=argparse.REMAINDER, help="arguments of the command")
    namespace = parser.parse_args(argv)
    run: Callable[[Sequence[str]], int] = command_module(namespace.command).main
    return run(namespace.arguments)


def command_module(name: str) -> ModuleType:
    """Import the module of a command."""
    folder = "operations.delivery" if name in DELIVERY else "operations"
    return importlib.import_module(f"{folder}.{name}")


def complete(arguments: Sequence[str]) -> None:
    """Print completions for the shell, and exit.

    If `arguments` starts with a command, the user typed `scripts/COMMAND.sh …`. Otherwise the user typed
    `python -m operations …`.
    """
    argcomplete.autocomplete(command_parser(arguments[0]) if arguments else full_parser())


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    build: Callable[[], argparse.ArgumentParser] = command_module(name).build_parser
    return build()


def full_parser() -> argparse.ArgumentParser:
    """Return a parser with every command and its options."""
    parser = argparse.ArgumentParser(prog="python -m operations")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, parents=[command_parser(name)], add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())

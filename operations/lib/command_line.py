"""Command-line options that all commands share: the stack, --dry-run, --yes, TARGET."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from argcomplete.completers import ChoicesCompleter

from operations.lib.errors import RefusedError

ROOT = Path(__file__).parents[2]
DONE, FAILED, REFUSED, STOPPED = 0, 1, 2, 130

TEXT = """\
environment:
  TARGET      real (default): the stack's own cluster; sandbox: what `make sandbox` brought up
  KUBECONFIG  real only: used instead of the stack's output `kubeconfig`, if both lead to one cluster

exit codes:
  0    done
  1    a step failed; what was done is in the record that the last line names
  2    wrong usage, or refused before anything was changed
  130  stopped by Ctrl-C
"""


@dataclass(frozen=True)
class Options:
    """Options that all commands share."""

    stack: str
    target: str
    """real or sandbox."""
    dry_run: bool
    yes: bool
    settings: dict[str, Any]
    """The stack file's settings by topic, without `pipe:`."""

    @property
    def namespace(self) -> str:
        return self.settings["namespace"]["name"]

    def confirm(self, what: str) -> None:
        """Ask for confirmation on a protected stack; refuse without a terminal."""
        if self.yes or self.dry_run or not self.settings["service"]["protect"]:
            return
        if not sys.stdin.isatty():
            raise RefusedError(f"{what} needs a yes, and there is no terminal to ask: add --yes")
        if input(f"{what}. Type {self.stack} to go on: ").strip() != self.stack:
            raise RefusedError("not confirmed")


Main = Callable[[Sequence[str] | None], int]


def refusable(main: Main) -> Callable[..., int]:
    """Decorate a command's main function, so that a refusal ends it with a message and its exit code."""

    @functools.wraps(main)
    def ended(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except RefusedError as error:
            print(f"error: {error}", file=sys.stderr)
            return REFUSED

    return ended


def filled(text: str) -> str:
    """Refuse an empty value, which comes from a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "it is empty, as of a variable that is not set; leave it out, or say what"
        )
    return text


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all commands share."""
    command_parser = argparse.ArgumentParser(
        prog=f"scripts/{name}.sh",
        description=description,
        epilog=TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command_parser.register("type", None, filled)  # argparse uses it for arguments without a type.
    stack = command_parser.add_argument("stack", metavar="STACK", help=f"one of: {', '.join(stacks())}")
    # argcomplete reads this attribute.
    stack.completer = ChoicesCompleter(dict.fromkeys(stacks(), ""))  # pyright: ignore[reportAttributeAccessIssue]
    command_parser.add_argument(
        "--dry-run", action="store_true", help="show every command that would change something"
    )
    command_parser.add_argument(
        "--yes", action="store_true", help="do not ask, not even for a protected stack"
    )
    return command_parser


def read_options(arguments: argparse.Namespace) -> Options:
    """Check the shared options and return them with the stack's settings."""
    if arguments.stack not in stacks():
        raise RefusedError(f"no stack is called {arguments.stack!r}; stacks: {', '.join(stacks())}")
    target = os.environ.get("TARGET", "real")
    if target not in ("real", "sandbox"):
        raise RefusedError(f"TARGET is {target!r}; it is real or sandbox")
    file = cast(dict[str, Any], yaml.safe_load((ROOT / f"Pulumi.{arguments.stack}.yaml").read_text()))
    settings = {key.removeprefix("pipe:"): value for key, value in file["config"].items()}
    return Options(arguments.stack, target, arguments.dry_run, arguments.yes, settings)


def stacks() -> list[str]:
    """Return the names of the stacks that have a stack file."""
    return sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.?*.yaml"))

"""Options that all commands share: the stack, --dry-run, --yes, and the variable TARGET."""

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
IN_WORKFLOW = "GITHUB_ACTIONS"
"""Environment variable that is `true` in every job of GitHub Actions, and that no workflow can change
(GitHub docs, variables reference).
"""

TEXT = """\
environment:
  TARGET      real (default): the stack's own cluster; sandbox: the sandbox that `make sandbox` started
  KUBECONFIG  with TARGET=real: replaces the stack's output `kubeconfig`; must lead to the same cluster

exit codes:
  0    done
  1    a step failed; the last line names the record of the run
  2    wrong usage, or refused; nothing was changed
  130  stopped by Ctrl-C
"""


@dataclass(frozen=True)
class Options:
    """The options that all commands share."""

    stack: str
    target: str
    """`real` or `sandbox`."""
    dry_run: bool
    yes: bool
    settings: dict[str, Any]
    """The stack file's settings by topic, without the prefix `pipe:`."""

    @property
    def namespace(self) -> str:
        return self.settings["namespace"]["name"]

    def confirm(self, action: str) -> None:
        """Ask for confirmation on a protected stack; refuse if there is no terminal, or another answer.

        With --yes or --dry-run, it does not ask.
        """
        if self.yes or self.dry_run or not self.settings["service"]["protect"]:
            return
        if not sys.stdin.isatty():
            raise RefusedError(
                f"{action} needs a confirmation, and there is no terminal to ask for it: add --yes"
            )
        if input(f"{action}. Type {self.stack} to continue: ").strip() != self.stack:
            raise RefusedError(f"not confirmed: the answer was not {self.stack}")


Main = Callable[[Sequence[str] | None], int]


def handle_refusal(main: Main) -> Callable[..., int]:
    """Decorate a command's main function: on RefusedError, print the message and return exit code 2."""

    @functools.wraps(main)
    def wrapper(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except RefusedError as error:
            print(f"error: {error}", file=sys.stderr)
            return REFUSED

    return wrapper


def non_empty(text: str) -> str:
    """Return an argument's value; refuse an empty value, since it usually comes from an unset variable."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "the value is empty (is a variable unset?); give a value, or leave the option out"
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
    # argparse applies this function to arguments without a type.
    command_parser.register("type", None, non_empty)
    stack = command_parser.add_argument("stack", metavar="STACK", help=f"one of: {', '.join(stacks())}")
    # argcomplete reads this attribute.
    completer = ChoicesCompleter(dict.fromkeys(stacks(), ""))
    stack.completer = completer  # pyright: ignore[reportAttributeAccessIssue]
    command_parser.add_argument(
        "--dry-run", action="store_true", help="show the commands that would change something; change nothing"
    )
    command_parser.add_argument(
        "--yes", action="store_true", help="do not ask for confirmation, even on a protected stack"
    )
    return command_parser


def read_options(arguments: argparse.Namespace) -> Options:
    """Return the shared options with the stack's settings; refuse an unknown stack or TARGET."""
    if arguments.stack not in stacks():
        raise RefusedError(f"no stack is called {arguments.stack!r}; stacks: {', '.join(stacks())}")
    target = os.environ.get("TARGET", "real")
    if target not in ("real", "sandbox"):
        raise RefusedError(f"TARGET is {target!r}; allowed: real, sandbox")
    file = cast(dict[str, Any], yaml.safe_load((ROOT / f"Pulumi.{arguments.stack}.yaml").read_text()))
    settings = {key.removeprefix("pipe:"): value for key, value in file["config"].items()}
    return Options(arguments.stack, target, arguments.dry_run, arguments.yes, settings)


def stacks() -> list[str]:
    """Return the names of the stacks that have a stack file."""
    return sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.?*.yaml"))

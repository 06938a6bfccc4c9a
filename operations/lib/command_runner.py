"""Runner of external programs that keeps secrets out of arguments and output."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Collection, Generator, Mapping
from typing import IO

from operations.lib.errors import FailedError
from review.values.line_mask import LineMask

LAST_LINES = 15
"""Number of the last output lines that the error about a failed command shows."""


class CommandRunner:
    """A runner of commands; in a dry run, commands that change something are only shown."""

    def __init__(self, show: Callable[[str], None], *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.variables: dict[str, str] = {}
        """Variables added to the environment of every command."""
        self.hide: Callable[[str], str] = str
        """Function that masks additional values in the output of commands."""
        self._show = show
        self._secrets: set[str] = set()

    def keep_secret(self, *values: str) -> None:
        """Refuse these values as arguments from now on, and mask them in output."""
        self._secrets |= set(values)

    def read(self, *command: str) -> str:
        """Run a command that changes nothing; return its standard output.

        Raises FailedError if the command fails or is not installed.
        """
        return self._run(command, None)

    def change(
        self, *command: str, stdin: str | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a command that changes something; return its standard output, in a dry run "".

        `stdin` is the text of its standard input, and `environment` adds variables. Raises FailedError if the
        command fails or is not installed.
        """
        if self.dry_run:
            self._show(f"would run: {shlex.join(command)}")
            return ""
        return self._run(command, stdin, environment)

    def lines(
        self, *command: str, only: Collection[str] | None = None, output: IO[str] | None = None
    ) -> Generator[str]:
        """Run a command and yield its output line by line; raise FailedError if it fails.

        With `only`, the command's environment has only these variables. With `output`, standard output goes
        to that file unmasked, and only the lines of standard error are yielded.

        The error does not repeat the lines, since the caller shows them. The command runs in its own session,
        so that Ctrl-C reaches it once, through `_stop`. If the terminal sent a second Ctrl-C, Pulumi would
        abort the operations in progress.
        """
        try:
            process = subprocess.Popen(
                self._checked(command),
                env={k: v for k, v in self._environment().items() if only is None or k in only},
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE if output else subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise FailedError(f"{command[0]} is not installed, or not in PATH") from None
        stream = process.stderr or process.stdout
        assert stream
        mask = LineMask(self._masked)
        has_ended = False
        try:
            yield from mask.mask_all(stream)
            code = process.wait()
            has_ended = True
        finally:
            if not has_ended:
                self._stop(process, stream, mask, command[0])
        if code:
            raise FailedError(f"{shlex.join(command)} failed with exit code {code}")

    def _stop(self, process: "subprocess.Popen[str]", stream: IO[str], mask: LineMask, name: str) -> None:
        """End a command: SIGINT first, SIGTERM at the second Ctrl-C, SIGKILL at the third."""
        self._show(f"stopping: {name} finishes its current operations; Ctrl-C again interrupts them")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(KeyboardInterrupt):
                for line in mask.mask_all(stream):
                    self._show(line)
                process.wait()
                return

    def _run(
        self, command: tuple[str, ...], stdin: str | None, environment: Mapping[str, str] | None = None
    ) -> str:
        try:
            result = subprocess.run(
                self._checked(command),
                env=self._environment() | dict(environment or {}),
                input=stdin if stdin is not None else "",
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError:
            raise FailedError(f"{command[0]} is not installed, or not in PATH") from None
        if result.returncode:
            output = self._masked((result.stderr or result.stdout).strip())
            last = "\n".join(output.splitlines()[-LAST_LINES:])
            raise FailedError(f"{shlex.join(command)} failed with exit code {result.returncode}:\n{last}")
        return result.stdout

    def _checked(self, command: tuple[str, ...]) -> list[str]:
        if any(secret in argument for secret in self._secrets for argument in command):
            raise AssertionError(f"an argument of {command[0]} contains a secret")
        return list(command)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return self.hide(text)

    def _environment(self) -> dict[str, str]:
        return os.environ | self.variables

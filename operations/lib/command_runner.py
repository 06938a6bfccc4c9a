"""Runner of external programs that keeps secrets out of arguments and output."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Collection, Generator, Mapping
from typing import IO

from operations.lib.errors import FailedError

LAST_LINES = 15


class CommandRunner:
    """Runner of commands; in a dry run it only shows those that change something."""

    def __init__(self, show: Callable[[str], None], *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.variables: dict[str, str] = {}
        """Variables added to the environment of every command."""
        self.hide: Callable[[str], str] = str
        """Masks further values in the output of commands."""
        self._show = show
        self._secrets: set[str] = set()

    def keep_secret(self, *values: str) -> None:
        """Refuse these values among arguments from now on, and mask them in output."""
        self._secrets |= set(values)

    def read(self, *command: str) -> str:
        """Return the output of a command that changes nothing."""
        return self._run(command, None)

    def change(
        self, *command: str, stdin: str | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """Return the output of a command that changes something; `stdin` is its standard input."""
        if self.dry_run:
            self._show(f"would run: {shlex.join(command)}")
            return ""
        return self._run(command, stdin, environment)

    def lines(
        self, *command: str, only: Collection[str] | None = None, output: IO[str] | None = None
    ) -> Generator[str]:
        """Yield the lines of a command as they come.

        With `only`, the command sees no other variables. With a file for its `output`, standard output goes
        there unmasked, and the lines are those of standard error.

        The caller shows the lines, so a failure does not repeat them. The command has a session of its own:
        Ctrl-C reaches it once, through `_stop`. From the terminal it would arrive a second time, and Pulumi
        takes a second Ctrl-C as a request to abort the operations in progress.
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
        printed = process.stderr or process.stdout
        assert printed
        ended = False
        try:
            for line in printed:
                yield self._masked(line.rstrip("\n"))
            code = process.wait()
            ended = True
        finally:
            if not ended:
                self._stop(process, printed, command[0])
        if code:
            raise FailedError(f"{shlex.join(command)} ended with {code}")

    def _stop(self, process: "subprocess.Popen[str]", printed: IO[str], name: str) -> None:
        """End a command: SIGINT first, SIGTERM at the second Ctrl-C, SIGKILL at the third."""
        self._show(f"stopping: {name} finishes what it has begun; Ctrl-C again cuts that off")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(KeyboardInterrupt):
                for line in printed:
                    self._show(self._masked(line.rstrip("\n")))
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
            raise FailedError(f"{shlex.join(command)} ended with {result.returncode}:\n{last}")
        return result.stdout

    def _checked(self, command: tuple[str, ...]) -> list[str]:
        if any(secret in word for secret in self._secrets for word in command):
            raise AssertionError(f"a secret among the arguments of {command[0]}")
        return list(command)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return self.hide(text)

    def _environment(self) -> dict[str, str]:
        return os.environ | self.variables

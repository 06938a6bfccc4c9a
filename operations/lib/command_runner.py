"""Running programs: no secret is ever an argument, and a failure says what failed."""

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
    """Runs commands; of those that change something, a dry run only shows the line."""

    def __init__(self, show: Callable[[str], None], *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.variables: dict[str, str] = {}
        """Added to the environment of every command."""
        self.hide: Callable[[str], str] = str
        """Hides more than the secrets that are kept, in what commands print."""
        self._show = show
        self._secrets: set[str] = set()

    def keep_secret(self, *values: str) -> None:
        """From now on a command that has one of them among its arguments is refused, and output is masked."""
        self._secrets |= set(values)

    def read(self, *words: str) -> str:
        """What a command that changes nothing prints."""
        return self._run(words, None)

    def change(self, *words: str, given: str | None = None, hidden: Mapping[str, str] | None = None) -> str:
        """What a command prints that changes something; `given` is its standard input."""
        if self.dry_run:
            self._show(f"would run: {shlex.join(words)}")
            return ""
        return self._run(words, given, hidden)

    def lines(
        self, *words: str, only: Collection[str] | None = None, output: IO[str] | None = None
    ) -> Generator[str]:
        """The lines of a command as they come; it may take long. It sees `only` these variables. With a file
        for its `output`, which goes there as it is, the lines are those of its errors.

        Whoever asks shows them, so that a failure does not repeat them. The command is in a session of its
        own: Ctrl-C reaches it once, by `_stop`, and not from the terminal as well, which Pulumi would take
        for the second Ctrl-C that cuts off what is under way.
        """
        try:
            process = subprocess.Popen(
                self._checked(words),
                env={k: v for k, v in self._environment().items() if only is None or k in only},
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE if output else subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise FailedError(f"{words[0]} is not installed, or not in PATH") from None
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
                self._stop(process, printed, words[0])
        if code:
            raise FailedError(f"{shlex.join(words)} ended with {code}")

    def _stop(self, process: "subprocess.Popen[str]", printed: IO[str], name: str) -> None:
        """End a command: ask it first, insist at the second Ctrl-C, and kill it at the third."""
        self._show(f"stopping: {name} finishes what it has begun; Ctrl-C again cuts that off")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(KeyboardInterrupt):
                for line in printed:
                    self._show(self._masked(line.rstrip("\n")))
                process.wait()
                return

    def _run(self, words: tuple[str, ...], given: str | None, hidden: Mapping[str, str] | None = None) -> str:
        try:
            done = subprocess.run(
                self._checked(words),
                env=self._environment() | dict(hidden or {}),
                input=given if given is not None else "",
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError:
            raise FailedError(f"{words[0]} is not installed, or not in PATH") from None
        if done.returncode:
            said = self._masked((done.stderr or done.stdout).strip())
            last = "\n".join(said.splitlines()[-LAST_LINES:])
            raise FailedError(f"{shlex.join(words)} ended with {done.returncode}:\n{last}")
        return done.stdout

    def _checked(self, words: tuple[str, ...]) -> list[str]:
        if any(secret in word for secret in self._secrets for word in words):
            raise AssertionError(f"a secret among the arguments of {words[0]}")
        return list(words)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return self.hide(text)

    def _environment(self) -> dict[str, str]:
        return os.environ | self.variables

"""Progress of a review on standard error, with a sign of life every few seconds."""

import os
import re
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

from review.render.filters import neutralize_commands, show_unseen
from sandbox import terminal

INTERVAL = 4.0
"""Seconds without output after which a line names the current activity, in a log or a pipe."""

BLINK = 0.5
"""Seconds between two checks for silence, and between two updates of a terminal's last line."""

EVALUATED = re.compile(r"(\S+): (base|head) evaluated")
"""Pattern of the line that says that a side of a stack is evaluated."""

LONGEST = 2000
"""Largest number of characters in a line."""


class Status:
    """A reporter of lines with the seconds since the start, and of the current activity in between.

    On a terminal, the last line shows the activity and is overwritten. Elsewhere, the activity is repeated
    every few seconds.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._activity = "getting ready"
        self._started = self._last = time.monotonic()
        self._updates = terminal.repeat(self._update, BLINK)
        self._phase = ("", self._started)
        """The name of the current phase, and its start."""
        self.seconds: dict[str, float] = {}
        """Durations of the phases that have ended, by name, and of the whole review so far."""

    def __enter__(self) -> Self:
        self._updates.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._updates.__exit__(kind, error, trace)
        self._clear()

    def line(self, text: str) -> None:
        """Print a line that is not overwritten."""
        with self._lock:
            self._print(text)
            if match := EVALUATED.fullmatch(text):
                stack, side = match.groups()
                before = sum(self.seconds.get(f"{stack}, {earlier}", 0.0) for earlier in ("base", "head"))
                started = self._phase[1] if self._phase[0] == "evaluating" else self._started
                self.seconds[f"{stack}, {side}"] = round(time.monotonic() - started - before, 1)

    def activity(self, text: str) -> None:
        """Set the current activity. Activities that begin with the same word are one phase."""
        with self._lock:
            self._activity = text
            name = text.partition(" ")[0]
            if name != self._phase[0]:
                self._end_phase(name)

    def end(self) -> dict[str, float]:
        """End the last phase, and return the durations of all phases in seconds."""
        with self._lock:
            self._end_phase("")
            return self.seconds | {"total": round(time.monotonic() - self._started, 1)}

    def _end_phase(self, following: str) -> None:
        name, started = self._phase
        now = time.monotonic()
        if name:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + now - started, 1)
        self._phase = following, now

    def _update(self) -> None:
        with self._lock:
            if self._terminal:
                width = shutil.get_terminal_size().columns - 1
                text = self._stamped(f"… {self._activity}")[:width]
                print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            elif time.monotonic() - self._last >= INTERVAL:
                self._print(f"… {self._activity}")

    def _print(self, text: str) -> None:
        self._clear()
        for line in text.splitlines() or [""]:
            print(self._stamped(line), file=sys.stderr, flush=True)
        self._last = time.monotonic()

    def _stamped(self, text: str) -> str:
        """Return a text with the time before it, so that no line can start with a command of a workflow."""
        return f"{time.monotonic() - self._started:6.1f}s  {neutralize_commands(show_unseen(text))[:LONGEST]}"

    def _clear(self) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

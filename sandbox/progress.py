"""Progress as plain lines on the terminal; nothing is silent for more than five seconds."""

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

QUIET_AT_FIRST = 2.0  # seconds without a line after which the terminal says what is being waited for
QUIET_LATER = 4.0  # seconds between the lines after that; with EVERY it stays below five
EVERY = 0.5  # seconds between two looks at the silence

SIGNS = {"create": "+", "update": "~", "delete": "-", "failed": "!"}
COLOURS = {"+": 32, "~": 33, "-": 31, "!": 31, "bold": 1, "error": 31, "warning": 33}


class Progress:
    """Lines with the seconds since the start. Colour only on a terminal, and not when NO_COLOR is set."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._activity = "getting ready"
        self._started = self._last = time.monotonic()
        self._silence = QUIET_AT_FIRST
        self._lock = threading.RLock()
        self._detail = ("", 0.0)
        """What `tick` was last called with, and when."""
        self.detail: Callable[[], str] = str
        """Return what is being waited for, where somebody knows it better than `doing` does."""

    @property
    def seconds(self) -> float:
        """Seconds since the command started."""
        return time.monotonic() - self._started

    def paint(self, text: str, style: str) -> str:
        return f"\033[{COLOURS[style]}m{text}\033[0m" if self._colour and style in COLOURS else text

    def say(self, text: str) -> None:
        """A line of the answer itself."""
        with self._lock:
            print(text, flush=True)
            self._last = time.monotonic()

    def step(self, text: str) -> None:
        """A line of progress."""
        with self._lock:
            self._silence = QUIET_AT_FIRST
            self.say(f"{self.seconds:6.1f}s  {text}")

    def doing(self, activity: str) -> None:
        """What `tick` says when nothing else has been printed for a while."""
        self._activity = activity

    def tick(self, detail: str = "") -> None:
        """Call often while waiting; prints a line only after a silence."""
        with self._lock:
            self._detail = (detail, time.monotonic())
            if time.monotonic() - self._last >= self._silence:
                self.step("… " + (detail or self.detail() or self._activity))
                self._silence = QUIET_LATER

    @contextmanager
    def heartbeat(self) -> Generator[None]:
        """Break every silence while the body runs, whatever it waits for."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(EVERY):
                detail, since = self._detail
                self.tick(detail if time.monotonic() - since < 2 * EVERY else "")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def waiting_for(self, detail: Callable[[], str]) -> Generator[None]:
        """Have every line that breaks a silence say what `detail` returns while the body runs."""
        before, self.detail = self.detail, detail
        try:
            yield
        finally:
            self.detail = before

    def ask(self, question: str) -> str:
        """Return the line that is typed as the answer; no other line comes in between."""
        with self._lock:
            answer = input(question).strip()
            self._last = time.monotonic()
        return answer

    def resource(self, op: str, typ: str, name: str, done: str) -> None:
        """Print one finished operation on a resource."""
        sign = SIGNS.get(op.split("-")[0], " ")  # create-replacement, delete-replaced
        self.step(f"{self.paint(sign, sign)} {short(typ):<44} {name:<36} {done}")


def name_of(urn: str) -> str:
    """The logical name at the end of a URN."""
    return urn.rpartition("::")[2]


def short(typ: str) -> str:
    """`aws:ec2/vpc:Vpc` as people write it: `aws:ec2:Vpc`."""
    package, module, name = typ.split(":", 2)
    return f"{package}:{module.split('/')[0]}:{name}"

"""Progress as plain lines on the terminal; there is at least one line every five seconds."""

import re
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from sandbox import terminal

ROOT_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource that stands for a stack, and has its outputs."""

QUIET_AT_FIRST = 2.0
"""Seconds without output after which a line tells what the command waits for."""

QUIET_LATER = 4.0
"""Seconds between further such lines. The sum with EVERY is less than five."""

EVERY = 0.5
"""Seconds between two checks of the time since the last line."""

UNCLEAR = re.compile(r"^ +| {2,}| +$|\t|\\(?=[xuU])|⏎|(?:^|(?<= ))\(|,(?= )")
"""Pattern of the white space in a name that Markdown and HTML leave out, of the starts of escapes, of the
sign for a line break, and of what ends a name in a title, `main (aws:ec2:Vpc)`, and in a list of titles.
"""

SIGNS = {"create": "+", "update": "~", "delete": "-", "failed": "!"}
COLOURS = {"+": 32, "~": 33, "-": 31, "!": 31, "bold": 1, "error": 31, "warning": 33}


class Progress:
    """A printer of lines with the seconds since the start, in colour if `terminal.uses_colour` is true."""

    def __init__(self) -> None:
        self._colour = terminal.uses_colour(sys.stdout)
        self._activity = "getting ready"
        self._started = self._last = time.monotonic()
        self._silence = QUIET_AT_FIRST
        self._lock = threading.RLock()
        self._detail = ("", 0.0)
        """The last argument of `tick`, and its time."""
        self.detail: Callable[[], str] = str
        """A function that returns what the command waits for, in more detail than `doing`; may be empty."""

    @property
    def seconds(self) -> float:
        """The seconds since the command started."""
        return time.monotonic() - self._started

    def paint(self, text: str, style: str) -> str:
        """Return the string in the colour that COLOURS has for a style."""
        return terminal.paint(text, COLOURS[style]) if self._colour and style in COLOURS else text

    def say(self, text: str) -> None:
        """Print a line of the result."""
        with self._lock:
            print(text, flush=True)
            self._last = time.monotonic()

    def step(self, text: str) -> None:
        """Print a line of progress."""
        with self._lock:
            self._silence = QUIET_AT_FIRST
            self.say(f"{self.seconds:6.1f}s  {text}")

    def doing(self, activity: str) -> None:
        """Set the activity that `tick` prints if it has no detail."""
        self._activity = activity

    def tick(self, detail: str = "") -> None:
        """Print a line if there was no output for some time. A caller that waits calls this repeatedly."""
        with self._lock:
            self._detail = (detail, time.monotonic())
            if time.monotonic() - self._last >= self._silence:
                self.step("… " + (detail or self.detail() or self._activity))
                self._silence = QUIET_LATER

    @contextmanager
    def heartbeat(self) -> Generator[None]:
        """Call `tick` repeatedly from a thread while the body runs."""

        def beat() -> None:
            detail, since = self._detail
            self.tick(detail if time.monotonic() - since < 2 * EVERY else "")

        with terminal.repeat(beat, EVERY):
            yield

    @contextmanager
    def waiting_for(self, detail: Callable[[], str]) -> Generator[None]:
        """While the body runs, print the result of `detail` after some time without output."""
        before, self.detail = self.detail, detail
        try:
            yield
        finally:
            self.detail = before

    def ask(self, question: str) -> str:
        """Return the line that the user types. No progress is printed meanwhile."""
        with self._lock:
            answer = input(question).strip()
            self._last = time.monotonic()
        return answer

    def resource(self, operation: str, type_token: str, name: str, outcome: str) -> None:
        """Print a line for a finished operation on a resource."""
        sign = SIGNS.get(operation.split("-")[0], " ")  # such as create-replacement or delete-replaced
        self.step(f"{self.paint(sign, sign)} {short(type_token):<44} {name:<36} {outcome}")


def one_line(text: str) -> str:
    """Return a text with a sign in place of each line break, so that it cannot look like further lines."""
    return " ⏎ ".join(text.split("\n"))


def is_root(urn: str) -> bool:
    """Return True for the URN of the resource that stands for a stack.

    A program may give any component the same type, but the engine refuses a second resource with this URN
    (pulumi/pulumi, sdk/go/common/resource/stack.go: DefaultRootStackURN).
    """
    start, _, rest = urn.partition("::")
    project, _, path = rest.partition("::")
    return path == f"{ROOT_TYPE}::{project}-{start.rpartition(':')[2]}"


def name_of(urn: str) -> str:
    """Return the logical name at the end of a URN on one line; it may contain `::`.

    White space that nobody sees is escaped, and so is the start of an escape that is a part of the name, so
    that no two names look the same. No name looks like a title with a type, or like several names.
    """
    name = urn.split("::", 3)[-1].replace("\n", " \n ")
    return UNCLEAR.sub(lambda match: "".join(map(_escape, match[0])), name).replace("\n", "⏎")


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if char < "\x80" else f"\\u{ord(char):04x}"


def short(type_token: str) -> str:
    """Return a shortened type token: `aws:ec2:Vpc` for `aws:ec2/vpc:Vpc`.

    The type of a component may have any number of parts.
    """
    package, _, rest = type_token.partition(":")
    module, colon, name = rest.partition(":")
    return f"{package}:{module.partition('/')[0]}:{name}" if colon else type_token

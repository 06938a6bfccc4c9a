"""What is happening, as plain lines on the terminal, so that nothing is silent for more than two seconds."""

import os
import sys
import time

QUIET_AT_FIRST = 2.0  # seconds without a line after which the terminal says what is being waited for
QUIET_LATER = 10.0  # seconds between the lines after that, so that a long wait stays readable

SIGNS = {"create": "+", "update": "~", "delete": "-", "failed": "!"}
COLOURS = {"+": 32, "~": 33, "-": 31, "!": 31, "bold": 1, "error": 31, "warning": 33}


class Progress:
    """Lines with the seconds since the start. Colour only on a terminal, and not when NO_COLOR is set."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._activity = "getting ready"
        self._started = self._last = time.monotonic()
        self._silence = QUIET_AT_FIRST

    @property
    def seconds(self) -> float:
        """Seconds since the command started."""
        return time.monotonic() - self._started

    def paint(self, text: str, style: str) -> str:
        return f"\033[{COLOURS[style]}m{text}\033[0m" if self._colour and style in COLOURS else text

    def say(self, text: str) -> None:
        """A line of the answer itself."""
        print(text, flush=True)
        self._last = time.monotonic()

    def step(self, text: str) -> None:
        """A line of progress."""
        self._silence = QUIET_AT_FIRST
        self.say(f"{self.seconds:6.1f}s  {text}")

    def doing(self, activity: str) -> None:
        """What `tick` says when nothing else has been printed for a while."""
        self._activity = activity

    def tick(self, detail: str = "") -> None:
        """Call often while waiting; prints a line only after a silence."""
        if time.monotonic() - self._last >= self._silence:
            self.step("… " + (detail or self._activity))
            self._silence = QUIET_LATER

    def resource(self, op: str, typ: str, name: str, done: str) -> None:
        """One finished operation on a resource."""
        sign = SIGNS.get(op.split("-")[0], " ")  # create-replacement, delete-replaced
        self.step(f"{self.paint(sign, sign)} {short(typ):<44} {name:<36} {done}")


def name_of(urn: str) -> str:
    """The logical name at the end of a URN."""
    return urn.rpartition("::")[2]


def short(typ: str) -> str:
    """`aws:ec2/vpc:Vpc` as people write it: `aws:ec2:Vpc`."""
    package, module, name = typ.split(":", 2)
    return f"{package}:{module.split('/')[0]}:{name}"

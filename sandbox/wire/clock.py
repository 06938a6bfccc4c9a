"""A clock on which AWS's minutes pass faster, and the waits that providers measure with it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

PATH = "/_sandbox/clock"
"""The path at which the AWS API accepts the scale of the clock: PUT {"scale": 60}; 0 switches it off."""

SHORTEST_SLEEP = 0.02
"""Seconds of real time between two polls, at least."""


@dataclass(frozen=True)
class Wait:
    """The wait for a resource, in seconds on the scaled clock."""

    name: str
    type: str
    seconds: float
    """The measured time, with the delays of a busy machine, which the scale multiplies."""
    needed: float
    """The time that AWS takes."""
    limit: float
    """The time after which the provider gives up: `custom_timeouts`, or the provider's default."""


class Clock:
    """A clock on which `scale` seconds pass per second of real time. It collects the waits of a command."""

    def __init__(
        self,
        scale: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.scale = scale
        self.waits: list[Wait] = []
        self._monotonic = monotonic
        self._sleep = sleep

    @classmethod
    def parse(cls, text: str) -> "Clock":
        """Return the clock for a ratio such as `1:60`; raise ValueError for any other text."""
        match = re.fullmatch(r"1:([1-9]\d{0,3})", text)
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]))

    def now(self) -> float:
        """Return the time on this clock in seconds since some moment."""
        return self._monotonic() * self.scale

    def sleep(self, seconds: float) -> None:
        """Sleep for a time on this clock."""
        self._sleep(max(seconds / self.scale, SHORTEST_SLEEP))

    def longest(self, count: int) -> list[Wait]:
        """Return the longest waits, in descending order."""
        return sorted(self.waits, key=lambda wait: -wait.needed)[:count]


def minutes(seconds: float) -> str:
    """Return a time as text, such as `12m05s`; `none` for an unlimited time."""
    if seconds == float("inf"):
        return "none"
    whole = round(seconds)
    return f"{whole // 60}m{whole % 60:02}s"

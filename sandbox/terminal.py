"""Terminal output that all commands share: colours, and a thread that breaks a silence."""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO


def uses_colour(stream: TextIO) -> bool:
    """Return True for a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: int) -> str:
    """Return the text with the escape sequences of an SGR colour, such as 31 for red."""
    return f"\033[{colour}m{text}\033[0m"


@contextmanager
def repeat(action: Callable[[], None], seconds: float) -> Generator[None]:
    """Call `action` from a thread at an interval while the body runs."""
    finished = threading.Event()

    def run() -> None:
        while not finished.wait(seconds):
            action()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()

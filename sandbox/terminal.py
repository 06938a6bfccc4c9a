"""Helpers for the terminal output of all commands: colours and a repeating thread."""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO


def uses_colour(stream: TextIO) -> bool:
    """Return True if the stream is a terminal and NO_COLOR is not set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: int) -> str:
    """Return the string in a colour; `colour` is an SGR code, such as 31 for red."""
    return f"\033[{colour}m{text}\033[0m"


@contextmanager
def repeat(action: Callable[[], None], seconds: float) -> Generator[None]:
    """Call `action` from a thread while the body runs, every `seconds` seconds."""
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

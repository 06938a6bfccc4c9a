"""A replacement for the waits of one thread."""

import threading
import time
from collections.abc import Callable

import pytest


def replace_sleep(monkeypatch: pytest.MonkeyPatch, action: Callable[[float], object]) -> None:
    """Call `action` with the seconds in place of each wait of this thread; other threads wait as before."""
    thread, sleep = threading.get_ident(), time.sleep

    def act_or_sleep(seconds: float) -> None:
        if threading.get_ident() == thread:
            action(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr(time, "sleep", act_or_sleep)

"""Tests of the colours and of the repeating thread."""

import io
import threading

import pytest

from sandbox import terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_colour_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.uses_colour(Terminal())
    assert not terminal.uses_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.uses_colour(Terminal())


def test_an_action_is_repeated_until_the_body_ends() -> None:
    calls: list[threading.Thread] = []
    called_twice = threading.Event()

    def action() -> None:
        calls.append(threading.current_thread())
        if len(calls) == 2:
            called_twice.set()

    with terminal.repeat(action, 0.001):
        assert called_twice.wait(10)
    assert not calls[0].is_alive()

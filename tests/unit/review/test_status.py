"""Tests of progress: an overwritten line on a terminal, a new line every few seconds elsewhere."""

import io
import sys
import time

import pytest

from review import status
from review.status import Status


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "BLINK", 0.01)


def test_a_log_is_silent_for_five_seconds_at_most() -> None:
    assert status.INTERVAL + status.BLINK < 5


def test_a_log_names_the_activity_only_after_a_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status, "INTERVAL", 0.2)
    with Status() as reporter:
        reporter.activity("evaluating dev (base)")
        for _ in range(10):
            reporter.line("dev: base evaluated")
            time.sleep(0.04)
        before = capsys.readouterr().err
        time.sleep(0.5)
    assert "…" not in before
    after = capsys.readouterr().err.splitlines()
    assert 1 <= len(after) <= 3
    assert {line.split("s  ")[1] for line in after} == {"… evaluating dev (base)"}


def test_a_terminal_shows_the_activity_in_one_line_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Status() as reporter:
        reporter.activity("evaluating")
        time.sleep(0.1)
        reporter.line("evaluated")
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert "\r\x1b[K" in text.partition("… evaluating")[0]
    assert text.endswith("\r\x1b[K")


def test_no_line_of_a_program_controls_a_terminal_or_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Status().line("dev\n::warning::forged\x1b[2J" + "x" * 5000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert not [line for line in lines if line.lstrip().startswith("::") or "\x1b" in line]
    assert len(lines[1]) < 2100


def test_the_time_of_each_phase_and_of_each_side_of_a_stack_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    reporter = Status()
    for seconds, action, text in (
        (1, reporter.activity, "copying base and head"),
        (2, reporter.activity, "evaluating dev (base)"),
        (5, reporter.line, "dev: base evaluated"),
        (0, reporter.activity, "evaluating dev (head)"),
        (3, reporter.line, "dev: head evaluated"),
        (0, reporter.activity, "building the report"),
        (1, reporter.line, "something else"),
    ):
        now[0] += seconds
        action(text)
    assert reporter.end() == {
        "copying": 2.0,
        "dev, base": 5.0,
        "dev, head": 3.0,
        "evaluating": 8.0,
        "building": 1.0,
        "total": 12.0,
    }

"""Tests of the runner of external commands: masked secrets, errors, Ctrl-C and dry runs."""

import sys
import time

import pytest

from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError
from review.plain_data import build_mask

SECRET = "planted-in-this-test"


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def runner(shown: list[str]) -> CommandRunner:
    command_runner = CommandRunner(shown.append)
    command_runner.keep_secret(SECRET)
    return command_runner


def test_a_secret_is_never_an_argument(runner: CommandRunner) -> None:
    with pytest.raises(AssertionError, match="an argument of echo contains a secret"):
        runner.change("echo", f"--password={SECRET}")
    with pytest.raises(AssertionError):
        list(runner.lines("echo", SECRET))


def test_a_secret_is_passed_by_standard_input_and_masked_in_errors(runner: CommandRunner) -> None:
    assert runner.change("wc", "-c", stdin=SECRET).strip() == str(len(SECRET))
    with pytest.raises(FailedError) as failed:
        runner.change("sh", "-c", "cat >&2; exit 3", stdin=f"wrong: {SECRET}")
    assert "failed with exit code 3:\nwrong: [secret]" in str(failed.value)


def test_lines_are_masked_and_a_failure_follows_the_last(runner: CommandRunner) -> None:
    runner.variables["PLANTED"] = SECRET
    seen: list[str] = []
    with pytest.raises(FailedError, match="failed with exit code 4"):
        for line in runner.lines("sh", "-c", 'echo one; echo "$PLANTED"; exit 4'):
            seen.append(line)
    assert seen == ["one", "[secret]"]


def test_a_failure_does_not_repeat_printed_lines(runner: CommandRunner) -> None:
    with pytest.raises(FailedError) as failed:
        list(runner.lines("sh", "-c", "echo wrong; exit 4"))
    assert str(failed.value) == "sh -c 'echo wrong; exit 4' failed with exit code 4"


STUBBORN = """
import os, signal, sys, time

def end(number, _frame):
    # A signal may arrive within the print below, which cannot be called again then.
    os.write(1, b"finishing\\n" if number == signal.SIGINT else b"given up\\n")
    if number == signal.SIGTERM or sys.argv[1] == "1":
        sys.exit(1)

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("working", flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_interrupts_a_command_and_the_second_one_terminates_it(
    shown: list[str], runner: CommandRunner, presses: int
) -> None:
    if presses == 2:
        original = runner._show  # pyright: ignore[reportPrivateUsage]

        def press(text: str) -> None:
            original(text)
            if text == "finishing":
                raise KeyboardInterrupt

        runner._show = press  # pyright: ignore[reportPrivateUsage]
    began = time.monotonic()
    lines = runner.lines(sys.executable, "-c", STUBBORN, str(presses))
    assert next(lines) == "working"
    with pytest.raises(KeyboardInterrupt):
        lines.throw(KeyboardInterrupt)
    assert shown[:2] == [
        f"stopping: {sys.executable} finishes its current operations; Ctrl-C again interrupts them",
        "finishing",
    ]
    assert shown[2:] == ["given up"] * (presses - 1)
    assert time.monotonic() - began < 10


def test_a_dry_run_prints_commands_that_change_something_and_skips_them(shown: list[str]) -> None:
    runner = CommandRunner(shown.append, dry_run=True)
    assert runner.change("false", "it's") == ""
    assert shown == ["would run: false 'it'\"'\"'s'"]
    assert runner.read(sys.executable, "-c", "print(1)") == "1\n"


def test_a_missing_program_is_named(runner: CommandRunner) -> None:
    with pytest.raises(FailedError, match="no-such-program is not installed, or not in PATH"):
        runner.read("no-such-program")


SPLIT = """
import signal, sys, time

signal.signal(signal.SIGINT, lambda *_arguments: sys.exit(1))
sys.stdout.write(f"ready\\nx {sys.argv[1]}\\n{sys.argv[2]} y\\n")
sys.stdout.flush()
while True:
    time.sleep(0.1)
"""


def test_a_secret_in_two_lines_is_masked_and_ctrl_c_loses_no_line(
    shown: list[str], runner: CommandRunner
) -> None:
    runner.hide = build_mask([SECRET])
    begin, end = SECRET[:9], SECRET[9:]
    assert list(runner.lines("printf", f"x {begin}\n{end} y\n")) == ["x [secret]", "[secret] y"]
    lines = runner.lines(sys.executable, "-c", SPLIT, begin, end)
    assert next(lines) == "ready"
    with pytest.raises(KeyboardInterrupt):
        lines.throw(KeyboardInterrupt)
    assert shown[1:3] == ["x [secret]", "[secret] y"]

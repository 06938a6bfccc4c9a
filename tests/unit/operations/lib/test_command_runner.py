import sys
import time

import pytest

from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError

SECRET = "planted-in-this-test"


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def programs(shown: list[str]) -> CommandRunner:
    made = CommandRunner(shown.append)
    made.keep_secret(SECRET)
    return made


def test_a_secret_is_never_an_argument(programs: CommandRunner) -> None:
    with pytest.raises(AssertionError, match="a secret among the arguments of echo"):
        programs.change("echo", f"--password={SECRET}")
    with pytest.raises(AssertionError):
        list(programs.lines("echo", SECRET))


def test_a_secret_goes_in_by_standard_input_and_is_masked_when_it_comes_back(programs: CommandRunner) -> None:
    assert programs.change("wc", "-c", stdin=SECRET).strip() == str(len(SECRET))
    with pytest.raises(FailedError) as failed:
        programs.change("sh", "-c", "cat >&2; exit 3", stdin=f"wrong: {SECRET}")
    assert "ended with 3:\nwrong: [secret]" in str(failed.value)


def test_lines_come_one_by_one_masked_and_a_failure_has_the_last(programs: CommandRunner) -> None:
    programs.variables["PLANTED"] = SECRET
    seen: list[str] = []
    with pytest.raises(FailedError, match="ended with 4"):
        for line in programs.lines("sh", "-c", 'echo one; echo "$PLANTED"; exit 4'):
            seen.append(line)
    assert seen == ["one", "[secret]"]


def test_a_failure_does_not_repeat_the_lines_that_were_shown(programs: CommandRunner) -> None:
    with pytest.raises(FailedError) as failed:
        list(programs.lines("sh", "-c", "echo wrong; exit 4"))
    assert str(failed.value) == "sh -c 'echo wrong; exit 4' ended with 4"


STUBBORN = """
import signal, sys, time

def end(number, _frame):
    print("finishing" if number == signal.SIGINT else "given up", flush=True)
    if number == signal.SIGTERM or sys.argv[1] == "1":
        sys.exit(1)

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("working", flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_asks_a_command_to_end_and_the_second_one_insists(
    shown: list[str], programs: CommandRunner, presses: int
) -> None:
    if presses == 2:
        original = programs._show  # pyright: ignore[reportPrivateUsage]

        def press(text: str) -> None:
            original(text)
            if text == "finishing":
                raise KeyboardInterrupt

        programs._show = press  # pyright: ignore[reportPrivateUsage]
    began = time.monotonic()
    lines = programs.lines(sys.executable, "-c", STUBBORN, str(presses))
    assert next(lines) == "working"
    with pytest.raises(KeyboardInterrupt):
        lines.throw(KeyboardInterrupt)
    assert shown[:2] == [
        f"stopping: {sys.executable} finishes what it has begun; Ctrl-C again cuts that off",
        "finishing",
    ]
    assert shown[2:] == ["given up"] * (presses - 1)
    assert time.monotonic() - began < 10


def test_a_dry_run_shows_what_it_would_change_and_does_not(shown: list[str]) -> None:
    programs = CommandRunner(shown.append, dry_run=True)
    assert programs.change("false", "it's") == ""
    assert shown == ["would run: false 'it'\"'\"'s'"]
    assert programs.read(sys.executable, "-c", "print(1)") == "1\n"


def test_a_program_that_is_missing_is_named(programs: CommandRunner) -> None:
    with pytest.raises(FailedError, match="no-such-program is not installed, or not in PATH"):
        programs.read("no-such-program")

"""Tests of the evaluation's process: messages, limits and end."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from review.jail import isolation, messages, process_table, supervisor
from review.jail.messages import Request
from review.jail.process_table import Process
from review.jail.supervisor import Bounds, Command, evaluate, excess, time_limit
from review.model import Report
from review.status import Status
from sandbox.errors import CommandError
from tests.support.review import samples

ROOT = Path(__file__).parents[4]
COMPLETED = f"import json; print({json.dumps(asdict(messages.Completed(samples.report())))!r}, flush=True)"
"""Program that sends a report."""

INTERRUPTED = "import os, signal; signal.signal(2, signal.default_int_handler); os.kill(os.getpid(), 2)"
"""Program that is interrupted, also if the caller ignores interrupts, as a job in the background does."""


PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
"""Program that runs another one in a process of its own, since that of the evaluation does not count."""


def run(tmp_path: Path, program: str, bounds: Bounds | None = None) -> Report:
    """Supervise a program in place of the evaluation."""
    request = Request(tmp_path, tmp_path, tmp_path, ("base", "head"), (), {}, 1, (), False, "salt")
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return evaluate(Command(command, tmp_path, dict(os.environ)), request, Status(), bounds)


def test_a_report_arrives_as_it_was_sent(tmp_path: Path) -> None:
    assert run(tmp_path, COMPLETED) == samples.report()


def test_the_request_arrives_on_standard_input(tmp_path: Path) -> None:
    program = f"""
        import json, sys
        assert json.load(sys.stdin)["names"] == ["base", "head"]
        {COMPLETED}
    """
    assert run(tmp_path, program).base == "main"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('{}')", "sent an invalid message"),
        ("print('[' * 100000)", "sent an invalid message"),
        ("""print('{"kind": "completed", "report": {"code": 0}}')""", "sent an invalid message"),
        ("""print('{"kind": "failure", "text": "no stack"}'); exit(2)""", "^no stack$"),
        ("exit(0)", "ended with 0 and without a valid report"),
        ("raise ValueError('broken')", "(?s)ended with 1 and without a valid report.*ValueError: broken"),
        (f"{COMPLETED}; exit(1)", "ended with 1 and without a valid report"),
        (f"{COMPLETED}; {INTERRUPTED}", "and without a valid report"),
    ],
)
def test_only_the_report_of_a_successful_evaluation_counts(
    program: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=message):
        run(tmp_path, program)


def test_endless_messages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LONGEST", 1000)
    with pytest.raises(CommandError, match="a message of more than 1,000 bytes"):
        run(tmp_path, "while True: print('x' * 1000, end='')")
    monkeypatch.setattr(messages, "MOST", 10)
    with pytest.raises(CommandError, match="more than 10 messages"):
        run(tmp_path, """while True: print('{"kind": "line", "text": "x"}')""")


def test_only_the_end_of_long_errors_is_kept(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        run(tmp_path, "import sys; sys.stderr.write('x' * 10**7); sys.exit(3)")
    assert len(str(error.value)) < 5000


def test_endless_memory_is_stopped(tmp_path: Path) -> None:
    program = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; held = b'x' * 200 * 2**20; time.sleep(60)"])
        time.sleep(60)
    """
    with pytest.raises(CommandError, match="of memory; the limit is 104,857,600"):
        run(tmp_path, program, Bounds(memory=100 * 2**20))


def test_endless_processes_are_stopped(tmp_path: Path) -> None:
    program = """
        import subprocess, time
        started = [subprocess.Popen(["sleep", "7318"]) for _ in range(20)]
        time.sleep(60)
    """
    with pytest.raises(CommandError, match="processes; the limit is 10"):
        run(tmp_path, program, Bounds(processes=10))
    assert not _running("sleep", "7318")


def test_a_chain_of_any_length_and_a_circle_of_processes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    length = 2000
    # PIDs beyond the largest one (proc(5): /proc/sys/kernel/pid_max).
    start = 2**22
    numbers = range(start, start + length)
    links = [*pairwise(numbers), (numbers[-1], numbers[1])]
    children = {parent: [Process(child, parent, 1, 0, ended=False)] for parent, child in links}
    monkeypatch.setattr(supervisor, "_children", lambda: children)
    bounds = Bounds(memory=2**60, processes=100)
    assert excess([start], bounds) == f"it ran {length - 1} processes; the limit is 100"


def test_an_evaluation_whose_limits_cannot_be_checked_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> str:
        raise RecursionError

    monkeypatch.setattr(supervisor, "excess", fail)
    with pytest.raises(
        CommandError, match=r"stopped: its limits could not be checked \(RecursionError\(\)\)"
    ):
        run(tmp_path, "import time; time.sleep(60)")


def test_the_evaluation_is_stopped_before_the_machine_has_no_memory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"the machine has [\d,]+ bytes of memory left, less than 100%"):
        run(tmp_path, "import time; time.sleep(60)", Bounds(free_part=1))


def test_reserved_memory_and_open_files_of_the_machine_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = Bounds(memory=2**60, unseen=False, open_files=1000)
    monkeypatch.setattr(process_table, "open_files", lambda: 51_000)
    monkeypatch.setattr(process_table, "reservable_memory", lambda: None)
    assert excess([], bounds) == ""
    monkeypatch.setattr(process_table, "reservable_memory", lambda: 2**20)
    assert excess([], bounds) == "the machine has 1,048,576 bytes of memory left, less than 5%"
    monkeypatch.setattr(process_table, "reservable_memory", lambda: 2**60)
    monkeypatch.setattr(process_table, "open_files", lambda: 51_001)
    assert excess([], bounds) == "the machine opened more than 50,000 files (/proc/sys/fs/file-nr)"


def test_the_next_check_does_not_wait_while_the_machine_loses_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "INTERVAL", 60)
    monkeypatch.setattr(supervisor, "GROWTH_BYTES", 2**24)
    # The process shows in the other ones' memory only after the first check.
    program = """
        import time
        time.sleep(2)
        held = b"x" * 400 * 2**20
        time.sleep(60)
    """
    started = time.monotonic()
    with pytest.raises(CommandError, match="of memory; the limit is 104,857,600"):
        run(tmp_path, PARENT.format(program=textwrap.dedent(program)), Bounds(memory=100 * 2**20))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("completes", [False, True])
def test_the_programs_are_killed_before_the_review_ends_its_processes(
    completes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def end(process: "subprocess.Popen[bytes]") -> None:
        ended.append(process.wait(timeout=120))

    monkeypatch.setattr(supervisor, "_end", end)
    request = Request(tmp_path, tmp_path, tmp_path, ("base", "head"), (), {}, 1, (), False, "salt")
    arguments = [sys.executable, "-c", COMPLETED] if completes else ["sleep", "60"]
    evaluation = Command(arguments, tmp_path, dict(os.environ))
    program = Command(["sh", "-c", "sleep 7321 & sleep 7321"], tmp_path, dict(os.environ))
    bounds = Bounds() if completes else Bounds(memory=1)
    with nullcontext() if completes else pytest.raises(CommandError, match="its processes took"):
        evaluate(evaluation, request, Status(), bounds, [program])
    assert ended[0] == (0 if completes else -signal.SIGKILL)
    assert ended[1] in (-signal.SIGKILL, 128 + signal.SIGKILL), "the shell, or the command for which it waits"
    assert not _running("sleep", "7321")


def test_too_many_processes_are_stopped_before_their_memory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Path) -> int:
        raise AssertionError("the memory of thousands of processes takes seconds to read")

    monkeypatch.setattr(process_table, "memory", refuse)
    process = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & wait"])
    try:
        until = time.monotonic() + 120
        while (
            not (reason := excess([], Bounds(processes=0, unseen=False), [process.pid]))
            and time.monotonic() < until
        ):
            time.sleep(0.05)
        assert re.fullmatch(r"it ran [12] processes; the limit is 0", reason)
        assert supervisor.direct_children(process.pid) == [
            child.pid for child in psutil.Process(process.pid).children()
        ]
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.wait()


def test_threads_are_counted() -> None:
    program = (
        "import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(20)]"
    )
    process = subprocess.Popen(["sh", "-c", f'{sys.executable} -c "{program}"; true'])
    try:
        until = time.monotonic() + 120
        while not (reason := excess([process.pid], Bounds(threads=10))) and time.monotonic() < until:
            time.sleep(0.05)
        assert "threads; the limit is 10" in reason
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.wait()


def test_the_processes_of_a_program_have_a_limit_of_their_own() -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & sleep 60 & wait"])
    try:
        bounds, until = Bounds(program_processes=2), time.monotonic() + 120
        while not (reason := excess([], bounds, [process.pid])) and time.monotonic() < until:
            time.sleep(0.05)
        assert reason == "a program ran 3 processes; the limit is 2"
        assert excess([process.pid], bounds) == ""
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.wait()


@pytest.mark.parametrize(
    ("program", "bounds", "message"),
    [
        (
            # One file under 50 numbers, in an instance of epoll whose process cannot be traced.
            "import os, select, time, ctypes; poll, file = select.epoll(), os.eventfd(0)\n"
            "for number in range(20, 70):\n"
            "    os.dup2(file, number); poll.register(number, 0); os.close(number)\n"
            "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); time.sleep(60)",
            Bounds(watches=49),
            "the programs watched 50 files; the limit is 49",
        ),
        (
            "import os, time; pipes = [os.pipe() for _ in range(9)]; time.sleep(60)",
            Bounds(pipes=8),
            "the programs had 9 pipes; the limit is 8",
        ),
    ],
    ids=["watches", "pipes"],
)
def test_objects_that_the_kernel_limits_for_a_user_are_counted(
    program: str, bounds: Bounds, message: str
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has /proc")
    null = subprocess.DEVNULL
    command = ["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", program]
    process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
    try:
        until = time.monotonic() + 120
        while not (reason := excess([], bounds, [process.pid])) and time.monotonic() < until:
            time.sleep(0.05)
        assert reason == message
        assert excess([process.pid], bounds) == "", "the evaluation runs no code under review"
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.wait()


READ_ONLY = """
import ctypes, mmap, time
held = mmap.mmap(-1, 2**27, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
held.write(b"x" * 2**27)
ctypes.CDLL(None).mprotect(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(held))), 2**27, 1)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_memory_that_a_program_has_made_read_only_counts() -> None:
    bounds = Bounds(process_memory=2**26)
    with subprocess.Popen(["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", READ_ONLY]) as process:
        try:
            until = time.monotonic() + 120
            while not (reason := excess([], bounds, [process.pid])) and time.monotonic() < until:
                time.sleep(0.05)
            assert re.fullmatch(r"a process took [\d,]+ bytes of memory; the limit is 67,108,864", reason)
            assert excess([process.pid], bounds) == "", "the evaluation runs no code under review"
        finally:
            isolation.end_all([psutil.Process(process.pid)])


PRELUDE = """
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
EXIT = 60 if os.uname().machine == "x86_64" else 93
def end_the_first_thread():
    os.write(1, b"ready")
    libc.syscall(EXIT, 0)
"""
HIDING = {
    "memory": "held = b'x' * 200 * 2**20; threading.Thread(target=time.sleep, args=(60,)).start()",
    "little": "threading.Thread(target=time.sleep, args=(60,)).start()",
    "name": "libc.prctl(15, b'\\vVmPTE: -999999', 0, 0, 0); held = b'x' * 200 * 2**20",
    "threads": "libc.prctl(15, b'Threads:\\t1', 0, 0, 0)\n"
    "for _ in range(20): threading.Thread(target=time.sleep, args=(60,)).start()",
}


@pytest.mark.parametrize(
    ("program", "first_ends", "bounds", "message"),
    [
        ("memory", True, Bounds(memory=100 * 2**20), "of memory; the limit is 104,857,600"),
        ("little", True, Bounds(hidden_seconds=0.2), "it hid what it used: process "),
        ("name", False, Bounds(memory=100 * 2**20), "of memory; the limit is 104,857,600"),
        ("threads", False, Bounds(threads=20), "it ran 21 threads; the limit is 20"),
    ],
)
def test_a_process_cannot_hide_its_memory_and_threads(
    program: str, first_ends: bool, bounds: Bounds, message: str
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has /proc")
    end = "end_the_first_thread()" if first_ends else "os.write(1, b'ready'); time.sleep(60)"
    command = [sys.executable, "-c", f"{PRELUDE}\n{HIDING[program]}\n{end}"]
    with subprocess.Popen(["sh", "-c", '"$@"; true', "sh", *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.read(5) == b"ready"
            time.sleep(0.1)
            assert message in excess([process.pid], bounds)
        finally:
            isolation.end_all([psutil.Process(process.pid)])


@pytest.mark.parametrize(("at_start", "stopped"), [(0, True), (3, False)], ids=["a machine", "a container"])
def test_memory_that_goes_from_process_to_process_is_noticed(
    at_start: int, stopped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = iter([at_start * 2**30])

    def unseen_memory(_least: int = 0) -> int:
        return next(unseen, 3 * 2**30)

    monkeypatch.setattr(process_table, "unseen_memory", unseen_memory)
    bounds = Bounds(memory=2 * 2**30, hidden_seconds=0.1)
    if stopped:
        message = "it hid what it used: with memory that no process shows, more than 2,147,483,648 bytes"
        with pytest.raises(CommandError, match=message):
            run(tmp_path, "import time; time.sleep(60)", bounds)
    else:
        assert run(tmp_path, f"import time; time.sleep(1); {COMPLETED}", bounds) == samples.report()


def test_memory_that_the_kernel_takes_for_the_processes_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = iter([2**30])
    monkeypatch.setattr(process_table, "kernel_memory", lambda: next(taken, 5 * 2**30))
    message = r"its processes took 4,\d+,\d+,\d+ bytes of memory; the limit is 3,221,225,472"
    with pytest.raises(CommandError, match=message):
        run(tmp_path, "import time; time.sleep(60)", Bounds(memory=3 * 2**30))


def test_caches_of_the_kernel_that_grow_too_much_stop_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = iter([2**30])
    monkeypatch.setattr(process_table, "kernel_caches", lambda: next(cached, 3 * 2**30 + 1))
    message = r"stopped: the kernel's caches of file names and attributes grew by 2,147,483,649 bytes \(SRecl"
    with pytest.raises(CommandError, match=message):
        run(tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(process_table, "kernel_caches", lambda: 3 * 2**30)
    assert excess([], Bounds(memory=2**60, unseen=False, kernel_caches=2**30)) == ""


def test_a_process_that_hides_its_files_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        """Open files that the kernel shows only to root, after PR_SET_DUMPABLE or for another user."""

        watches, pipes = 0, ()

        def add(self, folder: Path) -> None:
            raise PermissionError(folder)

    monkeypatch.setattr(supervisor, "SharedObjects", Hidden)
    first, second = (Process(2**22 + number, 2**22 + number - 1, 1, 7, ended=False) for number in (1, 2))
    children: dict[int, list[Process]] = {first.parent: [first]}
    monkeypatch.setattr(supervisor, "_children", lambda: children)
    bounds = Bounds(hidden_seconds=0)
    assert excess([], bounds, [first.parent]) == "", "the first process of an isolation is the review's own"
    children[first.pid] = [second]
    message = f"it hid what it used: process {second.pid}, which started at 7"
    assert excess([], bounds, [first.parent]) == message
    starting = Process(first.parent, 2**21, 1, 7, ended=False)
    children[starting.parent] = [starting]
    waiting = replace(bounds, waits=True)
    assert excess([], waiting, [starting.parent]) == message
    assert excess([], replace(waiting, program_processes=2), [starting.parent]) == message
    assert excess([], replace(waiting, program_processes=1), [starting.parent]).startswith("a program ran 2 ")
    later: dict[int, list[Process]] = {}
    reads = iter([children])
    # It is ending, or executes a file.
    monkeypatch.setattr(supervisor, "_children", lambda: next(reads, later))
    assert excess([], Bounds(), [first.parent]) == ""


def test_an_endless_program_is_stopped_by_the_outer_limit(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match=r"stopped after 0.01 minutes; --minutes allows more"),
        time_limit(0.6),
    ):
        run(tmp_path, "import subprocess; subprocess.run(['sleep', '7319'])")
    assert not _running("sleep", "7319")


def test_the_outer_limit_ends_a_process_that_is_not_yet_known() -> None:
    """The signal arrives while a process starts, so no context manager has it."""
    with pytest.raises(CommandError), time_limit(0.1):
        subprocess.Popen(["sleep", "7318"])
        time.sleep(5)
    assert not _running("sleep", "7318")


def test_code_that_ignores_errors_does_not_ignore_the_outer_limit() -> None:
    started = time.monotonic()
    with pytest.raises(CommandError, match="stopped after"), time_limit(0.1):
        for _ in range(100):
            with suppress(Exception):
                time.sleep(1)
    assert time.monotonic() - started < 50


class Finalized:
    def __del__(self) -> None:
        time.sleep(1)


ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@ignored
def test_the_signal_of_the_outer_limit_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "REPEAT_SECONDS", 1)
    started = time.monotonic()
    with pytest.raises(CommandError, match="stopped after"), time_limit(0.1):
        Finalized()
        time.sleep(100)
    assert time.monotonic() - started < 50


@ignored
def test_a_body_that_ends_at_the_outer_limit_is_stopped_by_it() -> None:
    with pytest.raises(CommandError, match="stopped after"), time_limit(0.1):
        Finalized()


LIMITED = """
import resource, subprocess, sys
from review.jail.supervisor import memory_limit
from sandbox.errors import CommandError
allocate = "bytearray(2**30)"
before = resource.getrlimit(resource.RLIMIT_DATA)
try:
    with memory_limit(2**29):
        print(subprocess.run([sys.executable, "-c", allocate], capture_output=True).stderr.split()[-1])
        exec(allocate)
except CommandError as error:
    print(error)
print(resource.getrlimit(resource.RLIMIT_DATA) == before)
"""


def test_the_review_and_what_it_starts_have_a_limit_of_memory() -> None:
    if sys.platform != "linux":
        pytest.skip("other systems do not enforce this limit")
    process = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, cwd=ROOT)
    assert process.stdout.splitlines() == [
        "b'MemoryError'",
        "the review was stopped: it needs more than 536,870,912 bytes of memory.",
        "True",
    ], process.stderr


def _running(*arguments: str) -> bool:
    return any(process.info["cmdline"] == [*arguments] for process in psutil.process_iter(["cmdline"]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_signal_stops_the_review_even_if_a_library_reports_an_error_of_its_own(
    number: signal.Signals,
) -> None:
    before = signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(supervisor.Stopped) as stopped, supervisor.stop_on_signals():
            try:
                signal.raise_signal(number)
            except BaseException as error:
                raise ValueError("cannot serialize") from error
        assert stopped.value.code == 128 + number
        assert signal.getsignal(number) is signal.default_int_handler
        with pytest.raises(ValueError, match="another fault"), supervisor.stop_on_signals():
            raise ValueError("another fault")
    finally:
        signal.signal(number, before)


def test_an_ignored_interrupt_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with supervisor.stop_on_signals():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

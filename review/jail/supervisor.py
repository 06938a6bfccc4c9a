"""Supervision of the evaluation, which is a separate process with limited resources."""

import os
import resource
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from types import FrameType
from typing import IO, cast

import psutil

from review.jail import isolation, messages, process_table
from review.jail.messages import REQUEST, Activity, Completed, Failure, Line, Request
from review.jail.open_files import SharedObjects, UserLimits
from review.jail.processes import Command
from review.model import Report
from review.status import Status
from sandbox.errors import CommandError

MEMORY_BYTES = 6 * 2**30
"""Largest number of bytes of memory of all processes, with swapped memory and page tables. A review of three
stacks takes 2 GB, in 30 processes.
"""

PROCESSES = 256

PROGRAM_PROCESSES = 32
"""Largest number of processes of one program or policy pack under review; the own ones have at most three."""

WATCHES, PIPES = 8192, 384
"""Largest number of files that the programs watch with epoll, and of their pipes. The kernel allows each user
one watch for 4 KB of memory (epoll(7)) and 1,024 pipes of 16 pages (pipe(7)). Small programs have a few.
Those that no file descriptor shows do not count here; UserLimits notices them.
"""

FREE_PART = 0.05
"""Smallest part of the machine's memory that has to stay available while the review runs: the kernel's memory
for a process counts towards none of the other limits, and the filter may allow a call that takes it.
"""

OPEN_FILES = 50_000
"""Largest number of files that the machine opens while the review runs. A process with 128 descriptors may
have 65,530 mappings of files, and Linux allows 100,000 open files for each GB of memory
(fs/file_table.c: files_maxfiles_init).
"""

CACHE_BYTES = 2 * 2**30
"""Largest number of bytes by which the caches of the kernel grow while the review runs. A program that looks
up names fills them without any limit of the kernel, and they displace what others have read from the disk. A
review of all stacks adds less than 0.1 GB, and another process that reads a million files 1.3 GB (the sizes
of ext4_inode_cache and dentry in /proc/slabinfo).
"""

INTERVAL, GROWTH_BYTES, GROWTH_INTERVAL = 0.25, 2**28, 0.02
"""Seconds between two checks of the limits, bytes of the machine's memory after whose loss the next one does
not wait so long, and seconds between two looks at these bytes, which take much less time than a check.
"""

UNSEEN_AT_START = 2**30
"""Largest number of bytes of the machine's memory that no process shows when the review starts. In a
container, it is that of other ones, and it varies.
"""

HIDDEN_SECONDS, HIDDEN_INTERVAL = 3, 0.05
"""Seconds for which a process may hide what it uses, and between two looks at it. While a process ends or has
not yet executed its file, /proc does not show its memory or its files (fs/proc/base.c: task_dump_owner).
"""

REPEAT_SECONDS = 30
"""Seconds after which the signal of the time limit comes again, while the review ends its processes."""

STDERR_CHARACTERS = 4000
"""Number of characters that are kept from the end of standard error."""


@dataclass(frozen=True)
class Bounds:
    """The limits of all processes of the evaluation together, and of the memory that they leave."""

    memory: int = MEMORY_BYTES
    process_memory: int = isolation.UNTRUSTED_LIMITS[resource.RLIMIT_DATA]
    """The limit of each process of the programs. The kernel's own limit does not count memory that a process
    has made read-only (mm/mprotect.c: vm_stat_account).
    """
    processes: int = PROCESSES
    threads: int = isolation.THREADS
    program_processes: int = PROGRAM_PROCESSES
    """The limit of each program and policy pack under review."""
    free_part: float = FREE_PART
    watches: int = WATCHES
    pipes: int = PIPES
    unseen: bool = True
    """Count the memory that no process shows, too. A program can hand its memory on to a new process and end,
    again and again, faster than anybody reads /proc.
    """
    kernel_memory: int | None = None
    """The bytes of the kernel's own memory at the start (process_table.kernel_memory). What it takes beyond
    them counts, too, unless this is None.
    """
    kernel_caches: int | None = None
    """The bytes of the kernel's caches at the start, beyond which they may grow by CACHE_BYTES; None allows
    any number.
    """
    open_files: int | None = None
    """The number of open files of the machine at the start, beyond which it may open OPEN_FILES; None allows
    any number.
    """
    hidden_seconds: float = HIDDEN_SECONDS
    waits: bool = False
    """The command of each program only waits for its child, which starts the isolation (Command.waits)."""


class Stopped(BaseException):
    """A signal that ends the review. As it propagates, processes end and temporary files are deleted."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def stop_on_signals() -> Generator[None]:
    """Make Ctrl-C, SIGTERM and SIGHUP raise Stopped; by default, the latter two leave temporary folders.

    A library may turn this exception into one of its own, as pydantic does while it serializes. So any
    exception after a signal becomes Stopped. An ignored Ctrl-C stays ignored.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise Stopped(number)

    numbers = [signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except Exception as error:
        if received:
            raise Stopped(received[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def memory_limit(limit: int = isolation.LIMITS[resource.RLIMIT_DATA]) -> Generator[None]:
    """Limit this process, and each that it starts, to `limit` bytes of memory in the with statement.

    Raise CommandError if the body needs more. The trees under review decide what it needs: git merges their
    files, and the review reads the files of stacks.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    lowest = min(bound for bound in (limit, *before) if bound != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (lowest, before[1]))
    try:
        yield
    except MemoryError:
        raise CommandError(
            f"the review was stopped: it needs more than {lowest:,} bytes of memory."
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


class TimeLimitReached(BaseException):
    """The signal of the time limit. No code that ignores errors of a file ignores it."""


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Raise CommandError in the with statement after `seconds`, even while its body waits.

    The signal comes again, since Python ignores the exceptions of finalizers, such as `__del__`.
    """
    reached = ended = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal reached
        reached = True
        if not ended:
            raise TimeLimitReached

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    except TimeLimitReached:
        pass
    finally:
        ended = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if reached:
            isolation.end_all()  # The signal may arrive when a process has just started.
    if reached:
        raise CommandError(f"the review was stopped after {seconds / 60:g} minutes; --minutes allows more.")


def evaluate(
    command: Command,
    request: Request,
    status: Status,
    bounds: Bounds | None = None,
    programs: Iterable[Command] = (),
) -> Report:
    """Run the evaluation beside the programs and policy packs under review, and return its report.

    Raises CommandError if the evaluation fails or sends no report, or if these processes together exceed the
    limits.
    """
    isolation.leave_session_keyring()
    bounds = replace(
        bounds or Bounds(),
        unseen=process_table.unseen_memory() < UNSEEN_AT_START,
        kernel_memory=process_table.kernel_memory(),
        kernel_caches=process_table.kernel_caches(),
        open_files=process_table.open_files(),
    )
    user_limits = UserLimits()
    programs = [*programs]
    bounds = replace(bounds, waits=any(program.waits for program in programs))
    with ExitStack() as stack:
        evaluated = [stack.enter_context(running(program)) for program in programs]
        return _evaluate(command, request, status, evaluated, bounds, user_limits)


@contextmanager
def running(command: Command) -> "Generator[subprocess.Popen[bytes]]":
    """Run the process of a program under review, whose output is not read."""
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env=command.environment,
        pass_fds=command.descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        _end(process)


def _evaluate(
    command: Command,
    request: Request,
    status: Status,
    programs: "Sequence[subprocess.Popen[bytes]]",
    bounds: Bounds,
    user_limits: UserLimits,
) -> Report:
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env=command.environment,
        pass_fds=command.descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watch = _Watch(process, programs, bounds, user_limits)
    last: messages.Message | None = None
    try:
        watch.start()
        with suppress(BrokenPipeError), cast(IO[bytes], process.stdin) as stream:
            stream.write(REQUEST.dump_json(request))
        for message in messages.receive(cast(IO[bytes], process.stdout)):
            last = message
            if isinstance(message, Line):
                status.line(message.text)
            elif isinstance(message, Activity):
                status.activity(message.text)
        code = process.wait()
    finally:
        # Nothing looks at the limits any more, and the end of all takes seconds.
        _kill_programs(programs)
        _end(process)
        watch.join()
    if watch.exceeded:
        raise CommandError(f"the program under review was stopped: {watch.exceeded}.")
    if isinstance(last, Failure):
        raise CommandError(last.text)
    if not isinstance(last, Completed) or code:
        raise CommandError(
            f"the evaluation ended with {code} and without a valid report.\n{watch.stderr()}".rstrip()
        )
    return last.report


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its descendants; in isolation, these end with the first process of the namespace."""
    below: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    isolation.end_all(below)


class _Watch:
    """The threads that keep the end of standard error, and kill an evaluation that exceeds its limits."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        programs: "Sequence[subprocess.Popen[bytes]]",
        bounds: Bounds,
        user_limits: UserLimits,
    ) -> None:
        self.exceeded = ""
        self._process = process
        self._programs = programs
        self._bounds = bounds
        self._user_limits = user_limits
        self._stderr: deque[bytes] = deque(maxlen=STDERR_CHARACTERS // 100)
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._check_limits, self._read_stderr)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=5)

    def stderr(self) -> str:
        """Return the end of standard error."""
        return b"".join(self._stderr).decode(errors="replace")[-STDERR_CHARACTERS:]

    def _read_stderr(self) -> None:
        stream = cast(IO[bytes], self._process.stderr)
        while part := stream.readline(1000):
            self._stderr.append(part)

    def _check_limits(self) -> None:
        while self._process.poll() is None:
            try:
                programs = [program.pid for program in self._programs]
                reason = excess([self._process.pid], self._bounds, programs)
                self.exceeded = reason or self._user_limits.exceeded()
            except Exception as error:  # Without this thread, there would be no limits.
                self.exceeded = f"its limits could not be checked ({error!r})"
            if self.exceeded:
                _kill(self._process, self._programs)
                return
            _wait()


def _wait() -> None:
    """Wait until the next check, which is early if the machine loses memory, also while others free some."""
    until, most = time.monotonic() + INTERVAL, 0
    while time.monotonic() < until and (available := _available_memory()) > most - GROWTH_BYTES:
        most = max(most, available)
        time.sleep(GROWTH_INTERVAL)


def _available_memory() -> int:
    """Return the bytes of the machine's memory that processes can still get."""
    available, reservable = psutil.virtual_memory().available, process_table.reservable_memory()
    return available if reservable is None else min(available, reservable)


def _kill(process: "subprocess.Popen[bytes]", programs: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Kill the programs, which may still take memory, then the evaluation, whose end the review awaits."""
    _kill_programs(programs)
    with suppress(psutil.NoSuchProcess):
        evaluation = psutil.Process(process.pid)
        evaluation.suspend()  # Processes that it starts from now on would keep its output open.
        below = evaluation.children(recursive=True)
        process.kill()
        isolation.end_all(below)


def _kill_programs(programs: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Kill the programs without a wait for their ends.

    The first process of each namespace gets its signal before the others are searched, since its end ends
    all. It is bubblewrap, which does not have the low priority of the programs. Each process of a program
    gets its signal from here, too, since without isolation there is no namespace.
    """
    for program in programs:
        for first in direct_children(program.pid):
            with suppress(ProcessLookupError):
                os.kill(first, signal.SIGKILL)
    children = _children()
    for program in programs:
        program.kill()
        for below in _below(program.pid, children):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(below.pid).kill()


def direct_children(pid: int) -> list[int]:
    """Return the children of a process with one thread, without a search of all processes (proc(5))."""
    with suppress(OSError):
        return [*map(int, (process_table.PROCESSES / f"{pid}/task/{pid}/children").read_text().split())]
    return []


def excess(pids: Iterable[int], bounds: Bounds, programs: Iterable[int] = ()) -> str:
    """Return a message on a limit that the processes' descendants exceed, or an empty string.

    The descendants of `pids` and of `programs`, the programs under review, count together. A process that
    hides what it uses exceeds the limits, unless it is about to end, or to execute a file.
    """
    pids, programs = [*pids], [*programs]
    until = time.monotonic() + bounds.hidden_seconds
    reason, hidden = _excess(pids, bounds, programs)
    while hidden and not reason:
        if time.monotonic() > until:
            return f"it hid what it used: {min(hidden)}"
        time.sleep(HIDDEN_INTERVAL)
        reason, still_hidden = _excess(pids, bounds, programs)
        hidden &= still_hidden
    return reason


def _excess(pids: Sequence[int], bounds: Bounds, programs: Sequence[int]) -> tuple[str, set[str]]:
    """Return the message, and names of the processes that hide what they use."""
    children = _children()
    if bounds.waits:
        programs = [child.pid for pid in programs for child in children.get(pid, ())]
    under_review = [_below(pid, children) for pid in programs]
    processes = [*chain.from_iterable(_below(pid, children) for pid in pids), *chain(*under_review)]
    largest = max(map(len, under_review), default=0)
    # The memory of thousands of processes takes seconds to read, and they go on meanwhile.
    if reason := _excess_of_counts(processes, largest, 0, bounds):
        return reason, set()
    # Another thread may go on without the first one, which no program of ours does.
    hidden = {
        process for process in processes if process.ended and process.threads > 1 and not process.is_ending()
    }
    of_process = {
        process: max(map(process_table.memory, process.folders()), default=0) for process in processes
    }
    memory = sum(of_process.values())
    if bounds.kernel_memory is not None:
        memory += max(process_table.kernel_memory() - bounds.kernel_memory, 0)
    reason = _excess_of_counts(processes, largest, memory, bounds)
    most = max((of_process[process] for process in chain.from_iterable(under_review)), default=0)
    if not reason and most > bounds.process_memory:
        reason = f"a process took {most:,} bytes of memory; the limit is {bounds.process_memory:,}"
    objects = SharedObjects()
    for process in () if reason else chain.from_iterable(under_review):
        try:
            # The filter allows no thread a table of open files of its own, so those of one thread are enough.
            any(map(objects.add, process.folders() if process.threads > 1 or not process.ended else ()))
        except PermissionError:
            # Each isolation's first process, which is the review's own, is hidden from the program.
            if process.parent not in programs:
                hidden.add(process)
        if objects.watches > bounds.watches:
            reason = f"the programs watched {objects.watches:,} files; the limit is {bounds.watches:,}"
        elif len(objects.pipes) > bounds.pipes:
            reason = f"the programs had {len(objects.pipes)} pipes; the limit is {bounds.pipes}"
    names = {f"process {process.pid}, which started at {process.started}" for process in hidden}
    if bounds.unseen and memory + process_table.unseen_memory(bounds.memory - memory) > bounds.memory:
        names.add(f"with memory that no process shows, more than {bounds.memory:,} bytes")
    return reason, names


def _excess_of_counts(
    processes: Sequence[process_table.Process], largest: int, memory: int, bounds: Bounds
) -> str:
    """Return a message on the limit that processes with this memory exceed, or an empty string.

    `largest` is the largest number of processes of a program.
    """
    if memory > bounds.memory:
        return f"its processes took {memory:,} bytes of memory; the limit is {bounds.memory:,}"
    available = _available_memory()
    if available < bounds.free_part * psutil.virtual_memory().total:
        return f"the machine has {available:,} bytes of memory left, less than {bounds.free_part:.0%}"
    if bounds.kernel_caches is not None:
        cached = process_table.kernel_caches() - bounds.kernel_caches
        if cached > CACHE_BYTES:
            return (
                f"the kernel's caches of file names and attributes grew by {cached:,} bytes (SReclaimable in "
                f"/proc/meminfo); the limit is {CACHE_BYTES:,}. If it was another process of this machine "
                "that read millions of files, run the review again"
            )
    if bounds.open_files is not None and process_table.open_files() > bounds.open_files + OPEN_FILES:
        return f"the machine opened more than {OPEN_FILES:,} files (/proc/sys/fs/file-nr)"
    if len(processes) > bounds.processes:
        return f"it ran {len(processes)} processes; the limit is {bounds.processes}"
    threads = sum(process.threads for process in processes)
    if threads > bounds.threads:
        return f"it ran {threads} threads; the limit is {bounds.threads}"
    if largest > bounds.program_processes:
        return f"a program ran {largest} processes; the limit is {bounds.program_processes}"
    return ""


def _children() -> Mapping[int, Sequence[process_table.Process]]:
    """Return the children of each process by its PID; a search for those of one process takes as long."""
    children: dict[int, list[process_table.Process]] = {}
    for process in process_table.read_processes().values():
        children.setdefault(process.parent, []).append(process)
    return children


def _below(pid: int, children: Mapping[int, Sequence[process_table.Process]]) -> list[process_table.Process]:
    """Return the descendants of a process.

    A chain of processes may be longer than Python's limit of nested calls. The children are not read at one
    time, so those of a PID that the system has used again may even form a circle.
    """
    below: dict[int, process_table.Process] = {}
    pending = [pid]
    while pending:
        new = [child for child in children.get(pending.pop(), ()) if child.pid not in below]
        below |= {child.pid: child for child in new}
        pending += [child.pid for child in new]
    return [*below.values()]

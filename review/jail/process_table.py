"""Processes of the machine and their memory, as /proc shows them.

A program chooses the names of its processes, which are part of these files (proc(5)). So the fields are read
behind the name.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROCESSES = Path("/proc")

ENDED = b"ZXx"
"""States of a process whose first thread has ended (proc(5), /proc/pid/stat)."""

STATE, PARENT, FLAGS, THREADS, STARTED = 0, 1, 6, 17, 19
"""Positions behind the name in /proc/PID/stat."""

EXITING = 0x4
"""Flag of a thread that the kernel is ending (include/linux/sched.h: PF_EXITING)."""


READ_BYTES = 2**16
"""Number of bytes that are read at a time."""


def read_file(path: str) -> bytes:
    """Return the content of a file in /proc, with a quarter of the CPU time that Path.read_bytes takes.

    The review reads hundreds of them several times a second.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts: list[bytes] = []
        while part := os.read(descriptor, READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Process:
    """A process at one time. Its PID and the time of its start identify it."""

    pid: int
    parent: int
    threads: int
    started: int
    ended: bool
    """The first thread has ended, and /proc shows neither the memory nor the files of the other threads."""

    def folders(self) -> list[Path]:
        """Return the folders in /proc that show the memory and the files of this process."""
        folder = PROCESSES / str(self.pid)
        with suppress(OSError):  # The process has ended.
            return [*(folder / "task").iterdir()] if self.ended else [folder]
        return []

    def is_ending(self) -> bool:
        """Return True if no thread executes code of the program any more.

        When a process ends or is killed, each of its threads gets a SIGKILL of its own (kernel/signal.c:
        zap_other_threads, complete_signal). On a busy machine, it takes seconds until all have ended.
        """
        with suppress(FileNotFoundError, ProcessLookupError):  # The process has ended.
            return all(map(_is_ending, (PROCESSES / str(self.pid) / "task").iterdir()))
        return True


def _is_ending(thread: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):  # It has ended.
        fields = read_file(f"{thread}/stat").rpartition(b")")[2].split()
        if fields[STATE] in ENDED or int(fields[FLAGS]) & EXITING:
            return True
        pending = next(line for line in read_file(f"{thread}/status").split(b"\n") if line[:7] == b"SigPnd:")
        return bool(int(pending.split()[1], 16) & 1 << (signal.SIGKILL - 1))
    return True


def read_processes() -> Mapping[int, Process]:
    """Return all processes by their PIDs; none if the system has no /proc."""
    processes: dict[int, Process] = {}
    with suppress(FileNotFoundError), os.scandir(PROCESSES) as folders:
        for folder in folders:
            if folder.name.isdecimal():
                with suppress(FileNotFoundError, ProcessLookupError):  # The process has ended.
                    processes[int(folder.name)] = _read_process(folder.name)
    return processes


def _read_process(name: str) -> Process:
    fields = read_file(f"{PROCESSES}/{name}/stat").rpartition(b")")[2].split()
    return Process(
        int(name),
        int(fields[PARENT]),
        int(fields[THREADS]),
        int(fields[STARTED]),
        fields[STATE] in ENDED,
    )


def memory(folder: Path) -> int:
    """Return the bytes of private memory of a process or thread, with swapped memory and page tables.

    The tables grow with the addresses that it has read, even if all of these share one page (proc(5): VmPTE,
    VmSwap).
    """
    with suppress(FileNotFoundError, ProcessLookupError):  # It has ended.
        resident, shared = map(int, read_file(f"{folder}/statm").split()[1:3])
        lines = read_file(f"{folder}/status").split(b"\n")[1:]  # The first one is the name.
        others = [int(line.split()[1]) for line in lines if line.startswith((b"VmPTE:", b"VmSwap:"))]
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE") + sum(others) * 1024
    return 0


def unseen_memory(least: int = 0) -> int:
    """Return the bytes of the machine's private memory that no process shows.

    It is that of processes which start another one and end before anybody looks at them. In a container, it
    is also that of all other ones. If all processes have less than `least`, the result is 0.
    """
    before = _private_memory()
    if before < least:
        return 0
    shown = sum(memory(folder) for process in read_processes().values() for folder in process.folders())
    # While the processes are read, others start and end.
    return max(min(before, _private_memory()) - shown, 0)


def kernel_memory() -> int:
    """Return the bytes that the kernel has for all processes of the machine and cannot give back.

    It takes them for mappings, stacks of threads, sockets and others, and for files in memory (Shmem), and
    counts them towards no process.
    """
    return _memory_of_the_machine(b"SUnreclaim:", b"KernelStack:", b"Shmem:")


def kernel_caches() -> int:
    """Return the bytes of the kernel's caches, such as those of names and attributes of files.

    The kernel gives them back when it needs the memory, so the available memory contains them (proc(5):
    SReclaimable). They contain the names of missing files, and those of mappings that have ended, below
    /proc/PID/map_files. /proc/sys/fs/dentry-state does not show what they take.
    """
    return _memory_of_the_machine(b"SReclaimable:")


def reservable_memory() -> int | None:
    """Return the bytes of memory that all processes of the machine may still reserve; None without a limit.

    With vm.overcommit_memory = 2, memory counts when a process reserves it, even if it never uses it, and
    beyond the limit, no process gets any (mm/util.c: __vm_enough_memory).
    """
    with suppress(FileNotFoundError):
        if read_file(f"{PROCESSES}/sys/vm/overcommit_memory").strip() == b"2":
            return _memory_of_the_machine(b"CommitLimit:") - _memory_of_the_machine(b"Committed_AS:")
    return None


def open_files() -> int:
    """Return the number of open files of the machine; 0 if the system has no /proc.

    A mapping keeps a file open whose descriptor is closed. Beyond /proc/sys/fs/file-max, no process without
    privileges can open a file (proc(5)).
    """
    with suppress(FileNotFoundError):
        return int(read_file(f"{PROCESSES}/sys/fs/file-nr").split()[0])
    return 0


def _private_memory() -> int:
    """Return the bytes of private memory in use."""
    return _memory_of_the_machine(b"AnonPages:")


def _memory_of_the_machine(*names: bytes) -> int:
    """Return the sum of some lines of /proc/meminfo in bytes; 0 if the system has no /proc (proc(5))."""
    with suppress(FileNotFoundError):
        lines = read_file(f"{PROCESSES}/meminfo").split(b"\n")
        return sum(int(line.split()[1]) for line in lines if line.startswith(names)) * 1024
    return 0

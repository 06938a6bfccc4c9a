"""Open files of a process whose number the kernel limits for a user in all namespaces together."""

import ctypes
import errno
import fcntl
import os
import resource
import select
import socket
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

EVENT_POLL = "anon_inode:[eventpoll]"
"""Target of the link in /proc to an instance of epoll."""

WATCH = b"tfd:"
"""Start of a line of an instance of epoll that describes a watched file (proc(5), /proc/pid/fdinfo)."""

SENT_FILES = 512
"""Number of files on their way through sockets that a user may have. Beyond the limit of its own open files,
usually 1024, a process cannot send another one (net/unix/af_unix.c: too_many_unix_fds). The kernel looks at
the limit before it counts, so many threads of a program with a low limit get beyond it together.
"""

CAPABILITIES_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, include/uapi/linux/capability.h
OF_LIMITS = 1 << 21 | 1 << 24
"""CAP_SYS_ADMIN and CAP_SYS_RESOURCE, with which the limits of a user do not hold."""


@dataclass
class SharedObjects:
    """Objects that processes have open; when a user has too many, other processes of the user get none."""

    watches: int = 0
    """The number of files that instances of epoll watch. A watch stays when its file descriptor is closed, as
    long as another one has the file (epoll(7): /proc/sys/fs/epoll/max_user_watches).
    """
    pipes: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """Device and number of each pipe, also of one with a name.

    (pipe(7): /proc/sys/fs/pipe-user-pages-soft)
    """

    def add(self, folder: Path) -> bool:
        """Add what a process has open, which a folder in /proc shows; return False if it shows no open file.

        Raises PermissionError if the process hides this (prctl(2): PR_SET_DUMPABLE).

        A program may have tens of thousands of descriptors, and open files with paths of thousands of
        folders, so only the links to what is no ordinary file are read.
        """
        has_files = False
        with suppress(FileNotFoundError, ProcessLookupError), os.scandir(folder / "fd") as links:
            for link in links:
                has_files = True
                with suppress(FileNotFoundError, ProcessLookupError):
                    self._add(folder, link)
        return has_files

    def _add(self, folder: Path, link: "os.DirEntry[str]") -> None:
        status = link.stat()
        if stat.S_ISFIFO(status.st_mode):
            self.pipes.add((status.st_dev, status.st_ino))
        elif not stat.S_IFMT(status.st_mode) and str(Path(link).readlink()) == EVENT_POLL:
            self.watches += (folder / "fdinfo" / link.name).read_bytes().count(WATCH)


class UserLimits:
    """A check that the user of this process still gets the objects which the kernel limits for a user.

    Unlike SharedObjects, it notices those of the user that no file descriptor shows: a closed one lives on
    while a thread waits for it (poll(2)), and while it is on its way through a socket (unix(7): SCM_RIGHTS).
    """

    def __init__(self) -> None:
        self._pipe_bytes = _pipe_bytes()
        self._sends_files = _can_send_files()

    def exceeded(self) -> str:
        """Return a message on a limit that the user has reached since the start, or an empty string."""
        if _pipe_bytes() < self._pipe_bytes:
            return "its user has so many pipes that new ones are smaller (/proc/sys/fs/pipe-user-pages-soft)"
        if not _can_watch():
            return "its user can watch no more files (/proc/sys/fs/epoll/max_user_watches)"
        if self._sends_files and not _can_send_files():
            return f"its user has more than {SENT_FILES} files on their way through sockets (unix(7))"
        return ""


def _pipe_bytes() -> int:
    """Return the size of a new pipe; 0 on systems without a limit of a user's pipes."""
    if sys.platform != "linux":
        return 0
    ends = os.pipe()
    try:
        return fcntl.fcntl(ends[0], fcntl.F_GETPIPE_SZ)
    finally:
        for end in ends:
            os.close(end)


def _can_send_files() -> bool:
    """Return True if a process of the user with few open files can send one, or on systems without a limit.

    The soft limit of this process is lower in the meantime, but not so low that it could open no file.
    """
    if sys.platform != "linux":
        return True
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = SENT_FILES if soft == resource.RLIM_INFINITY else min(soft, SENT_FILES)
    ours, theirs = socket.socketpair()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        with _limited():
            socket.send_fds(ours, [b"x"], [theirs.fileno()])
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        ours.close()
        theirs.close()
    return True


@contextmanager
def _limited() -> Generator[None]:
    """Give up this thread's capabilities that exempt it from limits, in the with statement (capset(2))."""
    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable ones, twice
    if library.capget(header, before):
        raise OSError(ctypes.get_errno(), "capget")
    limited = (ctypes.c_uint32 * 6)(*before)
    limited[0] &= ~OF_LIMITS
    library.capset(header, limited)
    try:
        yield
    finally:
        library.capset(header, before)


def _can_watch() -> bool:
    """Return True if this process can watch a file with epoll, or if the system has no limit of this."""
    if sys.platform != "linux":
        return True
    ends = os.pipe()
    try:
        with select.epoll() as poll:
            poll.register(ends[0])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    finally:
        for end in ends:
            os.close(end)
    return True

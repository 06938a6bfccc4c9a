"""Open files of a process whose number the kernel limits for a user in all namespaces together."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

EVENT_POLL = "anon_inode:[eventpoll]"
"""Target of the link in /proc to an instance of epoll."""

PIPE = "pipe:["
"""Start of the target of the link in /proc to a pipe; the number of the pipe follows."""

WATCH = b"tfd:"
"""Start of a line of an instance of epoll that describes a watched file (proc(5), /proc/pid/fdinfo)."""


@dataclass
class SharedObjects:
    """Objects that processes have open; when a user has too many, other processes of the user get none."""

    watches: int = 0
    """The number of files that instances of epoll watch. A watch stays when its file descriptor is closed, as
    long as another one has the file (epoll(7): /proc/sys/fs/epoll/max_user_watches).
    """
    pipes: set[str] = field(default_factory=set[str])
    """Pipes (pipe(7): /proc/sys/fs/pipe-user-pages-soft)."""

    def add(self, folder: Path) -> None:
        """Add what a process or thread has open, which a folder in /proc shows, unless it has ended.

        Raises PermissionError if the process hides this (prctl(2): PR_SET_DUMPABLE).
        """
        for descriptor, target in _open_files(folder):
            if target.startswith(PIPE):
                self.pipes.add(target)
            elif target == EVENT_POLL:
                with suppress(FileNotFoundError, ProcessLookupError):
                    self.watches += (folder / "fdinfo" / descriptor).read_bytes().count(WATCH)


def _open_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the number and the description of each open file."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for link in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):
                yield link.name, str(link.readlink())

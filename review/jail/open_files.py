"""Open files of a process whose number the kernel limits for a user in all namespaces together."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROCESSES = Path("/proc")

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

    def add(self, pid: int) -> None:
        """Add what a process has open, unless it has ended."""
        for descriptor, target in _open_files(pid):
            if target.startswith(PIPE):
                self.pipes.add(target)
            elif target == EVENT_POLL:
                with suppress(OSError):
                    self.watches += (PROCESSES / f"{pid}/fdinfo/{descriptor}").read_bytes().count(WATCH)


def _open_files(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the number and the description of each open file of a process."""
    with suppress(OSError):  # The process has ended, or the system has no /proc.
        for link in (PROCESSES / f"{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                yield link.name, str(link.readlink())

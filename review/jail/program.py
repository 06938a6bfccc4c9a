"""Process that evaluates the program under review: python -m review.jail.program LISTENER PROJECT MODE.

It serves the program on the inherited file descriptor LISTENER. The program is evaluated by a child process,
and nothing else runs in this isolation. The engine, the policies and the report are in another isolation. The
child reaches only the sockets of two services there (sandbox/engine/program.py), and not the LISTENER.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from review.jail import isolation
from review.jail.process_table import read_file
from sandbox.engine import program_process

ISOLATED, OPEN = "isolated", "open"
"""Modes: with and without isolation."""

FILES = 50_000
"""Largest number of files in memory: the kernel keeps up to 1.5 KB for each, even if it is empty."""

SOCKETS, FEWEST_SOCKETS = 128, 32
"""Largest number of Unix sockets, and its smallest value on any machine. A connection that waits for `accept`
is a socket, too, and has no descriptor if its client is closed. A small program of Pulumi has five.
"""

LAST_MESSAGE = 2**16
"""Bytes by which a socket's buffer may exceed its size. A message needs any free byte, and its parts have at
most 36 KB each (net/core/sock.c: sock_alloc_send_pskb, net/unix/af_unix.c: unix_stream_sendmsg).
"""

BUFFER_BYTES = SOCKETS * (212_992 + LAST_MESSAGE)
"""Bytes of all buffers of sockets: those of SOCKETS sockets with Linux's default size, 34 MB. No file in
/proc shows their memory, so it does not count towards the limit of all processes.
"""

BUFFER_SIZE = Path("/proc/sys/net/core/wmem_default")
"""The size of the buffer of each socket (socket(7)); the system call filter ignores another one."""

SHARED_MEMORY = Path("/dev/shm")
OPEN_SOCKETS = Path("/proc/net/unix")
"""The Unix sockets of the network namespace, one a line (unix(7))."""

INTERVAL = 0.1
"""Seconds between two counts of the files and sockets."""


def protect(*, isolated: bool) -> None:
    """Protect this process and the machine's files from the code under review, and limit its resources."""
    isolation.guard()
    # The caller's /dev/null is not the read-only file of the isolation.
    device = os.open(os.devnull, os.O_RDWR)
    for inherited in range(3):  # standard input, output and error
        os.dup2(device, inherited)
    # The first process of a PID namespace gets signals from inside the namespace only if it has a handler,
    # and Python has one for SIGINT (pid_namespaces(7)). Commands inherit SIG_IGN, but not this handler.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    isolation.limit_resources(threads=isolated, trusted=False)
    if isolated:
        folders = (Path.home(), SHARED_MEMORY)
        threading.Thread(target=limit_kernel_memory, args=(folders,), daemon=True).start()
        isolation.lower_priority()  # The thread that counts takes precedence over what this one starts.


def limit_kernel_memory(folders: Iterable[Path], files: int = FILES) -> None:
    """End this process, and its isolation with it, when it has too many files or sockets.

    What the kernel keeps for them counts towards no process, and Bubblewrap limits only the bytes of files
    (tmpfs(5): nr_inodes).
    """
    folders = [*folders]
    try:
        sockets = most_sockets()
        while sum(map(count_files, folders)) <= files and count_sockets() <= sockets:
            time.sleep(INTERVAL)
    finally:  # Without this count, there would be no limits.
        os._exit(1)  # The first process of a PID namespace gets no SIGKILL from inside.


def count_files(folder: Path) -> int:
    """Return the number of files in the file system of a folder."""
    space = os.statvfs(folder)
    return space.f_files - space.f_ffree


def most_sockets() -> int:
    """Return the largest number of sockets: fewer on a machine with larger buffers."""
    fitting = BUFFER_BYTES // (int(BUFFER_SIZE.read_bytes()) + LAST_MESSAGE)
    return max(FEWEST_SOCKETS, min(SOCKETS, fitting))


def count_sockets() -> int:
    """Return the number of Unix sockets of the network namespace, with waiting connections."""
    return read_file(f"{OPEN_SOCKETS}").count(b"\n") - 1  # without the headline


def serve(listener: socket.socket, project: Path) -> None:
    """Run a project's program for each client of a listening socket until this process is killed."""
    while True:
        with listener.accept()[0] as connection:
            program_process.run(connection, project)


if __name__ == "__main__":
    descriptor, project, mode = sys.argv[1:]
    protect(isolated=mode == ISOLATED)
    serve(socket.socket(fileno=int(descriptor)), Path(project))

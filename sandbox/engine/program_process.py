"""Process that starts a program and observes its end: python -I -S program_process.py CONNECTION PROJECT.

The program runs in a child process, whose interpreter has imported nothing for other purposes. After its
last line, its threads, `atexit` handlers and finalizers can still register resources. Pulumi's language host
reports the end of a program when its process has ended, so this process does, too. The program cannot send
that message itself, since it does not inherit the connection.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

MAIN = Path(__file__).with_name("program_main.py")

LENGTH_BYTES = 8
"""Number of bytes before a request, with its length."""

STARTED, PROCESSES_LEFT = b"s", 255
"""The message on a new connection, and the last message in place of an exit code.

The last message is a byte: the exit code of the program's process, or PROCESSES_LEFT if another process of
the program has not ended with it.
"""

SET_CHILD_SUBREAPER = 36  # prctl(2)


def run(connection: socket.socket, project: Path) -> None:
    """Run a project's program with the request of a client, and send its exit code.

    A client that closes the connection ends the program.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    command = (sys.executable, "-P", str(MAIN), str(project), str(os.getpid()))
    with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as program:
        try:
            connection.sendall(STARTED)
            with connection.makefile("rb") as stream:
                length = int.from_bytes(stream.read(LENGTH_BYTES), "big")
                request = stream.read(length)
        except OSError:
            request = b""
        if not request:
            program.kill()
            return
        threading.Thread(target=_end_with_client, args=(connection, program.pid), daemon=True).start()
        program.communicate(request)
    code = program.returncode if _is_alone() else PROCESSES_LEFT
    with suppress(OSError):
        connection.sendall(bytes([code & 255]))


def _end_with_client(connection: socket.socket, program: int) -> None:
    """Kill the program and the processes of its group when the client closes the connection."""
    with suppress(OSError):
        connection.recv(1)
    with suppress(OSError):
        os.killpg(program, signal.SIGKILL)


def _is_alone() -> bool:
    """Return True if no descendant of this process is alive; orphans have become its children."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return True
    return False


if __name__ == "__main__":
    run(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))

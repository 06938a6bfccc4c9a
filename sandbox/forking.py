"""A server that has imported the modules of a command, and forks a process for each run of the command.

A new interpreter takes about a second of CPU time to import what the sandbox or a policy pack needs, and a
review starts six of each. A fork has all of it at once. Only processes that the review trusts are forked: a
program under review always gets an interpreter of its own.

As a script, this file is a client: python -I -S forking.py SOCKET ARGUMENT…, which runs the command with its
own standard streams, environment and folder, and ends with the command's exit code. If a client or its parent
process ends first, so does the command.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

SERVE = "--serve"
"""Option with which a module's command calls `serve`."""

FOLDER_BYTES = 80
"""Largest number of bytes in the path of the folder of temporary files. The path of the socket in it has 24
more, and at most 107 in all (`sun_path` in unix(7)).
"""

LENGTH_BYTES = 8
"""Number of bytes before a request, with its length. They come with the standard streams."""

END_SECONDS = 10
"""Seconds to wait for the end of a command that has taken too long."""

PARENT_SECONDS = 0.5
"""Seconds between two looks at whether a client's parent process has ended."""

KILLED = -signal.SIGKILL
"""The exit code of a command whose server has ended and cannot tell the code."""

Run = Callable[[Sequence[str]], int]
"""A function that runs a command with its arguments and returns the exit code."""


def is_possible() -> bool:
    """Return True if a server can run here: on Linux, with a short path of the folder of temporary files.

    Elsewhere, a fork that does not execute a file may fail (Python, os.fork).
    """
    folder = os.fsencode(tempfile.gettempdir())
    return sys.platform == "linux" and len(folder) <= FOLDER_BYTES


@contextmanager
def running(*module: str) -> Generator[Path]:
    """Start `python -u -m MODULE… DESCRIPTOR`, which calls `serve` for a listening socket; yield its path."""
    with tempfile.TemporaryDirectory(prefix="forks-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "commands"
        listener.bind(str(path))
        listener.listen()
        command = [sys.executable, "-u", "-m", *module, str(listener.fileno())]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # It ends with this process, and the server with it.
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        ) as server:
            listener.close()  # If the server has ended, a client gets an error and does not wait.
            try:
                yield path
            finally:
                server.kill()


def serve(listener: socket.socket, run: Run) -> NoReturn:
    """Fork for each client of a listening socket, until standard input ends or this process is killed.

    A client gets no answer if no process can be forked. This process must have one thread only: a fork has no
    other ones, but the locks that they hold.
    """
    clients: dict[int, socket.socket] = {}

    def answer(_number: int, _frame: object) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with clients.pop(ended[0]) as client, suppress(OSError):
                    client.sendall(str(os.waitstatus_to_exitcode(ended[1])).encode())

    gc.collect()
    gc.freeze()  # A collection would write to all pages that the processes share.
    signal.signal(signal.SIGCHLD, answer)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        client = listener.accept()[0]
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        try:
            pid = os.fork()
        except OSError:
            client.close()
        else:
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
                for connection in (listener, *clients.values()):
                    connection.close()
                _run(client, run)
            clients[pid] = client
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os._exit(0)


def _run(client: socket.socket, run: Run) -> NoReturn:
    """Run a command as a client asks for it, and end this process."""
    code = 1
    try:
        length, streams, *_ = socket.recv_fds(client, LENGTH_BYTES, 3)
        with client.makefile("rb") as stream:
            request = json.loads(stream.read(int.from_bytes(length, "big")))
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        threading.Thread(target=_end_with, args=(client,), daemon=True).start()
        code = run(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if not isinstance(error.code, int | None):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with(client: socket.socket) -> None:
    """End this process when its client ends or closes the connection."""
    with suppress(OSError):
        client.recv(1)
    os._exit(1)


def call(
    path: Path | str,
    arguments: Sequence[str],
    streams: Sequence[int],
    environment: Mapping[str, str],
    seconds: float | None = None,
) -> int:
    """Run a command in a fork of the server at a path, and return the exit code.

    `streams` are the descriptors of its standard input, output and error. Raise TimeoutExpired after so many
    seconds, and end the command.
    """
    request: dict[str, Any] = {
        "arguments": [*arguments],
        "environment": {**environment},
        "folder": str(Path.cwd()),
    }
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds if seconds is None else max(seconds, 0.001))
        try:
            connection.connect(str(path))
            socket.send_fds(connection, [len(data).to_bytes(LENGTH_BYTES, "big")], [*streams])
            connection.sendall(data)
            answer = connection.recv(LENGTH_BYTES)
        except TimeoutError:
            with suppress(OSError):
                connection.settimeout(END_SECONDS)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(LENGTH_BYTES)
            raise subprocess.TimeoutExpired([*arguments], seconds or 0) from None
        except OSError:
            answer = b""
    return int(answer) if answer else KILLED


def end_after(parent: int) -> None:
    """End this process when its parent process has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    os.closerange(3, 1024)  # Release the stack's lock, inherited from the engine.
    threading.Thread(target=end_after, args=(os.getppid(),), daemon=True).start()
    sys.exit(call(sys.argv[1], sys.argv[2:], (0, 1, 2), os.environ) & 255)

"""The line between the engine and its providers, in a process of its own: it outlives them.

The engine takes the loss of a provider for an answer, and forgets what it has begun to create there. So what
it hears must not end when the sandbox is killed: the line falls silent, and ends the engine, whose state
still says what was begun.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread

HOST = "127.0.0.1"

Tell = Callable[[int], None]
"""Says which process the engine is; 0: it has ended."""


@contextmanager
def lay(ports: Mapping[str, int]) -> Generator[tuple[dict[str, int], Tell]]:
    """Lines to some ports; the ports of their other ends."""
    program = (sys.executable, "-I", "-S", __file__, *map(str, ports.values()))
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        program, stdin=pipe, stdout=pipe, stderr=none, text=True, start_new_session=True
    ) as process:
        assert process.stdin and process.stdout
        laid, told = process.stdout.readline().split(), process.stdin
        yield dict(zip(ports, map(int, laid), strict=True)), lambda pid: print(pid, file=told, flush=True)


def _serve(ports: list[int]) -> None:
    """Carry what is said on each line until standard input ends, which it does however the sandbox ends."""
    ends = [socket.create_server((HOST, 0)) for _ in ports]
    for end, port in zip(ends, ports, strict=True):
        Thread(target=_listen, args=(end, port), daemon=True).start()
    print(*(end.getsockname()[1] for end in ends), flush=True)
    engine = 0
    for line in sys.stdin:
        engine = int(line)
    if engine:
        with suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)


def _listen(end: socket.socket, port: int) -> None:
    connected: list[socket.socket] = []  # what is let go of is closed
    while True:
        connected += (engine := end.accept()[0], provider := socket.create_connection((HOST, port)))
        for source, sink in ((engine, provider), (provider, engine)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(2**16):
            sink.sendall(said)


if __name__ == "__main__":
    _serve([int(port) for port in sys.argv[1:]])

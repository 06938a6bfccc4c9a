"""A TCP relay between the engine and its providers, in a process that outlives the sandbox.

If the engine loses the connection to a provider, it treats the call as finished and removes the pending
creation from its state. Therefore the relay keeps these connections open if the sandbox is killed. It then
kills the engine, so that the state still lists the pending operations.
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

AnnounceEngine = Callable[[int], None]
"""A function that tells the relay the engine's PID; 0 means that the engine has ended."""


@contextmanager
def open_relay(ports: Mapping[str, int]) -> Generator[tuple[dict[str, int], AnnounceEngine]]:
    """Open a relay with a new port for each port of `ports`.

    Yield the new ports by package, and the function that announces the engine.
    """
    program = (sys.executable, "-I", "-S", __file__, *map(str, ports.values()))
    with subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin and process.stdout
        relay_input = process.stdin
        relay_ports = map(int, process.stdout.readline().split())

        def announce_engine(pid: int) -> None:
            print(pid, file=relay_input, flush=True)

        yield dict(zip(ports, relay_ports, strict=True)), announce_engine


def _serve(ports: list[int]) -> None:
    """Relay until standard input ends, which means that the sandbox has ended; then kill the engine."""
    servers = [socket.create_server((HOST, 0)) for _ in ports]
    for server, port in zip(servers, ports, strict=True):
        Thread(target=_listen, args=(server, port), daemon=True).start()
    print(*(server.getsockname()[1] for server in servers), flush=True)
    engine = 0
    for line in sys.stdin:
        engine = int(line)
    if engine:
        with suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)


def _listen(server: socket.socket, port: int) -> None:
    connections: list[socket.socket] = []  # Python closes a socket that has no reference.
    while True:
        engine = server.accept()[0]
        connections.append(engine)
        provider = socket.create_connection((HOST, port))
        connections.append(provider)
        for source, sink in ((engine, provider), (provider, engine)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            sink.sendall(data)


if __name__ == "__main__":
    _serve([int(port) for port in sys.argv[1:]])

"""Tests of the relay between the engine and its providers, and of its end after a kill of the sandbox."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from sandbox.engine import relay

SANDBOX = """
import sys, time
from sandbox.engine import relay
with relay.open_relay({"aws": int(sys.argv[1])}) as (ports, announce_engine):
    announce_engine(int(sys.argv[2]))
    print(ports["aws"], flush=True)
    time.sleep(60)
"""

ENGINE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.stdin.readline()))) as provider:
    print("received", provider.recv(1), flush=True)
"""


@pytest.fixture
def provider() -> Generator[socket.socket]:
    """Return a listening socket that stands for a provider."""
    with socket.create_server((relay.HOST, 0)) as listener:
        yield listener


@pytest.fixture
def engine() -> Generator["subprocess.Popen[bytes]"]:
    """Return a process that stands for the engine."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


def connect(port: int) -> socket.socket:
    return socket.create_connection((relay.HOST, port), timeout=30)


def read(source: socket.socket, length: int) -> bytes:
    """Read `length` bytes, or all bytes until the connection ends."""
    data = b""
    while len(data) < length and (part := source.recv(2**16)):
        data += part
    return data


def test_the_relay_copies_data_in_both_directions(provider: socket.socket) -> None:
    data = os.urandom(2**22)  # This is more than the buffers of a connection hold.
    with (
        socket.create_server((relay.HOST, 0)) as other,
        relay.open_relay({"aws": port_of(provider), "tls": port_of(other)}) as (ports, _),
    ):
        assert list(ports) == ["aws", "tls"]
        for name, listener in (("aws", provider), ("tls", other)):
            with connect(ports[name]) as client, closing(listener.accept()[0]) as server:
                for source, sink in ((client, server), (server, client)):
                    sender = threading.Thread(target=source.sendall, args=(data,))
                    sender.start()
                    assert read(sink, len(data)) == data
                    sender.join()


def test_the_engine_of_a_killed_sandbox_ends_before_it_loses_its_connections(provider: socket.socket) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", ENGINE], stdin=pipe, stdout=pipe, text=True) as engine:
        command = [sys.executable, "-c", SANDBOX, str(port_of(provider)), str(engine.pid)]
        with subprocess.Popen(command, stdout=pipe, text=True) as sandbox:
            assert sandbox.stdout and engine.stdin
            print(sandbox.stdout.readline(), file=engine.stdin, flush=True)
            provider.accept()[0].close()  # The end of the provider's process has the same effect.
            with pytest.raises(subprocess.TimeoutExpired):
                engine.wait(0.5)
            sandbox.kill()
            output, _ = engine.communicate(timeout=30)
            assert (output, engine.returncode) == ("", -9)


def test_the_relay_kills_no_process_after_the_engine_has_ended(
    provider: socket.socket, engine: "subprocess.Popen[bytes]"
) -> None:
    with relay.open_relay({"aws": port_of(provider)}) as (_, announce_engine):
        announce_engine(engine.pid)
        announce_engine(0)
    assert engine.poll() is None


def test_the_relay_kills_the_engine_after_an_error_of_the_sandbox(
    provider: socket.socket, engine: "subprocess.Popen[bytes]"
) -> None:
    relay_context = relay.open_relay({"aws": port_of(provider)})
    with pytest.raises(OSError, match="full"), relay_context as (_, announce_engine):
        announce_engine(engine.pid)
        raise OSError("the disk is full")
    assert engine.wait(5) == -9

"""The line between the engine and its providers: what it carries, and what a killed sandbox leaves of it."""

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
with relay.open_relay({"aws": int(sys.argv[1])}) as (ports, tell):
    tell(int(sys.argv[2]))
    print(ports["aws"], flush=True)
    time.sleep(60)
"""

ENGINE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.stdin.readline()))) as provider:
    print("heard", provider.recv(1), flush=True)
"""


@pytest.fixture
def provider() -> Generator[socket.socket]:
    """A port on which somebody listens."""
    with socket.create_server((relay.HOST, 0)) as listening:
        yield listening


@pytest.fixture
def engine() -> Generator["subprocess.Popen[bytes]"]:
    """A process that lives for a while."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def port_of(listening: socket.socket) -> int:
    return listening.getsockname()[1]


def call(port: int) -> socket.socket:
    return socket.create_connection((relay.HOST, port), timeout=30)


def read(source: socket.socket, length: int) -> bytes:
    said = b""
    while len(said) < length and (part := source.recv(2**16)):
        said += part
    return said


def test_each_port_has_a_line_that_carries_both_ways(provider: socket.socket) -> None:
    whole = os.urandom(2**22)  # more than buffers hold
    with (
        socket.create_server((relay.HOST, 0)) as other,
        relay.open_relay({"aws": port_of(provider), "tls": port_of(other)}) as (ports, _),
    ):
        assert list(ports) == ["aws", "tls"]
        for name, listening in (("aws", provider), ("tls", other)):
            with call(ports[name]) as caller, closing(listening.accept()[0]) as called:
                for source, sink in ((caller, called), (called, caller)):
                    saying = threading.Thread(target=source.sendall, args=(whole,))
                    saying.start()
                    assert read(sink, len(whole)) == whole
                    saying.join()


def test_the_engine_is_over_before_it_hears_that_the_sandbox_was_killed(provider: socket.socket) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", ENGINE], stdin=pipe, stdout=pipe, text=True) as engine:
        words = [sys.executable, "-c", SANDBOX, str(port_of(provider)), str(engine.pid)]
        with subprocess.Popen(words, stdout=pipe, text=True) as sandbox:
            assert sandbox.stdout and engine.stdin
            print(sandbox.stdout.readline(), file=engine.stdin, flush=True)
            provider.accept()[0].close()  # as when its process ends
            with pytest.raises(subprocess.TimeoutExpired):
                engine.wait(0.5)
            sandbox.kill()
            heard, _ = engine.communicate(timeout=30)
            assert (heard, engine.returncode) == ("", -9)


def test_an_engine_that_has_ended_is_nobody_to_be_killed(
    provider: socket.socket, engine: "subprocess.Popen[bytes]"
) -> None:
    with relay.open_relay({"aws": port_of(provider)}) as (_, tell):
        tell(engine.pid)
        tell(0)
    assert engine.poll() is None


def test_an_engine_is_ended_with_a_sandbox_that_gives_up(
    provider: socket.socket, engine: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(OSError, match="full"), relay.open_relay({"aws": port_of(provider)}) as (_, tell):
        tell(engine.pid)
        raise OSError("the disk is full")
    assert engine.wait(5) == -9

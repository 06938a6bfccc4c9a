"""Tests of the server that forks a process for each run of a command."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import forking

COMMAND = """
import os, signal, socket, sys, time
from sandbox import forking

SERVER = os.getpid()

def run(arguments):
    if arguments[0] == "describe":
        print(*arguments[1:], os.environ["NAME"], os.getcwd(), sys.stdin.read(), os.getppid() == SERVER)
        print("error", file=sys.stderr)
        return 7
    if arguments[0] == "wait":
        os.write(1, str(os.getpid()).encode())
        time.sleep(60)
    if arguments[0] == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if arguments[0] == "exit":
        sys.exit(int(arguments[1]))
    if arguments[0] == "say":
        sys.exit("the reason")
    if arguments[0] == "server":
        os.kill(SERVER, signal.SIGKILL)
        return 0
    raise ValueError(arguments[0])

forking.serve(socket.socket(fileno=int(sys.argv[1])), run)
"""

FULL = COMMAND.replace(
    "forking.serve(",
    """
def fail():
    os.fork = FORK
    raise BlockingIOError

FORK, os.fork = os.fork, fail
forking.serve(""",
)

PARENT = """
import os, subprocess, sys, time
from sandbox import forking
with forking.running("command") as path:
    client = [sys.executable, "-I", "-S", forking.__file__, str(path), "wait"]
    command = subprocess.Popen(client, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
    number = command.stdout.read(20)
    status = open(f"/proc/{number.decode()}/status", "rb").read()
    os.write(1, status.partition(b"PPid:")[2].split()[0] + b" " + number)
    time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "command.py").write_text(COMMAND)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(Path(forking.__file__).parents[1]))))
    with forking.running("command") as path:
        yield path


def call(server: Path, folder: Path, *arguments: str, seconds: float = 30) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it has written."""
    (folder / "in").write_text("input")
    with (
        (folder / "in").open() as stdin,
        (folder / "out").open("w") as out,
        (folder / "err").open("w") as err,
    ):
        streams = [stream.fileno() for stream in (stdin, out, err)]
        code = forking.call(server, arguments, streams, {"NAME": "value"}, seconds)
    return code, (folder / "out").read_text(), (folder / "err").read_text()


def ends(process: Path) -> bool:
    """Return True if a process, a folder in /proc, ends within 20 seconds."""
    until = time.monotonic() + 20
    while process.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return not process.exists()


def test_a_command_has_the_streams_the_environment_and_the_folder_of_its_client(
    server: Path, tmp_path: Path
) -> None:
    outcome = call(server, tmp_path, "describe", "a b", "")
    assert outcome == (7, f"a b  value {Path.cwd()} input True\n", "error\n")


@pytest.mark.parametrize(
    ("arguments", "code"), [(["exit", "3"], 3), (["signal"], -11), (["exit", "0"], 0), (["error"], 1)]
)
def test_the_exit_code_is_that_of_the_process(
    arguments: list[str], code: int, server: Path, tmp_path: Path
) -> None:
    assert call(server, tmp_path, *arguments)[0] == code


def test_an_exception_is_written_to_standard_error(server: Path, tmp_path: Path) -> None:
    assert call(server, tmp_path, "unknown")[2].endswith("ValueError: unknown\n")


def test_the_text_of_an_exit_is_written_to_standard_error(server: Path, tmp_path: Path) -> None:
    assert call(server, tmp_path, "say") == (1, "", "the reason\n")


def test_a_command_ends_after_its_time(server: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        call(server, tmp_path, "wait", seconds=2)
    assert not Path(f"/proc/{(tmp_path / 'out').read_text()}").exists()


def test_a_command_whose_server_ends_has_an_exit_code(server: Path, tmp_path: Path) -> None:
    assert call(server, tmp_path, "server")[0] == forking.KILLED
    assert call(server, tmp_path, "exit", "0")[0] == forking.KILLED, "a later one does not wait"


def test_a_client_gets_no_answer_if_no_process_can_be_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full.py").write_text(FULL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(Path(forking.__file__).parents[1]))))
    with forking.running("full") as path:
        assert call(path, tmp_path, "exit", "3")[0] == forking.KILLED
        assert call(path, tmp_path, "exit", "3")[0] == 3, "the next one works"


def test_the_server_and_its_commands_end_with_a_killed_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "command.py").write_text(COMMAND)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(Path(forking.__file__).parents[1]))))
    monkeypatch.setenv("NAME", "value")
    arguments = [sys.executable, "-c", PARENT]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, bufsize=0) as parent:
        assert parent.stdout
        server, command = (Path("/proc") / part for part in parent.stdout.read(40).decode().split())
        assert server.exists()
        assert command.exists()
        parent.kill()
    assert ends(server)
    assert ends(command)


def test_the_script_runs_a_command_which_ends_with_it(server: Path) -> None:
    script = [sys.executable, "-I", "-S", forking.__file__, str(server)]
    environment = {**os.environ, "NAME": "value"}
    done = subprocess.run(
        [*script, "describe", "x"], input="", capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (7, "error\n")
    assert done.stdout == f"x value {Path.cwd()}  True\n"
    with subprocess.Popen(
        [*script, "wait"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    ) as client:
        assert client.stdout
        command = Path(f"/proc/{client.stdout.read(20).decode()}")
        assert command.exists()
        client.kill()
    assert ends(command)


@pytest.mark.parametrize(("length", "is_possible"), [(forking.FOLDER_BYTES, True), (107, False)])
def test_the_path_of_a_socket_is_short_enough(
    length: int, is_possible: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("/tmp") / f"{tmp_path.name}-{os.getpid()}-".ljust(length - len("/tmp/"), "x")
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    try:
        assert forking.is_possible() == is_possible
        if is_possible:
            with forking.running("command") as path:
                assert path.exists()
    finally:
        shutil.rmtree(folder)

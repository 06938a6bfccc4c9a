"""Tests of the process that observes the end of a program."""

import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.engine import program_process
from sandbox.engine.program_process import LENGTH_BYTES, PROCESSES_LEFT, STARTED

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")


@contextmanager
def observed(folder: Path, program: str) -> Generator[socket.socket]:
    """Run a script in place of that of a program, and provide the connection to its observer."""
    script = Path(program_process.__file__).read_text()
    (folder / "program_process.py").write_text(script)
    (folder / "program_main.py").write_text(f"import sys\nsys.stdin.read()\n{textwrap.dedent(program)}")
    connection, inherited = socket.socketpair()
    number = inherited.fileno()
    command = (sys.executable, "-I", "-S", str(folder / "program_process.py"), str(number), str(folder))
    with connection, subprocess.Popen(command, pass_fds=(number,)) as process:
        inherited.close()
        connection.settimeout(30)
        assert connection.recv(1) == STARTED
        connection.sendall((3).to_bytes(LENGTH_BYTES, "big") + b"run")
        yield connection
        connection.close()
        process.wait()


@pytest.mark.parametrize("code", [0, 10, 11])
def test_it_sends_the_exit_code(code: int, tmp_path: Path) -> None:
    with observed(tmp_path, f"sys.exit({code})") as connection:
        assert connection.recv(2) == bytes([code])


LATE = {
    "a thread": "import threading; threading.Thread(target=work).start()",
    "an exit handler": "import atexit; atexit.register(work)",
    "a finalizer": "class Late:\n    def __del__(self): work()\nlate = Late()",
}


@pytest.mark.parametrize("way", LATE)
def test_a_program_ends_with_the_work_that_it_left_for_later(way: str, tmp_path: Path) -> None:
    work = """\
        import pathlib, time
        def work(path=pathlib.Path(__file__).with_name("late"), sleep=time.sleep):
            sleep(0.3)
            path.touch()
        """
    with observed(tmp_path, textwrap.dedent(work) + LATE[way]) as connection:
        connection.recv(1)
        assert (tmp_path / "late").exists()


@linux
def test_a_process_that_outlives_the_program_is_an_error(tmp_path: Path) -> None:
    program = """\
        import os
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 256)
                import time; time.sleep(5)
            os._exit(0)
        os.wait()
        sys.exit(10)
    """
    with observed(tmp_path, program) as connection:
        assert connection.recv(2) == bytes([PROCESSES_LEFT])


def test_a_client_that_hangs_up_ends_the_program(tmp_path: Path) -> None:
    start = time.monotonic()
    with observed(tmp_path, "import time; time.sleep(60)"):
        pass
    assert time.monotonic() - start < 30


def test_a_program_does_not_inherit_the_connection(tmp_path: Path) -> None:
    program = """\
        import os, stat
        opened = [number for number in range(3, 256) if os.path.exists(f"/dev/fd/{number}")]
        sys.exit(sum(stat.S_ISSOCK(os.fstat(number).st_mode) for number in opened))
    """
    with observed(tmp_path, program) as connection:
        assert connection.recv(1) == bytes([0])

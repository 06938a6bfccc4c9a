"""Tests of a program in its isolation, which speaks to a resource monitor and a log of the test."""

import os
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pulumi.runtime.proto import language_pb2

from review.comparison import OWN_CODE
from review.jail import snapshot
from review.jail.guard import ANALYZER
from review.jail.processes import Processes
from review.jail.supervisor import running
from review.jail.system_calls.filter import LOWEST_PRIORITY
from sandbox.engine.call_relay import SECOND
from sandbox.engine.http2_calls import TOO_LATE
from sandbox.engine.program import ENDED, ERRORS, RemoteProgram
from sandbox.engine.program_process import PROCESSES_LEFT
from tests.support.sandbox.fake_engine import FakeEngine, serve

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]
ROOT = Path(__file__).parents[4]


Evaluate = Callable[[str], tuple[language_pb2.RunResponse, FakeEngine]]


@pytest.fixture
def evaluate() -> Iterator[Evaluate]:
    """Provide a function that evaluates a program in isolation, and returns the response and the engine."""
    with ExitStack() as stack:
        # The path of a Unix socket has at most 107 bytes (unix(7)).
        root = Path(stack.enter_context(TemporaryDirectory(prefix="review-"))).resolve()

        def run(program: str) -> tuple[language_pb2.RunResponse, FakeEngine]:
            tree = root / "head"
            (tree / "policies").mkdir(parents=True)
            (tree / "__main__.py").write_text(textwrap.dedent(program))
            (tree / "policies" / "__main__.py").write_text(
                "print(1, flush=True)\nimport time\ntime.sleep(600)\n"
            )
            code = snapshot.copy_code(ROOT, root / "code", OWN_CODE).folder
            processes = stack.enter_context(Processes(root, code, Path("/usr/bin/pulumi"), isolated=True))
            processes.add("dev", "head", tree, tree, policies=True)
            for command in processes.commands:
                stack.enter_context(running(command))
            engine = FakeEngine()
            address = stack.enter_context(serve(engine))
            request = language_pb2.RunRequest(
                project="attack",
                stack="dev",
                monitor_address=address,
                args=[address],
                dryRun=True,
                parallel=4,
            )
            remote = RemoteProgram(processes.sockets["dev"]["head"], root / "failed-calls")
            return remote.Run(request, None), engine

        yield run


def test_a_program_registers_its_resources_through_the_socket(evaluate: Evaluate) -> None:
    program = """
        import pulumi
        pulumi.ComponentResource("a:b:C", "component")
        pulumi.log.warn("a warning")
    """
    response, engine = evaluate(program)
    assert (response.error, response.bail, engine.messages) == ("", False, ["a warning"])
    assert engine.names == ["attack-dev", "component"]


def test_a_program_reaches_the_two_services_and_nothing_else(evaluate: Evaluate) -> None:
    program = """
        import os, pathlib, signal, socket
        tree = pathlib.Path(__file__).parent
        sockets = tree.parent / "sockets"
        [run] = sockets.iterdir()
        results = [f"sees {path.relative_to(run)}" for path in sorted(sockets.rglob("*")) if path != run]
        others = {name for name in os.listdir("/proc") if name.isdigit()} - {str(os.getpid())}
        results += [f"sees process {name}" for name in others]
        def attempt_memory(): open("/proc/1/mem", "rb").close()
        def attempt(name, action):
            try:
                results.append(f"{name}: possible ({action()})")
            except OSError as error:
                results.append(f"{name}: {error.strerror}")
        attempt("list interfaces", socket.if_nameindex)
        proxy = run / "services" / "monitor"
        attempt("replace the socket", proxy.unlink)
        attempt("write a FIFO beside the socket", lambda: os.mkfifo(proxy.with_name("fifo")))
        attempt("write a link beside the socket", lambda: os.symlink("/dev/zero", proxy.with_name("link")))
        attempt("read its observer's memory", attempt_memory)
        attempt("read its observer's files", lambda: os.readlink("/proc/1/fd/0"))
        for number in range(3):
            attempt(f"change the mode of file {number}", lambda: os.fchmod(number, 0o666))
        attempt("write to the tree", lambda: (tree / "planted").write_text("x"))
        attempt("reach the network", lambda: socket.create_connection(("192.0.2.1", 53), timeout=2))
        file = pathlib.Path(os.environ["TMPDIR"], "x")
        attempt("fill the memory file system", lambda: file.write_bytes(bytes(65 * 2**20)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGKILL):
            os.kill(1, number)
        raise RuntimeError("; ".join(results))
    """
    response, engine = evaluate(program)
    assert response.error
    [message] = engine.messages
    results = message.rpartition("RuntimeError: ")[2].strip().split("; ")
    modes = [result for result in results if result.startswith("change the mode")]
    # The error of an owner, and the one of others.
    assert all(mode.endswith(("Read-only file system", "Operation not permitted")) for mode in modes)
    assert len(modes) == 3
    assert [result for result in results if result not in modes] == [
        "sees services",
        "sees services/engine",
        "sees services/monitor",
        "sees process 1",
        "list interfaces: Operation not permitted",
        "replace the socket: Read-only file system",
        "write a FIFO beside the socket: Operation not permitted",
        "write a link beside the socket: Read-only file system",
        "read its observer's memory: Permission denied",
        "read its observer's files: Permission denied",
        "write to the tree: Read-only file system",
        "reach the network: Operation not permitted",
        "fill the memory file system: No space left on device",
    ]


@pytest.mark.parametrize("folder", ["TMPDIR", ""])
def test_a_program_that_makes_too_many_empty_files_has_failed(folder: str, evaluate: Evaluate) -> None:
    program = f"""
        import os
        folder = os.environ.get("{folder}", "/dev/shm")
        for number in range(1_000_000):
            os.close(os.open(f"{{folder}}/{{number}}", os.O_CREAT | os.O_WRONLY))
    """
    response, engine = evaluate(program)
    assert response.error == "the process that evaluates the program has ended before the program"
    assert engine.messages == []


def test_a_program_whose_connections_nobody_accepts_has_failed(evaluate: Evaluate) -> None:
    program = """
        import socket, time
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen(4096)
        for _ in range(2000):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())
        time.sleep(30)
    """
    response, engine = evaluate(program)
    assert response.error == "the process that evaluates the program has ended before the program"
    assert engine.messages == []


@pytest.mark.parametrize("code", [0, 1])
def test_a_program_that_ends_its_process_has_failed(code: int, evaluate: Evaluate) -> None:
    response, _ = evaluate(f"import os; os._exit({code})")
    assert response.error == ERRORS.get(code, ENDED)


LATE = {
    "an exit handler": "atexit.register(register)",
    "a process": """
import subprocess
command = ["sleep", "600"]
atexit.register(subprocess.Popen, command, stdin=-3, stdout=-3, stderr=-3, process_group=0)
""",
}


@pytest.mark.parametrize("way", LATE)
def test_a_program_has_ended_when_its_process_and_those_that_it_started_have(
    way: str, evaluate: Evaluate
) -> None:
    program = """
        import atexit, os, time
        import pulumi
        from pulumi.runtime import settings
        from pulumi.runtime.proto import resource_pb2
        pulumi.ComponentResource("a:b:C", "component")
        monitor = settings.get_monitor()
        def register():
            time.sleep(1)
            monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="late"))
    """
    response, engine = evaluate(textwrap.dedent(program) + LATE[way])
    assert "late" not in engine.names
    assert response.error == (
        ERRORS[PROCESSES_LEFT] if way == "a process" else TOO_LATE.format("RegisterResource")
    )


def test_the_engine_waits_for_a_thread_that_is_about_to_end(evaluate: Evaluate) -> None:
    program = """
        import threading, time
        from pulumi.runtime import settings
        from pulumi.runtime.proto import resource_pb2
        monitor = settings.get_monitor()
        def register():
            time.sleep(1)
            monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="late"))
        threading.Thread(target=register).start()
    """
    response, engine = evaluate(program)
    assert not response.error
    assert "late" in engine.names


@pytest.mark.parametrize("count", [1, 100])
def test_further_connections_of_a_program_are_refused(count: int, evaluate: Evaluate) -> None:
    program = f"""
        import pathlib, socket
        import pulumi
        path = next(pathlib.Path(__file__).parents[1].glob("sockets/*/services/monitor"))
        connections = [socket.socket(socket.AF_UNIX) for _ in range({count})]
        for connection in connections:
            connection.connect(str(path))
        pulumi.ComponentResource("a:b:C", "component")
    """
    response, engine = evaluate(program)
    assert (response.error, engine.names) == (SECOND, ["attack-dev", "component"])


def test_garbage_of_a_program_is_collected_when_it_is_in_a_deployment(evaluate: Evaluate) -> None:
    response, engine = evaluate(
        """
        import pulumi
        class Later:
            def __init__(self):
                self.itself = self
            def __del__(self):
                pulumi.ComponentResource("a:b:C", "later")
        Later()
        numbers = [[number] for number in range(1500)]
        """
    )
    assert (response.error, engine.names) == ("", ["attack-dev", "later"])


def test_the_thread_that_counts_has_priority_over_a_program(evaluate: Evaluate) -> None:
    response, engine = evaluate(
        """
        import os, pathlib
        import pulumi
        stats = [(task / "stat").read_text() for task in pathlib.Path("/proc/1/task").iterdir()]
        pulumi.log.warn(f"{os.getpriority(os.PRIO_PROCESS, 0)}")
        pulumi.log.warn(f"{min(int(stat.rpartition(')')[2].split()[16]) for stat in stats)}")
        """
    )
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert (response.error, engine.messages) == ("", [str(LOWEST_PRIORITY), str(own)])


def test_a_program_can_copy_files(evaluate: Evaluate) -> None:
    response, engine = evaluate(
        """
        import os, shutil, tempfile
        import pulumi
        copy = shutil.copy(__file__, tempfile.mkdtemp())
        pulumi.log.warn(f"{os.path.getsize(copy) == os.path.getsize(__file__)}")
        """
    )
    assert (response.error, engine.messages) == ("", ["True"])


def test_a_program_that_the_filter_ends_has_failed(evaluate: Evaluate) -> None:
    program = """
        import socket
        socket.socketpair()[0].send(b"P", socket.MSG_OOB)
    """
    response, _ = evaluate(program)
    assert response.error == ERRORS[-signal.SIGSYS & 255]


def test_the_policies_under_review_do_not_share_the_programs_isolation(evaluate: Evaluate) -> None:
    program = """
        import pathlib
        path = pathlib.Path(__file__).parents[1] / "sockets" / "0"
        raise RuntimeError(f"{[(path / name).exists() for name in ('NAME', 'program')]}")
    """
    _, engine = evaluate(program.replace("NAME", ANALYZER))
    assert "RuntimeError: [False, False]" in engine.messages[0]

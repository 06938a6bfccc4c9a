"""Tests that the sandbox and the review evaluate a program as a deployment does.

A fake engine gets the calls of small programs, which are run in both ways: by program_main.py, and by the
main script of Pulumi's language host.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi.runtime.proto import language_pb2

from sandbox.engine import program_main
from sandbox.engine.program import ERRORS, LocalProgram
from sandbox.engine.program_main import AT_WORK, COMPLETED, FAILED, SUCCEEDED
from sandbox.engine.program_process import PROCESSES_LEFT
from sandbox.toolchain import pulumi_cli
from tests.support.sandbox.fake_engine import FakeEngine, serve

CONFIG = {"attack:text": "from the configuration"}

SCRIPT = "pulumi-language-python-exec"

LEFT: dict[str, tuple[str, str]] = {
    "a task": (
        """
        async def later():
            await asyncio.sleep(20)
        task = asyncio.ensure_future(later())
        """,
        "the task later (__main__.py:3) is still at work",
    ),
    "a task of the SDK that waits for the program": (
        """
        class Resource:
            class urn:
                async def future():
                    await asyncio.sleep(20)
        pulumi.log.info("text", resource=Resource)
        """,
        "the task _log.<locals>.do_log (",
    ),
    "a daemon thread": (
        """
        def later():
            time.sleep(20)
        threading.Thread(target=later, daemon=True, name="slow").start()
        """,
        "the thread slow in later (__main__.py:3) is still at work",
    ),
    "a thread without a function in Python": (
        "threading.Thread(target=time.sleep, args=(20,), daemon=True, name='slow').start()",
        "the thread slow in ",
    ),
    "a thread that Python does not list": (
        """
        def later():
            time.sleep(20)
        _thread.start_new_thread(later, ())
        """,
        "in later (__main__.py:3) is still at work",
    ),
    "a thread of the loop": (
        """
        def later():
            time.sleep(5)
        asyncio.get_running_loop().run_in_executor(None, later)
        """,
        "in later (__main__.py:3) is still at work",
    ),
    "a timer": (
        """
        def later():
            pass
        asyncio.get_running_loop().call_later(20, later)
        """,
        "a timer of later (__main__.py:3) (call_later or call_at) is still at work",
    ),
    "callbacks that add others": (
        """
        loop = asyncio.get_running_loop()
        def later():
            loop.call_soon(later)
        loop.call_soon(later)
        """,
        "a callback (call_soon) is still at work",
    ),
    "a reader": (
        """
        asyncio.kept = socket.socketpair()  # the program's own variables end with it
        asyncio.get_running_loop().add_reader(asyncio.kept[0], print)
        """,
        "a reader or a writer (add_reader or add_writer) is still at work",
    ),
    "an alarm": ("signal.alarm(20)", "an interval timer (signal.alarm or signal.setitimer)"),
    "a thread without any function in Python": (
        "_thread.start_new_thread(time.sleep, (20,))",
        "a thread in a function that is not written in Python is still at work",
    ),
    "a thread that runs no function in Python": (
        """
        thread = threading.Thread(daemon=True, name="slow")
        thread.run = functools.partial(time.sleep, 20)
        thread.start()
        """,
        "the thread slow in ",
    ),
    "the start of a thread of an executor": (
        """
        asyncio.pool = concurrent.futures.ThreadPoolExecutor(1, "slow", time.sleep, (3,))
        asyncio.pool.submit(print)
        """,
        "the thread slow_0 in _worker (",
    ),
    "a queue of an executor that is not its own": (
        """
        asyncio.pool = concurrent.futures.ThreadPoolExecutor(1, "slow")
        other = queue.SimpleQueue()
        asyncio.pool._work_queue = types.SimpleNamespace(put=other.put, get=other.get)
        asyncio.pool.submit(print)
        """,
        "the thread slow_0 in _worker (",
    ),
}
"""Programs that end with work left, after the imports in the first line, with the starts of their errors."""

LEFT_ON_LINUX: dict[str, tuple[str, str]] = {
    "a thread that Python does not count": (
        "faulthandler.dump_traceback_later(20)",
        "a thread that Python does not count is still at work",
    ),
    "a timer of the system": (
        """
        timer = ctypes.c_void_p()
        ctypes.CDLL(None).timer_create(time.CLOCK_MONOTONIC, None, ctypes.byref(timer))
        """,
        "a timer of the system (timer_create) is still at work",
    ),
    "a process": (
        """
        process = subprocess.Popen(["sleep", "20"])
        atexit.register(process.wait)
        atexit.register(process.kill)
        """,
        "the process sleep is still at work",
    ),
}
"""Programs that leave work which only Linux shows, as in LEFT."""

ORPHAN = """
subprocess.run(["sh", "-c", "sleep 20 & echo $!"], stdout=open("pid", "w"))
atexit.register(os.kill, int(open("pid").read()), signal.SIGKILL)
"""

NO_WORK = """\
import asyncio, concurrent.futures, signal
import pulumi
pool = concurrent.futures.ThreadPoolExecutor()
pool.submit(print).result()
async def end(_):
    async def late():
        await asyncio.sleep(0.2)
        pulumi.log.warn("late")
    global task
    task = asyncio.ensure_future(late())
pulumi.Output.from_input(1).apply(end)
async def wait():
    timer = asyncio.get_running_loop().call_later(600, print)
    timer.cancel()
    process = await asyncio.create_subprocess_exec("true", stdout=-1)
    await process.communicate()
    await asyncio.wait_for(asyncio.sleep(0), 600)
pulumi.run(wait)
"""

IMPORTS = (
    "import _thread, asyncio, atexit, concurrent.futures, ctypes, faulthandler, functools, os, queue, "
    "signal, socket, subprocess, threading, time, types\nimport pulumi\n"
)

PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "a module is looked for in the current folder": (
        """
        import importlib, os
        import pulumi
        os.chdir("docs")
        importlib.invalidate_caches()
        import rules
        pulumi.log.warn(rules.FOLDER)
        """,
        ["docs"],
    ),
    "a module is found in the project's folder before its finder is forgotten": (
        """
        import os
        import pulumi
        os.chdir("docs")
        import rules
        pulumi.log.warn(rules.FOLDER)
        """,
        ["project"],
    ),
    "an apply no longer finds the project's modules": (
        """
        import pulumi
        def late(_):
            try:
                import rules
            except ImportError as error:
                return error.msg
            return rules.FOLDER
        pulumi.Output.from_input(1).apply(lambda number: pulumi.log.warn(late(number)))
        """,
        ["No module named 'rules'"],
    ),
    "a folder in third place comes before Python's": (
        """
        import pathlib, sys
        import pulumi
        sys.path.insert(2, str(pathlib.Path("docs").absolute()))
        import this
        pulumi.log.warn(this.FOLDER)
        """,
        ["docs"],
    ),
    "the main script is that of a folder": (
        """
        import asyncio, os, pathlib, sys
        import pulumi
        for value in (
            sys.argv,
            sys.path.count("."),
            sys.path[0],
            __spec__.name,
            __package__,
            type(__loader__).__name__,
            asyncio.get_event_loop_policy().get_event_loop() is asyncio.get_running_loop(),
            (pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()),
            pulumi.runtime.is_dry_run(),
            pathlib.Path(__file__).relative_to(os.getcwd()),
            pathlib.Path(pulumi.get_root_directory()).relative_to(os.getcwd()),
        ):
            pulumi.log.warn(f"{value}")
        """,
        [
            "['.']",
            "1",
            ".",
            "__main__",
            "",
            "SourceFileLoader",
            "True",
            "('attack', 'dev', 'organization')",
            "False",
            "__main__.py",
            ".",
        ],
    ),
    "a thread has the configuration": (
        """
        from concurrent.futures import ThreadPoolExecutor
        import pulumi
        def read():
            return pulumi.Config("attack").get("text")
        pulumi.log.warn(f"{ThreadPoolExecutor().submit(read).result()}")
        """,
        ["from the configuration"],
    ),
    "an exit handler has the settings": (
        """
        import atexit
        import pulumi
        atexit.register(lambda: pulumi.log.warn("at the end"))
        """,
        ["at the end"],
    ),
    "the resource of a message is asked for its URN, whatever the level": (
        """
        import pulumi
        class Resource:
            def __init__(self, name):
                self.name = name
            @property
            def urn(self):
                pulumi.log.warn(self.name)
                return pulumi.Output.from_input("urn")
        pulumi.log.debug("text", resource=Resource("debug"))
        pulumi.log.info("text", resource=Resource("info"))
        """,
        ["debug", "info", "text"],
    ),
    "an asset is asked once more for its path than it is sent": (
        """
        import itertools
        import pulumi
        class Page(pulumi.FileAsset):
            def __init__(self):
                self.paths = map("/{}".format, itertools.count())
            @property
            def path(self):
                return next(self.paths)
            def __copy__(self):
                raise AssertionError
        class Object(pulumi.CustomResource):
            def __init__(self, name, source):
                super().__init__("test:index:Object", name, {"source": source})
        Object("page", Page())
        """,
        ["/1"],
    ),
    "a debug message that cannot be sent fails": (
        """
        import pulumi
        try:
            pulumi.log.debug(1)
        except TypeError:
            pulumi.log.warn("refused")
        """,
        ["refused"],
    ),
}


@pytest.fixture
def engine() -> Iterator[tuple[FakeEngine, str]]:
    """Provide an engine and its address."""
    servicer = FakeEngine()
    with serve(servicer) as address:
        yield servicer, address


def write_project(folder: Path, program: str) -> Path:
    """Write a project whose modules name their folders, and return its folder."""
    project = (folder / "project").resolve()
    (project / "docs").mkdir(parents=True)
    (project / "__main__.py").write_text(textwrap.dedent(program))
    (project / "rules.py").write_text("FOLDER = 'project'\n")
    for name in ("rules", "this"):
        (project / "docs" / f"{name}.py").write_text("FOLDER = 'docs'\n")
    return project


def evaluate(project: Path, address: str, cwd: Path, script: str = program_main.__file__) -> int:
    """Evaluate a program as the sandbox and the review do, and return the exit code."""
    request = language_pb2.RunRequest(
        project="attack",
        stack="dev",
        monitor_address=address,
        args=[address],
        parallel=4,
        config=CONFIG,
    )
    command = (sys.executable, "-P", script, str(project))
    return subprocess.run(command, input=request.SerializeToString(), cwd=cwd, check=False).returncode


def host_script() -> Path | None:
    """Return the main script of Pulumi's language host: of an installed engine, or of the Go module."""
    modules = Path(os.environ.get("GOMODCACHE", Path.home() / "go" / "pkg" / "mod"))
    sdk = modules / f"github.com/pulumi/pulumi/sdk/v3@v{pulumi_cli.RECIPE.version}"
    places = (shutil.which(SCRIPT), sdk / "python" / "cmd" / SCRIPT)
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def deploy(project: Path, address: str, script: Path) -> int:
    """Evaluate a program as Pulumi's language host does, and return the exit code.

    The arguments are those of pulumi/pulumi, sdk/python/cmd/pulumi-language-python/main.go:
    constructArguments.
    """
    options = {
        "--monitor": address,
        "--engine": address,
        "--project": "attack",
        "--root_directory": str(project),
        "--stack": "dev",
        "--pwd": str(project),
        "--dry_run": "false",
        "--parallel": "4",
        "--organization": "organization",
    }
    arguments = [text for option in options.items() for text in option]
    variables = os.environ | {"PULUMI_CONFIG": json.dumps(CONFIG)}
    command = (sys.executable, "-u", str(script), *arguments, ".")
    return subprocess.run(command, cwd=project, env=variables, check=False).returncode


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_in_a_deployment(name: str, engine: tuple[FakeEngine, str], tmp_path: Path) -> None:
    program, expected = PROGRAMS[name]
    project = write_project(tmp_path, program)
    servicer, address = engine
    assert evaluate(project, address, tmp_path) == COMPLETED
    assert servicer.messages == expected


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_deployment_runs_a_program_so(name: str, engine: tuple[FakeEngine, str], tmp_path: Path) -> None:
    if (script := host_script()) is None:
        pytest.skip(f"neither PATH nor the cache of Go modules has {SCRIPT}")
    program, expected = PROGRAMS[name]
    project = write_project(tmp_path, program)
    servicer, address = engine
    assert deploy(project, address, script) == 0
    assert servicer.messages == expected


OWN_HOOK = """\
import os, sys
sys.excepthook = lambda *_: {}
raise KeyboardInterrupt
"""
"""A program with a function of its own for errors that the language host leaves to the interpreter."""

OWN_EXIT = """\
import os, sys
import pulumi
finish = sys.exit
sys.exit = lambda code=None: {}
{}
"""
"""A program with a function of its own with which the language host ends the process."""

ERROR_IN_THE_HOST = """\
import os, sys, traceback
import grpc, pulumi
def fail(*_):
    raise OSError("in the host")
{}
sys.excepthook = lambda *_: os._exit(0)
raise {}
"""
"""A program with a function of its own that the language host calls when the program has failed."""

ERROR_THAT_EXITS = """\
import os, sys
import grpc
class Error({}):
    def __str__(self):
        sys.exit(0)
sys.excepthook = lambda *_: os._exit(0)
raise Error
"""
"""A program whose error ends whoever asks it for its message, or has none. The language host asks none."""


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("raise ValueError('wrong')", FAILED, "python inline source runtime error: wrong\nTraceback"),
        ("import pulumi\nraise pulumi.RunError('wrong')", FAILED, "wrong"),
        ("raise SystemExit(0)", SUCCEEDED, "python inline source runtime error: 0\nTraceback"),
        ("raise SystemExit", SUCCEEDED, "python inline source runtime error: \nTraceback"),
        ("raise SystemExit(256)", SUCCEEDED, "python inline source runtime error: 256\nTraceback"),
        ("raise SystemExit('')", FAILED, "python inline source runtime error: \nTraceback"),
        ("raise SystemExit(10)", FAILED, "python inline source runtime error: 10\nTraceback"),
        ("raise KeyboardInterrupt", FAILED, "python inline source runtime error: \nTraceback"),
        (
            ERROR_IN_THE_HOST.format("pulumi.log.error = fail", "pulumi.RunError"),
            SUCCEEDED,
            "python inline source runtime error: in the host\nTraceback",
        ),
        (ERROR_IN_THE_HOST.format("traceback.extract_tb = fail", "ValueError"), SUCCEEDED, ""),
        (ERROR_IN_THE_HOST.format("traceback.format_exc = fail", "ValueError"), SUCCEEDED, ""),
        (OWN_EXIT.format("finish(0)", "raise ValueError('wrong')"), SUCCEEDED, "python inline source"),
        (OWN_EXIT.format("os._exit(0)", "raise ValueError('wrong')"), SUCCEEDED, "python inline source"),
        (OWN_EXIT.format("None", "raise ValueError('wrong')"), SUCCEEDED, "python inline source"),
        (OWN_EXIT.format("finish(code)", "raise ValueError('wrong')"), FAILED, "python inline source"),
        (OWN_EXIT.format("finish(code != 1)", "raise pulumi.RunError('wrong')"), SUCCEEDED, "wrong"),
        (OWN_EXIT.format("finish(code != 32)", "raise ValueError('wrong')"), SUCCEEDED, "python inline"),
        (OWN_EXIT.format("finish(code)", ""), COMPLETED, ""),
        (OWN_EXIT.format("finish(3)", ""), FAILED, ""),
        (ERROR_THAT_EXITS.format("Exception"), FAILED, "Traceback"),
        (ERROR_THAT_EXITS.format("grpc.RpcError"), FAILED, "Traceback"),
        (ERROR_IN_THE_HOST.format("", "pulumi.RunError('wrong')"), FAILED, "wrong"),
        (OWN_HOOK.format("1 / 0"), FAILED, "python inline source runtime error: \nTraceback"),
        (OWN_HOOK.format("sys.exit(0)"), SUCCEEDED, "python inline source runtime error: \nTraceback"),
        (OWN_HOOK.format("os._exit(0)"), SUCCEEDED, "python inline source runtime error: \nTraceback"),
    ],
)
def test_the_error_of_a_program_that_fails_is_logged(
    program: str, code: int, message: str, engine: tuple[FakeEngine, str], tmp_path: Path
) -> None:
    servicer, address = engine
    assert evaluate(write_project(tmp_path, program), address, tmp_path) == code
    assert len(servicer.messages) == bool(message)
    assert "".join(servicer.messages).startswith(message)


@pytest.mark.parametrize("name", [*LEFT, *(LEFT_ON_LINUX if sys.platform == "linux" else ())])
def test_a_program_that_leaves_work_fails(name: str, engine: tuple[FakeEngine, str], tmp_path: Path) -> None:
    program, expected = (LEFT | LEFT_ON_LINUX)[name]
    servicer, address = engine
    project = write_project(tmp_path, IMPORTS + textwrap.dedent(program).lstrip())
    script = Path(program_main.__file__).read_text()
    hasty = tmp_path / "program_main.py"
    patience = f"GRACE_SECONDS, FEWEST_LOOKS = {program_main.GRACE_SECONDS}, {program_main.FEWEST_LOOKS}"
    assert patience in script
    hasty.write_text(script.replace(patience, "GRACE_SECONDS, FEWEST_LOOKS = 0.5, 10"))
    assert evaluate(project, address, tmp_path, str(hasty)) == AT_WORK
    assert expected in servicer.messages[-1]
    assert not servicer.is_complete, "the engine must not take the program for complete"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_an_orphan_of_a_program_is_work(engine: tuple[FakeEngine, str], tmp_path: Path) -> None:
    servicer, address = engine
    project = write_project(tmp_path, IMPORTS + ORPHAN.lstrip())
    request = language_pb2.RunRequest(
        project="attack", stack="dev", monitor_address=address, args=[address], parallel=4
    )
    assert LocalProgram(project).Run(request, None).error == ERRORS[PROCESSES_LEFT]
    assert servicer.messages[-1].startswith("the process sleep is still at work")
    assert not servicer.is_complete


def test_idle_threads_and_what_is_about_to_end_are_no_work(
    engine: tuple[FakeEngine, str], tmp_path: Path
) -> None:
    servicer, address = engine
    assert evaluate(write_project(tmp_path, NO_WORK), address, tmp_path) == COMPLETED
    assert servicer.messages == ["late"]

"""Main script of a process that evaluates a program: python -P program_main.py PROJECT [OBSERVER].

OBSERVER is the PID of the process that observes the end of this one (program_process.py).

It runs the program as a deployment does: in the same order as the main script of Pulumi's language host, and
with the same folders on `sys.path` (pulumi/pulumi, sdk/python/cmd/pulumi-language-python-exec). It imports
the modules that this script imports, and no others, since a program gets an imported module whatever
`sys.path` contains. These differences remain, and a program does not get other modules or settings by them:

- The engine's request comes from standard input, and not as arguments.
- It ends with an exit code of its own, so that the end of a program is not taken for one of its process.
- A program that raises SystemExit has failed. In a deployment, the exit code 0 means success.
- The engine also gets a message about an error that the language host leaves to the interpreter.
- A program that says that it has registered all resources while work is left has failed, and its process ends
  at once (`wait_for_work`).
- The SDK gets connections whose messages this script changes or drops (`connect`). Nothing else of the SDK
  changes: whatever it asks the program's objects, it asks them as in a deployment.
- `os.sendfile` copies files by reading them (`copy_files_by_reading`).
- A run that is to record what it executes of some files compiles these with marks (`record_executed_code`).
"""

import _thread
import argparse  # noqa: F401  # pyright: ignore[reportUnusedImport]
import asyncio
import dis
import importlib.util
import inspect  # noqa: F401  # pyright: ignore[reportUnusedImport]
import json
import logging
import os
import runpy
import selectors
import signal
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as executor_threads
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import CodeType, FrameType
from typing import Any, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from pulumi import RunError, log
from pulumi.runtime import _grpc_settings as grpc_settings  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import config, configure, rpc, stack
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings

COMPLETED, FAILED, AT_WORK, SUCCEEDED = 10, 11, 12, 0
"""Exit codes. All others belong to a program that has ended its process itself.

AT_WORK means that work is left (`wait_for_work`). With SUCCEEDED, a deployment takes SystemExit for success.
"""

OF_RUN_ERROR, OF_OTHERS = 1, 32
"""Codes with which the language host calls `sys.exit` after an error; with 0 if there is none."""

STATUS = 0xFF
"""The bits of an exit code that the system has."""

PROGRAM = "."
"""The program as the language host names it: its folder, in which it runs. `sys.path` has this name while the
main script runs, so Python looks for modules in the current folder when it has forgotten where it looked.
"""

LANGUAGE_HOST = "~/.pulumi/bin"
"""Folder of the language host's main script, which Python puts on `sys.path` behind PROGRAM. This is where
Pulumi's installer puts it; it contains no modules.
"""

CHANNEL_OPTIONS: list[tuple[str, int]] = [
    *grpc_settings._GRPC_CHANNEL_OPTIONS,  # pyright: ignore[reportPrivateUsage]
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 2**22),
]
"""Options of the SDK's connections to the engine. They do not measure the bandwidth, since a review allows no
frames whose number depends on the time (sandbox/engine/http2_calls.py). The window is the one that gRPC has
while it measures.
"""

SIGNATURE = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]
ASSETS = cast(
    tuple[str, ...],
    (rpc._special_asset_sig, rpc._special_archive_sig),  # pyright: ignore[reportPrivateUsage]
)
"""The member of a special value with its kind, and the kinds of assets and archives."""

SENDFILE_BYTES = 2**20
"""Largest number of bytes that `os.sendfile` copies at a time."""

DEBUG_BYTES = 2**16
"""Size of the longest debug message that is dropped. Only in a deployment could a longer one fail."""

END = "SignalAndWaitForShutdown"
"""The call by which the SDK says that the program has registered all resources."""

EXECUTED_CODE = Path(__file__).with_name("replay") / "executed_code.py"
"""The module that records executed code. It is not imported by its name, which a program may have as well."""

EXECUTED = "executed code"
"""The `urn` of the message of the log with the record of the executed code. No resource has such a URN."""

GRACE_SECONDS, FEWEST_LOOKS = 5, 100
"""Seconds in which tasks and threads that are about to end may do so. Until then, the engine waits, so the
review sees what they declare. On a busy machine, it takes longer to look so often for work that is left.
"""

CLEAR_LOOKS = 2
"""Number of looks without any work after which none is left: work can pass on other work during a look."""

WORK_LEFT = (
    "{} is still at work, although the program has registered all resources. In a deployment, which takes "
    "longer, it could declare others. {}"
)
"""Error of a program that the engine may not take for complete."""

AWAIT = "Await it in pulumi.run, or give it to an Output (pulumi.Output.from_input)."
JOIN = "Wait for its end (join), or do its work in an Output's apply."
CANCEL = "Cancel it, or wait for it."
END_PROCESS = "Wait for its end."
REMOVE = "Remove it, or close the connection that needs it."

WORKER: CodeType = executor_threads._worker.__code__  # pyright: ignore
"""Function of the threads of a ThreadPoolExecutor."""

WORKER_WAITS = frozenset(
    instruction.positions.lineno
    for instruction in dis.get_instructions(WORKER)
    if instruction.argval == "get" and instruction.positions
)
"""Lines of that function in which a thread waits for work, which comes through a SimpleQueue."""

PROCESSES = Path("/proc")
ENDED = "ZX"
"""States of a process whose first thread has ended (proc(5), /proc/pid/stat)."""

SELECTORS: frozenset[CodeType] = frozenset(
    kind.select.__code__
    for kind in vars(selectors).values()
    if isinstance(kind, type) and issubclass(kind, selectors.BaseSelector)
)
"""Functions in which an event loop waits."""

OWN_READERS = 1
"""Number of the descriptors that an event loop itself reads: threads wake it by a socket."""


class _Channel:
    """A connection to the engine whose calls of some methods this script replaces."""

    def __init__(self, channel: grpc.Channel, project: Path, replace: Callable[[str, Any], Any]) -> None:
        self._channel = channel
        self._project = project
        self._replace = replace

    def unary_unary(self, method: str, request_serializer: Callable[[Any], bytes], **options: Any) -> Any:
        """Return the function for a method, as the SDK's stubs ask for it."""
        serializer = resolve_assets(request_serializer, self._project)
        call: Any = self._channel.unary_unary(method, request_serializer=serializer, **options)
        return self._replace(method.rpartition("/")[2], call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


class _Call:
    """A function for a method of the engine, which first asks another function for an answer."""

    def __init__(self, call: Any, answer: Callable[[Any], Any]) -> None:
        self._call = call
        self._answer = answer

    def __call__(self, request: Any, *arguments: Any, **options: Any) -> Any:
        answer = None if arguments or options else self._answer(request)
        return self._call(request, *arguments, **options) if answer is None else answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


def connect(monitor: str, engine: str, project: Path, end: Callable[[], None]) -> tuple[Any, Any]:
    """Return the SDK's stubs of the resource monitor and of the engine, with the CHANNEL_OPTIONS.

    `end` is called when the SDK says that the program has registered all resources.
    """

    def before_end(_request: Any) -> None:
        end()

    def replace(name: str, call: Any) -> Any:
        answers = {"Log": answer_debug_message, END: before_end}
        return _Call(call, answers[name]) if name in answers else call

    def channel(address: str) -> Any:
        return _Channel(grpc.insecure_channel(address, options=CHANNEL_OPTIONS), project, replace)

    return resource_pb2_grpc.ResourceMonitorStub(channel(monitor)), engine_pb2_grpc.EngineStub(
        channel(engine)
    )


def answer_debug_message(request: Any) -> Empty | None:
    """Answer a finished request to log a debug message, in place of the engine.

    The SDK writes several messages for each resource, and the receiver of events drops them all. The SDK has
    already asked the objects of which it makes the request.
    """
    if type(request) is not engine_pb2.LogRequest or request.severity != engine_pb2.DEBUG:
        return None
    return Empty() if request.ByteSize() < DEBUG_BYTES else None


def resolve_assets(serialize: Callable[[Any], bytes], project: Path) -> Callable[[Any], bytes]:
    """Make the relative paths of assets and archives in a request lead to the project's folder.

    The engine reads these files, and Pulumi runs it in that folder. The sandbox runs it in the stack's
    folder. As the engine does, this removes `..` from relative paths by their text only. An absolute path
    stays as it is, since the system follows the links in it (pulumi/pulumi,
    sdk/go/common/resource/asset/asset.go and archive.go: filepath.IsAbs). This only changes the bytes of a
    finished request, so the program's assets are read as in a deployment.
    """

    def serialize_resolved(request: Any) -> bytes:
        data = serialize(request)
        if SIGNATURE.encode() not in data:
            return data
        try:
            message = cast(Any, type(request)).FromString(data)
        except DecodeError:
            return data  # The receiver cannot read it either.
        relative = [path for path in _asset_paths(message) if not Path(path.string_value).is_absolute()]
        for path in relative:
            path.string_value = os.path.normpath(project / path.string_value)
        return message.SerializeToString() if relative else data

    return serialize_resolved


def _asset_paths(request: Any) -> Iterator[Value]:
    """Yield the paths of the assets and archives in a request, without those that are empty."""
    waiting: list[Any] = [content for _, content in request.ListFields()]
    while waiting:
        content = waiting.pop()
        if isinstance(content, Struct):
            parts = dict(content.fields)
            kind, path = (parts.get(name, Value()) for name in (SIGNATURE, "path"))
            if kind.string_value in ASSETS and path.string_value:
                yield path
            waiting += parts.values()
        elif isinstance(content, Value):
            if content.HasField("struct_value"):
                waiting.append(content.struct_value)
            waiting += content.list_value.values


def copy_files_by_reading() -> None:
    """Keep copies of files from the system call `sendfile`, which ends the program under review.

    Only what `sendfile` sends to a socket can still change (review/jail/system_calls/filter.py). `shutil`
    calls this function when it copies files, as in a deployment.
    """
    if sys.platform != "linux":
        return
    send = cast(Any, os.sendfile)
    status, read, read_at, write = os.fstat, os.read, os.pread, os.write

    def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
        if not stat.S_ISREG(status(out_fd).st_mode):
            return send(out_fd, in_fd, offset, count)
        size = min(count, SENDFILE_BYTES)
        return write(out_fd, read(in_fd, size) if offset is None else read_at(in_fd, size, offset))

    os.sendfile = sendfile


def record_executed_code(files: Sequence[str]) -> Callable[[], str] | None:
    """Record what the program executes of these files; return a function for the record, or None."""
    if not files:
        return None
    spec: Any = importlib.util.spec_from_file_location(EXECUTED_CODE.stem, EXECUTED_CODE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.record(files)


def wait_for_work(
    loop: asyncio.AbstractEventLoop, main: "asyncio.Task[Any] | None", observer: int | None
) -> None:
    """Raise RunError if work is left when a program says that it has registered all resources.

    A deployment takes longer than a review, so work that nobody waits for may only be done there. This runs
    in a thread of the SDK while the loop goes on, so what ends in the GRACE_SECONDS has its effect.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    looks = clear_looks = 0
    while clear_looks < CLEAR_LOOKS:
        work = next(_work_left(loop, main, observer), None)
        looks, clear_looks = looks + 1, 0 if work else clear_looks + 1
        if work and looks > FEWEST_LOOKS and time.monotonic() > deadline:
            raise RunError(WORK_LEFT.format(*work))
        time.sleep(0.01)


def _work_left(
    loop: asyncio.AbstractEventLoop, main: "asyncio.Task[Any] | None", observer: int | None
) -> Iterator[tuple[str, str]]:
    """Yield what the program has left to do, and the advice on it."""
    for task in asyncio.all_tasks(loop):
        if task is not main:
            code = getattr(task.get_coro(), "cr_code", None)
            yield f"the task {_name(code) if code else task.get_name()}", AWAIT
    for timer in list(getattr(loop, "_scheduled", ())):
        if not timer.cancelled():
            code = getattr(getattr(timer, "_callback", None), "__code__", None)
            yield f"a timer{f' of {_name(code)}' if code else ''} (call_later or call_at)", CANCEL
    selector = getattr(loop, "_selector", None)
    if selector and len(selector.get_map()) > OWN_READERS:
        yield "a reader or a writer (add_reader or add_writer)", REMOVE
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
    # The loop also asks for events between two callbacks, but then, some are ready.
    is_waiting = frames[threading.main_thread().ident or 0].f_code in SELECTORS
    if not is_waiting or getattr(loop, "_ready", ()):
        yield "a callback (call_soon)", AWAIT
    yield from ((thread, JOIN) for thread in _threads_at_work(frames))
    if any(map(any, map(signal.getitimer, (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)))):
        yield "an interval timer (signal.alarm or signal.setitimer)", CANCEL
    if sys.platform == "linux":
        if _has_timers():
            yield "a timer of the system (timer_create)", CANCEL
        yield from ((process, END_PROCESS) for process in _processes(observer))


def _threads_at_work(frames: dict[int, FrameType]) -> Iterator[str]:
    """Yield names of the threads at work, of which the first one and this one are none.

    `frames` has no thread that executes a function in C only, or that has not begun (CPython,
    Python/pystate.c: _PyThread_CurrentFrames). `_thread` counts those that have begun, and the system all.
    """
    own = {threading.main_thread().ident, threading.get_ident()}
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    others = {number: frame for number, frame in frames.items() if number not in own}
    for number, frame in others.items():
        if not _is_idle(frame):
            yield f"the thread {names.get(number, number)} in {_name(_outermost(frame))}"
    count = _thread._count()  # pyright: ignore
    if count > len(others) + len(own) - 1:
        yield "a thread in a function that is not written in Python"
    if sys.platform == "linux" and _system_threads() > count + 1:
        yield "a thread that Python does not count"


def _is_idle(frame: FrameType) -> bool:
    """Return True for a thread of a ThreadPoolExecutor that waits for work."""
    if frame.f_code is not WORKER or frame.f_lineno not in WORKER_WAITS:
        return False
    queue = frame.f_locals.get("work_queue")
    return type(queue) is SimpleQueue and queue.empty()


def _system_threads() -> int:
    """Return the number of this process's threads, without those of gRPC.

    A thread has the name of the one that started it, and gRPC gives its threads names of their own where the
    C library can do this (grpc, src/core/lib/gprpp/posix/thd.cc: ThreadInternalsPosix). Elsewhere, they
    cannot be told from others, and this returns 0.
    """
    own = (PROCESSES / "self" / "comm").read_text()
    names: list[str] = []
    for folder in (PROCESSES / "self" / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # It has just ended.
            names.append((folder / "comm").read_text())
    return names.count(own) if {*names} != {own} else 0


def _has_timers() -> bool:
    """Return True if this process has POSIX timers, which kernels without checkpoints do not show."""
    try:
        return bool((PROCESSES / "self" / "timers").read_bytes())
    except FileNotFoundError:
        return False


def _processes(observer: int | None) -> Iterator[str]:
    """Yield names of the living processes that the program has started.

    Orphans become children of the `observer`.
    """
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in PROCESSES.iterdir():
        if folder.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):  # It has just ended.
                name, _, fields = (folder / "stat").read_text(errors="replace").rpartition(")")
                state, parent = fields.split()[:2]
                parents[int(folder.name)] = int(parent)
                if state not in ENDED or len([*(folder / "task").iterdir()]) > 1:
                    names[int(folder.name)] = name.partition("(")[2]
    root = observer or os.getpid()
    for process, name in names.items():
        above: set[int] = set()
        while process not in above and process != root:  # The table may have a circle if a PID is used again.
            above.add(process)
            process = parents.get(process, 0)
        if process == root and above - {os.getpid()}:
            yield f"the process {name}"


def _outermost(frame: FrameType) -> CodeType:
    """Return the outermost function of a thread that is not the start of every thread."""
    frames = [frame]
    while caller := frames[-1].f_back:
        frames.append(caller)
    codes = [frame.f_code for frame in reversed(frames)]
    return next((code for code in codes if code.co_filename not in THREAD_FILES), codes[-1])


THREAD_FILES = (threading.__file__, executor_threads.__file__)


def _name(code: CodeType) -> str:
    """Return the name of a function, with its place."""
    name = cast(str, getattr(code, "co_qualname", code.co_name))
    return f"{name} ({os.path.relpath(code.co_filename)}:{code.co_firstlineno})"


def run(request: language_pb2.RunRequest, project: Path, observer: int | None = None) -> int:
    """Run the project's __main__.py as Pulumi's language host does, and return the exit code.

    The settings are those of the whole process, so exit handlers and threads have them as well. A thread
    finds the configuration in environment variables (pulumi/pulumi, sdk/python/lib/pulumi/runtime/config.py).
    After the address of the engine, the arguments of the request have the files of `record_executed_code`.
    """
    os.environ["PULUMI_CONFIG"] = json.dumps(dict(request.config))
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
    config.set_all_config(config.get_config_env(), config.get_config_secret_keys_env())
    loop = asyncio.new_event_loop()
    main: asyncio.Task[None] | None = None
    exit_process = os._exit

    def end() -> None:
        """Wait for work, or end the process: a program that went on could fail here only."""
        try:
            wait_for_work(loop, main, observer)
        except BaseException as error:
            with suppress(BaseException):
                log.error(_message(error))
                sys.stdout.flush()
                sys.stderr.flush()
            exit_process(AT_WORK)

    monitor, engine = connect(request.monitor_address, request.args[0], project, end)
    configure(
        Settings(
            project=request.project,
            stack=request.stack,
            monitor=monitor,
            engine=engine,
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization or "organization",
            root_directory=str(project),
        )
    )
    sys.argv = [PROGRAM]
    os.chdir(project)
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4)
    loop.set_default_executor(executor)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    write_record = record_executed_code(request.args[1:])

    def evaluate() -> None:
        runpy.run_path(PROGRAM, run_name="__main__")

    code = OF_RUN_ERROR
    try:
        try:
            main = loop.create_task(stack.run_in_stack(evaluate))
            loop.run_until_complete(main)
            code = 0
        except Exception as error:
            log.error(_message(error))
            code = OF_RUN_ERROR if isinstance(error, RunError) else OF_OTHERS
        finally:
            executor.shutdown(wait=True)
            loop.close()
            if write_record:
                with suppress(grpc.RpcError):
                    engine.Log(
                        engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=EXECUTED, message=write_record())
                    )
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException as error:
        with suppress(BaseException):  # The engine may have ended, or the program has replaced a function.
            engine.Log(engine_pb2.LogRequest(severity=engine_pb2.ERROR, message=_message(error)))
        return _code_of_uncaught(error)
    return _code_of_exit(code)


def _code_of_exit(code: int) -> int:
    """Return the exit code for the end of the language host, whose `sys.exit` may belong to the program."""
    end = SUCCEEDED
    try:
        sys.exit(code)
    except BaseException as error:
        end = _code_of_uncaught(error)
    return COMPLETED if end == SUCCEEDED and code == 0 else end


def _code_of_uncaught(error: BaseException) -> int:
    """Return the exit code for an error that the language host leaves to the interpreter.

    This may also be one that occurs while the host handles another one. The interpreter's hook may belong to
    the program, and end the process, also by SystemExit (CPython, Python/pythonrun.c: _PyErr_PrintEx).
    """
    if not isinstance(error, SystemExit):
        try:
            sys.excepthook(type(error), error, error.__traceback__)
        except BaseException as raised:
            error = raised
    return SUCCEEDED if isinstance(error, SystemExit) and _is_success(error.code) else FAILED


def _is_success(code: Any) -> bool:
    """Return True for the code of a SystemExit with which a process ends with 0."""
    return code is None or (issubclass(type(code), int) and int.__and__(code, STATUS) == 0)


def _message(error: BaseException) -> str:
    """Return the message about a program's failure, with the words of Pulumi's Automation API.

    The review removes the words before the error (review/stacks/engine_run.py: ERROR_PREFIX). The language
    host calls both functions of `traceback` for an Exception, and the program may have replaced them. It does
    not ask the error itself, which may be of a class of the program, so that may neither end this process.
    """
    if isinstance(error, RunError):
        return str(error)
    traceback.extract_tb(error.__traceback__)
    trace = traceback.format_exc()
    try:
        if isinstance(error, grpc.RpcError):
            return f"RPC error: {cast(Any, error).details()}"
        return f"python inline source runtime error: {error}\n{trace}"
    except BaseException:
        return trace


def main(project: Path, observer: int | None = None) -> int:
    """Run the project's program with the request on standard input; return the exit code."""
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    sys.path.insert(0, str(Path(LANGUAGE_HOST).expanduser()))
    copy_files_by_reading()
    return run(request, project, observer)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))

"""One operation of the engine: a `pulumi` process, the program beside it, and the events of both.

This is what the Automation API does for an inline program, and its language server is used. The process is
ours because the API drops the severities of violations, starts four engines for an `up`, and lets go of its
engine on Ctrl-C. `pulumi up` previews and then applies in one process; a mandatory violation in the preview
stops it.
"""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
from asyncio import InvalidStateError
from collections.abc import Generator, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.automation._server import LanguageServer  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime.proto import events_pb2, events_pb2_grpc, language_pb2, language_pb2_grpc

from sandbox import workspace
from sandbox.engine import lock
from sandbox.engine.relay import AnnounceEngine
from sandbox.errors import CommandError
from sandbox.progress import Progress, name_of
from sandbox.summary import Phase
from sandbox.workspace import Stack

LARGEST_MESSAGE = 400 * 2**20  # bytes; what Pulumi's own servers and clients allow

FULL_BYTES = 2**20  # free disk space below which the engine's writes may be what everything waits for


UNTOUCHED = ("same", "read", "refresh")
"""Operations that change nothing in a target."""

DONE, FAILED, NOT_RUN, STOPPED = 0, 1, 2, 130  # exit codes


@dataclass
class Session:
    """All that is needed to start the engine on a stack, more than once."""

    engine: Path
    stack: Stack
    progress: Progress
    lock: int  # the descriptor that keeps the stack locked; the engine inherits it
    ports: dict[str, int] = field(default_factory=dict[str, int])  # the providers', by package, once they run
    more: dict[str, str] = field(default_factory=dict[str, str])  # what the engine's environment has besides
    announce_engine: AnnounceEngine = field(default=lambda pid: None)

    def call(self, *words: str, given: str | None = None) -> None:
        """A short command of the engine; `given` goes to its standard input, never into its arguments."""
        done = subprocess.run(**self._command(*words), input=given, capture_output=True, text=True)
        if done.returncode != 0:
            raise CommandError(
                f"pulumi {' '.join(words)} failed: {done.stderr.strip().removeprefix('error: ')}"
            )

    def operate(self, operation: str, *flags: str) -> tuple[int, Phase]:
        """Run `up`, `preview`, `refresh` or `destroy`, show it as it goes; the exit code, the last phase."""
        folder, errors = self.stack.folder, self.stack.folder / "engine-errors.log"
        events = (folder / "events.jsonl").open("w")
        watch = _Watch(self.progress, operation, events, self._expected(operation))
        with (
            events,
            (folder / "engine.log").open("w") as log,
            errors.open("w") as stderr,
            _serve(self.stack, watch) as port,
            self.progress.waiting_for(watch.detail),
        ):
            own = (f"--client=127.0.0.1:{port}", f"--event-log=tcp://127.0.0.1:{port}")
            process = subprocess.Popen(
                **self._command(operation, *flags, *own, "--exec-kind=auto.inline", "--suppress-progress"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=stderr,
                pass_fds=(self.lock,),
                start_new_session=True,  # Ctrl-C reaches it once, by us
            )
            lock.note(self.lock, process.pid)
            self.announce_engine(process.pid)
            with _interrupts(process, self.progress) as presses:
                while process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=0.5)
                    watch.tick(disk_full=shutil.disk_usage(folder).free < FULL_BYTES)
            self.announce_engine(0)
        phase = watch.phases[-1] if watch.phases else Phase(preview=False)
        code = STOPPED if presses else DONE if process.returncode == 0 else FAILED
        if code == FAILED and not phase.errors and not phase.mandatory:
            said = errors.read_text().strip().removeprefix("error: ")
            phase.errors.append(said or f"the engine ended with {process.returncode}")
        return code, phase

    def _expected(self, operation: str) -> int:
        """Return how many resources a refresh or a destroy is about; 0 where a preview says so first."""
        if operation not in ("refresh", "destroy"):
            return 0
        resources = workspace.state(self.stack, "resources")
        return sum(1 for each in resources if not each["type"].startswith("pulumi:providers:"))

    def _command(self, *words: str) -> dict[str, Any]:
        always = ("--stack", self.stack.name, "--non-interactive", "--color=never")
        env = workspace.environment(self.stack, self.ports) | self.more
        return {"args": [self.engine, *words, *always], "cwd": self.stack.folder, "env": env}


class _Watch(events_pb2_grpc.EventsServicer):
    """Takes the engine's events, a stream for each phase; shows them and keeps them, a JSON object a line."""

    def __init__(self, progress: Progress, operation: str, kept: TextIO, expected: int) -> None:
        self.phases: list[Phase] = []
        self._progress = progress
        self._operation = operation
        self._kept = kept
        self._busy: dict[str, str] = {}
        self._shown: set[tuple[str, str]] = set()
        self._disk_full = False
        self._expected = expected
        self._finished: set[str] = set()  # URNs of this phase

    def StreamEvents(self, request_iterator: Iterator[events_pb2.EventRequest], context: Any) -> Empty:
        self._progress.doing("evaluating the program")
        if self.phases:  # the preview of this `up` has said how much there is to do
            self._expected = sum(
                count for op, count in self.phases[-1].changes.items() if op not in UNTOUCHED
            )
        self._finished.clear()
        phase = Phase(preview=not self.phases and self._operation in ("preview", "up"))
        self.phases.append(phase)
        for request in request_iterator:
            event = json.loads(request.event)
            # The SDK's debug messages quote properties, secrets in plain text among them.
            if event.get("diagnosticEvent", {}).get("severity") != "debug":
                self._kept.write(request.event.strip() + "\n")
                phase.record(event)
                self._show(phase, event)
        return Empty()

    def tick(self, *, disk_full: bool) -> None:
        """Called often while the engine runs."""
        self._disk_full = disk_full
        self._progress.tick()

    def detail(self) -> str:
        """Return what the engine waits for at this moment."""
        if self._disk_full:
            return "the disk is full and the engine waits: free some space"
        busy = sorted(self._busy.copy().values())
        more = f" and {len(busy) - 3} more" if len(busy) > 3 else ""
        return f"waiting for {', '.join(busy[:3])}{more}{self._so_far()}" if busy else ""

    def _so_far(self) -> str:
        """Return how many resources of this phase are finished, of how many."""
        if not self._expected or self._of_preview():
            return ""
        return f"   {len(self._finished)}/{max(self._expected, len(self._finished))}"

    def _of_preview(self) -> bool:
        return self.phases[-1].preview and self._operation == "up"

    def _show(self, phase: Phase, event: dict[str, Any]) -> None:
        match event:
            case {"resourcePreEvent": {"metadata": found}}:
                if found.get("provider") and found["op"] != "same":  # a component waits for its children
                    self._busy[found["urn"]] = f"{found['op']} of {name_of(found['urn'])}"
            case {"diagnosticEvent": {"urn": urn, "severity": "info", "message": text}} if urn in self._busy:
                doing = self._busy[urn].partition(": ")[0]  # the text is what a provider waits for
                self._busy[urn] = f"{doing}: {text.strip()}"
            case {"resOutputsEvent": {"metadata": found}}:
                self._resource(phase, found["op"], found)
            case {"resOpFailedEvent": {"metadata": found}}:
                self._resource(phase, "failed", found)
            case {"policyLoadEvent": _}:
                self._progress.doing("evaluating the program and its policies")
            case {"summaryEvent": _}:
                self._progress.step(phase.in_short())
            case _:
                pass

    def _resource(self, phase: Phase, op: str, metadata: dict[str, Any]) -> None:
        urn, typ = metadata["urn"], metadata["type"]
        self._busy.pop(urn, None)
        later = phase.preview and self._operation == "up" and op != "failed"  # the update will show it
        inner = typ.startswith("pulumi:")  # the stack itself, the default providers
        if op not in UNTOUCHED or self._operation in ("refresh", "destroy"):
            self._finished.add(urn)
        # The end of a component is reported twice.
        if not (later or inner or op in (*UNTOUCHED, "replace") or (urn, op) in self._shown):
            self._shown.add((urn, op))
            told = "failed" if op == "failed" else f"would {op}" if phase.preview else f"{op} done"
            self._progress.resource(op, typ, name_of(urn), told + self._so_far())


class _Program(LanguageServer):
    """Runs a project's __main__.py, as the Python language host does: from its folder, as __main__."""

    def __init__(self, project: Path) -> None:
        def evaluate() -> None:
            os.chdir(project)
            if str(project) not in sys.path:
                sys.path.insert(0, str(project))
            runpy.run_path(str(project / "__main__.py"), run_name="__main__")

        super().__init__(evaluate)

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        with suppress(InvalidStateError):  # of a task cancelled when the program had failed, which is logged
            if not super().Run(request, context).error:  # pyright: ignore[reportUnknownMemberType]
                return language_pb2.RunResponse()
        # The message was logged as an error already; the engine would say it again, as "unhandled".
        return language_pb2.RunResponse(bail=True)


@contextmanager
def _serve(stack: Stack, watch: _Watch) -> Generator[int]:
    """The program and the receiver of events, on one port of the loopback address."""
    options = [("grpc.max_receive_message_length", LARGEST_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_Program(stack.project), server)
    events_pb2_grpc.add_EventsServicer_to_server(watch, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


@contextmanager
def _interrupts(process: "subprocess.Popen[Any]", progress: Progress) -> Generator[list[int]]:
    """Pass Ctrl-C and its like on to the engine: the first cancels, the second gives up, the third kills."""
    presses: list[int] = []

    def press(number: int, _frame: FrameType | None) -> None:
        presses.append(number)
        # Another number each time: of two equal signals that wait, the kernel delivers one.
        process.send_signal((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[min(len(presses), 3) - 1])
        if len(presses) == 1:
            progress.step("stopping: what is under way is finished first; press Ctrl-C again to give it up")

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, press) for number in numbers}
    try:
        yield presses
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""One operation of the engine: a `pulumi` process, the program that it evaluates, and its events.

The Automation API can do the same for an inline program, and this module uses its language server. The
sandbox starts the process itself for three reasons: the Automation API drops the severities of violations,
starts four engines for an `up`, and abandons its engine on Ctrl-C. `pulumi up` previews and then applies in
one process. A mandatory violation in the preview stops the process.
"""

import json
import shutil
import signal
import subprocess
from collections.abc import Generator, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import events_pb2, events_pb2_grpc, language_pb2_grpc
from pulumi.runtime.proto.language_pb2_grpc import LanguageRuntimeServicer

from sandbox.engine import lock
from sandbox.engine.monitor_proxy import FAILED_CALLS, MESSAGE_BYTES
from sandbox.engine.program import LocalProgram, Program, RemoteProgram
from sandbox.engine.relay import AnnounceEngine
from sandbox.errors import CommandError
from sandbox.progress import Progress, name_of
from sandbox.summary import Phase
from sandbox.wire.aws_identity import Identity
from sandbox.workspace import state
from sandbox.workspace.environment import engine_variables
from sandbox.workspace.stacks import Stack

FULL_DISK_BYTES = 2**20
"""Free disk space in bytes below which the engine may wait for its own writes."""

READ_ONLY = ("same", "read", "refresh")
"""Operations that do not change a target."""

INCOMPLETE_EVENTS = (
    "the engine's events are incomplete, so changes and violations may be missing. An event may have at most "
    f"{MESSAGE_BYTES // 2**20} MiB; make the inputs or outputs of the program's resources smaller."
)

DONE, FAILED, NOT_RUN, STOPPED = 0, 1, 2, 130
"""Exit codes of the commands."""


@dataclass
class Session:
    """The context in which the engine runs on a stack."""

    engine: Path
    stack: Stack
    progress: Progress
    lock: int
    """The file descriptor that keeps the stack locked; the engine inherits it."""
    ports: dict[str, int] = field(default_factory=dict[str, int])
    """The ports of the running providers, by package."""
    extra_environment: dict[str, str] = field(default_factory=dict[str, str])
    announce_engine: AnnounceEngine = field(default=lambda pid: None)
    program_sockets: Path | None = None
    """The folder with the sockets of the process that evaluates the program; None for this process."""
    program_again: Path | None = None
    """The same for a second run of the program, with other values; None for no such run."""
    program_other_secrets: Path | None = None
    """The same for a run with other random values of secret settings."""
    recorded_files: Sequence[str] = ()
    """The files of which the second run records what it executes."""
    identity: Identity = field(default_factory=Identity)
    """The credentials with which the providers sign their requests to AWS."""
    brief: bool = False
    """True if only failed resources get a line on the terminal."""

    def call(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run a short `pulumi` command and return its output; raise CommandError if it fails.

        Pass secrets in `standard_input`, never in the arguments.
        """
        completed = subprocess.run(
            **self._command(*arguments), input=standard_input, capture_output=True, text=True
        )
        if completed.returncode != 0:
            raise CommandError(
                f"pulumi {' '.join(arguments)} failed: {completed.stderr.strip().removeprefix('error: ')}"
            )
        return completed.stdout

    def operate(self, operation: str, *flags: str) -> tuple[int, Phase]:
        """Run `up`, `preview`, `refresh` or `destroy` and show its progress.

        Return the exit code and the last phase.
        """
        folder, errors = self.stack.folder, self.stack.folder / "engine-errors.log"
        events = (folder / "events.jsonl").open("w")
        receiver = EventReceiver(self.progress, operation, events, self._count_resources(operation))
        receiver.brief = self.brief
        with (
            events,
            (folder / "engine.log").open("w") as log,
            errors.open("w") as stderr,
            _serve(program := self._program(), receiver) as port,
            self.progress.waiting_for(receiver.detail),
        ):
            server_flags = (f"--client=127.0.0.1:{port}", f"--event-log=tcp://127.0.0.1:{port}")
            client_flags = ("--exec-kind=auto.inline", "--suppress-progress")
            process = subprocess.Popen(
                **self._command(operation, *flags, *server_flags, *client_flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=stderr,
                pass_fds=(self.lock,),
                start_new_session=True,  # Ctrl-C reaches the engine once, through `_forwarded_signals`.
            )
            lock.add_holder(self.lock, process.pid)
            self.announce_engine(process.pid)
            with _forwarded_signals(process, self.progress) as signals:
                while process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=0.5)
                    receiver.tick(disk_full=shutil.disk_usage(folder).free < FULL_DISK_BYTES)
            self.announce_engine(0)
            program.wait()
            if not signals:
                self.progress.doing("evaluating the program with other values")
                program.replay()
        phase = receiver.phases[-1] if receiver.phases else Phase(preview=False)
        if signals:
            return STOPPED, phase
        if program.error and not any(program.error in error for error in phase.errors):
            phase.errors.append(program.error)
        if process.returncode == 0 and receiver.is_complete and not program.error:
            return DONE, phase
        message = errors.read_text().strip().removeprefix("error: ") if process.returncode else ""
        if reason := reason_of_failure(process.returncode, receiver, message):
            phase.errors.append(reason)
        return FAILED, phase

    def _program(self) -> Program:
        """Return the language server that evaluates the program."""
        if self.program_sockets:
            failed_calls = self.stack.folder / FAILED_CALLS
            return RemoteProgram(
                self.program_sockets,
                failed_calls,
                self.program_again,
                self.recorded_files,
                self.program_other_secrets,
            )
        return LocalProgram(self.stack.project)

    def _count_resources(self, operation: str) -> int:
        """Return the number of resources that a refresh or destroy handles; 0 for other operations."""
        if operation not in ("refresh", "destroy"):
            return 0
        resources = state.read(self.stack, "resources")
        return sum(1 for resource in resources if not resource["type"].startswith("pulumi:providers:"))

    def _command(self, *arguments: str) -> dict[str, Any]:
        common_flags = ("--stack", self.stack.name, "--non-interactive", "--color=never")
        env = engine_variables(self.stack, self.ports) | self.extra_environment
        return {"args": [self.engine, *arguments, *common_flags], "cwd": self.stack.folder, "env": env}


class EventReceiver(events_pb2_grpc.EventsServicer):
    """A receiver of the engine's events, with one stream per phase.

    It shows the events and writes them to a file, with one JSON object per line.
    """

    def __init__(self, progress: Progress, operation: str, file: TextIO, expected: int) -> None:
        self.phases: list[Phase] = []
        self.brief = False
        self._progress = progress
        self._operation = operation
        self._file = file
        self._busy: dict[str, str] = {}
        self._shown: set[tuple[str, str]] = set()
        self._disk_full = False
        self._expected = expected
        self._finished: set[str] = set()  # URNs of this phase
        self.is_complete = False
        """Whether all events of the last phase have arrived, to the event that ends it.

        The engine only logs that it cannot send an event, for example one above the size limit of a message.
        It then sends none any more, and succeeds nevertheless (pulumi/pulumi, pkg/backend/display/display.go:
        startEventLogger).
        """

    def StreamEvents(self, request_iterator: Iterator[events_pb2.EventRequest], context: Any) -> Empty:
        self._progress.doing("evaluating the program")
        if self.phases:  # The preview of this `up` has counted the changes.
            self._expected = sum(
                count for op, count in self.phases[-1].changes.items() if op not in READ_ONLY
            )
        self._finished.clear()
        self.is_complete = False
        phase = Phase(preview=not self.phases and self._operation in ("preview", "up"))
        self.phases.append(phase)
        sequences: list[int] = []
        for request in request_iterator:
            event = json.loads(request.event)
            sequences.append(event["sequence"])
            without_gap = sequences[-1] - sequences[0] == len(sequences) - 1
            self.is_complete = without_gap and "cancelEvent" in event
            # The SDK's debug messages quote properties, including secrets in plain text.
            if event.get("diagnosticEvent", {}).get("severity") != "debug":
                self._file.write(request.event.strip() + "\n")
                phase.record(event)
                self._show(phase, event)
        return Empty()

    def tick(self, *, disk_full: bool) -> None:
        """Update the progress; this is called repeatedly while the engine runs."""
        self._disk_full = disk_full
        self._progress.tick()

    def detail(self) -> str:
        """Return a description of what the engine currently waits for."""
        if self._disk_full:
            return "the disk is full and the engine waits: free some space"
        busy = sorted(self._busy.copy().values())
        more = f" and {len(busy) - 3} more" if len(busy) > 3 else ""
        return f"waiting for {', '.join(busy[:3])}{more}{self._finished_count()}" if busy else ""

    def _finished_count(self) -> str:
        """Return a string with the finished and the expected number of resources in this phase."""
        if not self._expected or self._in_preview_of_up():
            return ""
        return f"   {len(self._finished)}/{max(self._expected, len(self._finished))}"

    def _in_preview_of_up(self) -> bool:
        return self.phases[-1].preview and self._operation == "up"

    def _show(self, phase: Phase, event: dict[str, Any]) -> None:
        match event:
            case {"resourcePreEvent": {"metadata": metadata}}:
                # A component has no provider and only waits for its children.
                if metadata.get("provider") and metadata["op"] != "same":
                    self._busy[metadata["urn"]] = f"{metadata['op']} of {name_of(metadata['urn'])}"
            case {"diagnosticEvent": {"urn": urn, "severity": "info", "message": text}} if urn in self._busy:
                operation = self._busy[urn].partition(": ")[0]
                # A provider reports what it waits for.
                self._busy[urn] = f"{operation}: {text.strip()}"
            case {"resOutputsEvent": {"metadata": metadata}}:
                self._show_end(phase, metadata["op"], metadata)
            case {"resOpFailedEvent": {"metadata": metadata}}:
                self._show_end(phase, "failed", metadata)
            case {"policyLoadEvent": _}:
                self._progress.doing("evaluating the program and its policies")
            case {"summaryEvent": _} if not self.brief:
                self._progress.step(phase.describe())
            case _:
                pass

    def _show_end(self, phase: Phase, op: str, metadata: dict[str, Any]) -> None:
        """Show the end of an operation on a resource, unless another line already shows it."""
        urn, typ = metadata["urn"], metadata["type"]
        self._busy.pop(urn, None)
        shown_by_update = phase.preview and self._operation == "up" and op != "failed"
        internal = typ.startswith("pulumi:")  # These are the stack itself and the default providers.
        if op not in READ_ONLY or self._operation in ("refresh", "destroy"):
            self._finished.add(urn)
        # The engine reports the end of a component twice.
        if not (shown_by_update or internal or op in (*READ_ONLY, "replace") or (urn, op) in self._shown):
            self._shown.add((urn, op))
            outcome = f"would {op}" if phase.preview else f"{op} done"
            outcome = "failed" if op == "failed" else outcome
            if self.brief and op != "failed":
                return
            self._progress.resource(op, typ, name_of(urn), outcome + self._finished_count())


def reason_of_failure(code: int, receiver: EventReceiver, message: str) -> str:
    """Return the reason for the failure of an engine with this exit code, or "" if its events have it.

    `message` is what the engine has written to standard error. A signal may also end the engine after its
    last event, so a violation of a mandatory rule is then not the only reason.
    """
    phase = receiver.phases[-1] if receiver.phases else None
    is_killed = code < 0
    if receiver.is_complete and not is_killed and phase and (phase.errors or phase.mandatory):
        return ""
    lost = phase and not is_killed and not receiver.is_complete
    ended = INCOMPLETE_EVENTS if lost else f"the engine ended with {code}"
    return f"{message}\n{ended}" if message and is_killed else message or ended


@contextmanager
def _serve(program: LanguageRuntimeServicer, receiver: EventReceiver) -> Generator[int]:
    """Serve the program and the receiver of events on one port of the loopback address; yield the port."""
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(program, server)
    events_pb2_grpc.add_EventsServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


@contextmanager
def _forwarded_signals(process: "subprocess.Popen[Any]", progress: Progress) -> Generator[list[int]]:
    """Forward signals to the engine: the first as SIGINT, the second as SIGTERM, further ones as SIGKILL.

    Yield the list of the signals received so far.
    """
    signals: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        # Three different signals are sent, because the kernel merges equal pending signals.
        process.send_signal((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[min(len(signals), 3) - 1])
        if len(signals) == 1:
            progress.step("stopping: running operations are finished first; Ctrl-C again abandons them")

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

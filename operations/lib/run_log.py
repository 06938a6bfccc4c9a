"""Log of a run: one line per step, with ✓ or ✗ and the duration, and a record of the run in .runs."""

import contextlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Generator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operations.lib import sandbox_targets
from operations.lib.command_line import DONE, FAILED, REFUSED, ROOT, STOPPED, Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from sandbox import terminal

RECORDS = ROOT / ".runs"
QUIET_SECONDS = 4.0
"""Seconds without output after which a line names the running step. The silence is checked every tenth of
this time, so that a line comes within five seconds.
"""
SIGNS = {
    "done": ("✓", 32),
    "planned": ("○", 33),
    "skipped": ("–", 33),
    "failed": ("✗", 31),
    "stopped": ("✗", 31),
}
"""Sign and terminal colour of each result of a step."""


@dataclass
class Step:
    """A step of a run, with its result and its lines."""

    title: str
    result: str = "running"
    """`running`, then `done`, `skipped`, `failed` or `stopped`; `planned` for a step that a dry run only
    shows.
    """
    seconds: float = 0.0
    """Duration in seconds."""
    lines: list[str] = field(default_factory=list[str])


def say(text: str) -> None:
    """Print a line; ignore a closed terminal, so that a run can still clean up."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = io.StringIO()


class RunLog:
    """The terminal reporter and the record of one run, step by step."""

    def __init__(self, command: str, options: Options) -> None:
        self.command = command
        self.options = options
        self.started = datetime.now(UTC)
        self.steps: list[Step] = []
        self.results: dict[str, Any] = {}
        """Results for the record by title, such as names and measured durations in seconds."""
        self.runner = CommandRunner(self.plan if options.dry_run else self.line, dry_run=options.dry_run)
        self._colour = terminal.uses_colour(sys.stdout)
        self._begun = self._spoken = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the run began."""
        return time.monotonic() - self._begun

    @property
    def stamp(self) -> str:
        """The start time in a form that names of objects and databases allow: 20240301t170000."""
        return self.started.strftime("%Y%m%dt%H%M%S")

    @contextlib.contextmanager
    def step(self, title: str) -> Generator[Step]:
        """Run the code of the with statement as a step; an exception marks the step with ✗ and propagates."""
        step = Step(title)
        self.steps.append(step)
        begun = time.monotonic()
        self._print(f"  … {title}")
        try:
            with self._heartbeat(title):
                yield step
        except BaseException as error:
            step.result = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            raise
        else:
            step.result = "done" if step.result == "running" else step.result
        finally:
            step.seconds = time.monotonic() - begun
            sign, colour = SIGNS[step.result]
            sign = terminal.paint(sign, colour) if self._colour else sign
            self._print(f"  {sign} {title} ({step.seconds:.1f} s)")

    def _print(self, text: str) -> None:
        self._spoken = time.monotonic()
        say(text)

    @contextlib.contextmanager
    def _heartbeat(self, title: str) -> Generator[None]:
        """Print the running step's title after QUIET_SECONDS without output; the record omits this line."""
        begun = time.monotonic()

        def beat() -> None:
            if time.monotonic() - self._spoken >= QUIET_SECONDS:
                self._print(f"    | … {title}: {time.monotonic() - begun:.0f} s so far")

        with terminal.repeat(beat, QUIET_SECONDS / 10):
            yield

    def skip(self, why: str) -> None:
        """Mark the running step as skipped, with the reason."""
        self.steps[-1].result = "skipped"
        self.line(f"skipped: {why}")

    def plan(self, text: str) -> None:
        """Show an action that a dry run leaves out, and mark the running step as planned."""
        if self.steps and self.steps[-1].result == "running":
            self.steps[-1].result = "planned"
        self.line(text)

    def line(self, text: str) -> None:
        """Print a line of the running step, and keep it for the record."""
        if self.steps:
            self.steps[-1].lines.append(text)
        self._print(f"    | {text}")

    def follow(self, *command: str, only: Collection[str] | None = None) -> None:
        """Run a command that changes something, and show its output line by line.

        With `only`, the command's environment has only these variables.
        """
        if self.options.dry_run:
            self.runner.change(*command)
            return
        with contextlib.closing(self.runner.lines(*command, only=only)) as lines:
            for text in lines:
                self.line(text)

    def write(self, code: int, message: str) -> Path:
        """Write the record as JSON and Markdown; return its path without the suffix."""
        folder = RECORDS / self.options.stack
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "command": self.command,
            "stack": self.options.stack,
            "target": self.options.target,
            "dryRun": self.options.dry_run,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "exitCode": code,
            "message": message,
            "results": self.results,
            "steps": [asdict(step) | {"seconds": round(step.seconds, 1)} for step in self.steps],
        }
        path = folder / f"{self.started.strftime('%Y%m%dT%H%M%SZ')}-{self.command}"
        path.with_suffix(".json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        path.with_suffix(".md").write_text(text := markdown(record))
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a") as file:
                file.write(text + "\n")
        return path


def markdown(record: dict[str, Any]) -> str:
    """Format the record as Markdown."""
    title = f"# {record['command']} of {record['stack']}: {'done' if record['exitCode'] == 0 else 'failed'}"
    head = f"{record['started']}, {record['seconds']} s, target {record['target']}. {record['message']}"
    rows = [
        f"| {SIGNS[step['result']][0]} | {step['title']}{_why(step)} | {step['seconds']} s |"
        for step in record["steps"]
    ]
    results = [f"- {name}: {value}" for name, value in record["results"].items()]
    return "\n".join([title, "", head, "", "| | step | time |", "|---|---|---|", *rows, "", *results, ""])


def _why(step: dict[str, Any]) -> str:
    return f": {step['lines'][-1]}" if step["result"] == "skipped" else ""


@contextlib.contextmanager
def stoppable() -> Generator[None]:
    """Make SIGTERM and SIGHUP end a run as Ctrl-C does, unless the caller ignores them, as nohup does."""
    signals = [
        number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL
    ]
    for number in signals:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)


def perform(command: str, options: Options, work: Callable[[RunLog], str]) -> int:
    """Run `work`, which returns the final message, and return the exit code.

    A run that fails or is stopped also prints a message and leaves a record.
    """
    steps = RunLog(command, options)
    code, message = DONE, ""
    try:
        with stoppable():
            sandbox_targets.check(options)
            message = work(steps)
        if options.dry_run:
            message = f"dry run, nothing was changed; a real run would end with: {message}"
    except RefusedError as error:
        code, message = REFUSED, str(error)
    except FailedError as error:
        code, message = FAILED, str(error)
    except CommandStopped as error:
        code, message = STOPPED, str(error)
    except KeyboardInterrupt:
        code, message = STOPPED, "stopped"
    record = steps.write(code, message)
    if code == DONE:
        say(message)
    else:
        with contextlib.suppress(OSError):
            print(f"error: {message}", file=sys.stderr)
    say(f"{command} of {options.stack} took {steps.seconds:.1f} s; record: {record.relative_to(ROOT)}.md")
    return code

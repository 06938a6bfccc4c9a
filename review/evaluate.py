"""Looks at each stack of two trees (isolated, as `python -m review.evaluate`), or at a real preview."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from review import engine_run, locate
from review.build import build
from review.engine_run import Observed, Stack
from review.jail import isolation, messages
from review.jail.messages import REQUEST, Activity, Completed, Failure, Line, Request, Tell
from review.jail.regular_files import read_bytes, read_text
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.plain_data import SHORTEST, is_map, masks
from sandbox import workspace
from sandbox.errors import CommandError

FIRST = ("dev", "stg", "prod")  # the order in which stacks are shown; others come after
LOCK = "requirements.txt"
INCOMPARABLE = (
    f"Not comparable: {LOCK} differs, and the base was evaluated with the head's packages; "
    "what the change of packages does is not in this report."
)
UNJUDGED = "No policy has judged the state: whatever breaks a rule without a waiver is told as new."
SHORT = f"Secrets shorter than {SHORTEST} characters are not hidden by value: they would hide common words."
COMMANDS = {"base": "up", "head": "preview"}
KEPT = ("events.jsonl", "engine.log", "summary.json", "ledger.jsonl")  # engine.log of a preview is its plan
Trees = tuple[Path, Path]
Projects = Mapping[str, tuple[Path | None, Path | None]]  # of each stack the folder in base and head


def main() -> int:
    """Send the report that is asked for on standard input; the exit code. Only `work` of it is written to."""
    isolation.guard()
    # From inside its PID namespace the first process gets the signals that it has a handler for, and Python
    # has one for SIGINT (pid_namespaces(7)). Commands inherit SIG_IGN, but no handler that does nothing.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    channel = messages.Channel()
    try:
        request = REQUEST.validate_json(sys.stdin.buffer.read())
        isolation.limit_resources(threads=request.isolated)
        channel.send(Completed(_evaluate(request, channel.send)))
    except Exception as error:
        channel.send(Failure(str(error) if isinstance(error, CommandError) else traceback.format_exc()))
        return 2
    return 0


def _evaluate(request: Request, tell: Tell) -> Report:
    trees = request.base, request.head
    projects = stacks(trees, request.stacks)
    try:
        run(trees, projects, request.work / "stacks", request.minutes, tell)
    finally:
        isolation.end_all()
    tell(Activity("building the report"))
    return build_report(trees, request.names, projects, request.work / "stacks", request.notes)


def report(
    trees: Trees,
    names: tuple[str, str],
    projects: Projects,
    work: Path,
    minutes: float,
    notes: Sequence[str] = (),
) -> Report:
    """Evaluate base and head, called `names`, and return the report from one to the other."""
    run(trees, projects, work, minutes)
    return build_report(trees, names, projects, work, notes)


def build_report(
    trees: Trees, names: tuple[str, str], projects: Projects, work: Path, notes: Sequence[str] = ()
) -> Report:
    """Return the report on what `run` left in `work`."""
    masked = masks({value for name in projects for value in _text(work / name / "hidden").split()})
    notes = [*notes, *([INCOMPARABLE] if len({_text(tree / LOCK) for tree in trees}) > 1 else ())]
    looked = [_looked(name, trees, projects[name], work / name) for name in projects]
    return build(BASE_TO_HEAD, names, looked, masked, trees[1], notes)


def run(trees: Trees, projects: Projects, work: Path, minutes: float, tell: Tell = messages.ignore) -> None:
    """Bring each stack's base up and preview the head on its state, stacks side by side, in `work/<stack>`.

    There it leaves `hidden` (what stands for secrets), `trouble` (why it did not end), and of each side
    `<side>.code` (its command's exit code), `<side>.errors`, and what is KEPT, as `<side>-…`.
    """
    until = time.monotonic() + minutes * 60
    busy: dict[str, str] = {}

    def doing(stack: str, side: str) -> None:
        busy[stack] = side
        parts = ", ".join(f"{name} ({at})" for name, at in list(busy.items()) if at)
        tell(Activity(f"evaluating {parts}" if parts else "ending the evaluation"))

    def both(stack: str) -> None:
        folder = work / stack
        folder.mkdir(parents=True, exist_ok=True)
        env = os.environ | {"PIPE_POLICY_LEDGER": str(folder / "ledger.jsonl")}
        for (side, command), tree, project in zip(COMMANDS.items(), trees, projects[stack], strict=True):
            ended = folder / f"{side}.code"
            if not project or ended.exists():
                continue
            doing(stack, side)
            command_line = (
                sys.executable,
                "-m",
                "sandbox",
                command,
                stack,
                "--throwaway",
                "--targets",
                "none",
                "--project",
                tree,
                "--folder",
                folder,
            )
            with (folder / "log").open("a") as log, (folder / f"{side}.errors").open("w") as errors:
                try:
                    left = until - time.monotonic()
                    done = subprocess.run(
                        command_line,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=errors,
                        env=env,
                        timeout=left,
                    )
                except subprocess.TimeoutExpired:
                    (folder / "trouble").write_text(f"stopped after {minutes:g} minutes, the time limit")
                    tell(Line(f"{stack}: {side} stopped after {minutes:g} minutes, the time limit"))
                    doing(stack, "")
                    return
            for file in filter(Path.exists, (folder / name for name in KEPT)):
                file.rename(folder / f"{side}-{file.name}")
            ended.write_text(f"{done.returncode}")
            tell(Line(f"{stack}: {side} evaluated"))
        doing(stack, "")

    tell(Line(f"{', '.join(projects)}: evaluating the base, then the head on its state"))
    with ThreadPoolExecutor(len(projects) or 1) as pool:
        list(pool.map(both, projects))


def events(files: Iterable[Path], tree: Path, masked: Sequence[str], head: str) -> Report:
    """The report from each stack's state to head, out of event logs, `--json` plans and ledgers."""
    found: dict[str, list[Any]] = {}
    for file in files:
        content = engine_run.read(file)
        if not (name := re.search(r"urn:pulumi:([^:]+)::", json.dumps(content))):
            raise CommandError(
                f"{file} is neither an event log nor `--json` of a preview: no resource is in it."
            )
        found.setdefault(name[1], []).append(content)
    looked: list[Stack] = []
    for name in sorted(found, key=_order):
        seen = Observed(tree).add(*found[name])
        trouble = "" if any(map(is_map, found[name])) else "the preview's --json is missing"
        file = locate.read(name, (tree, None), (tree, workspace.projects(tree).get(name)))
        looked.append(Stack(name, seen, None, file, trouble))
    notes = [UNJUDGED, *([SHORT] if any(len(each) < SHORTEST for each in masked) else [])]
    return build(STATE_TO_HEAD, ("state of each stack", head), looked, masks(masked), tree, notes)


def stacks(trees: Trees, only: Sequence[str] = ()) -> Projects:
    """The project of each stack in base and head: those asked for, else the root's and what differs."""
    base, head = map(workspace.projects, trees)
    known = {name: (base.get(name), head.get(name)) for name in sorted(base | head, key=_order)}
    if missing := sorted({*only} - {*known}):
        raise CommandError(f"no stack is called {missing[0]!r}. Stacks: {', '.join(known)}")
    return {
        name: both
        for name, both in known.items()
        if name in only or (not only and ({*both} & {*trees} or _content(both[0]) != _content(both[1])))
    }


def _order(stack: str) -> tuple[int, str]:
    return FIRST.index(stack) if stack in FIRST else len(FIRST), stack


def _content(folder: Path | None) -> dict[Path, bytes]:
    files = (file for file in folder.rglob("*") if file.suffix in (".py", ".yaml")) if folder else ()
    return {
        file.relative_to(folder or file): bytes(file.readlink()) if file.is_symlink() else read_bytes(file)
        for file in files
        if file.is_symlink() or not file.is_dir()
    }


def _looked(name: str, trees: Trees, projects: tuple[Path | None, Path | None], folder: Path) -> Stack:
    seen: list[Observed | None] = []
    for side, tree in zip(COMMANDS, trees, strict=True):
        ended = _text(folder / f"{side}.code")
        one = Observed(tree).add(*map(engine_run.read, sorted(folder.glob(f"{side}-*"))))
        # A command that failed without an error event or a violation says why elsewhere.
        if ended not in ("", "0") and not one.errors and not one.said.mandatory:
            summary = engine_run.read(folder / f"{side}-summary.json") or {"errors": ()}
            one.said.errors.append("\n".join(summary["errors"]) or _text(folder / f"{side}.errors"))
        seen.append(one if ended else None)
    file = locate.read(name, *zip(trees, projects, strict=True))
    return Stack(name, seen[1], seen[0], file, _text(folder / "trouble"))


def _text(file: Path) -> str:
    return read_text(file).strip() if os.path.lexists(file) else ""


if __name__ == "__main__":
    sys.exit(main())

"""Evaluation of the stacks of two trees, and the report on this evaluation or on a real preview.

The review runs the evaluation of two trees as a separate process, `python -m review.evaluate`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from review import guard
from review.build import build
from review.changed_files import read_ahead
from review.code_not_run import executed_parts
from review.findings.shared_objects import creates_object_of
from review.jail import isolation, messages
from review.jail.guard import ANALYZER
from review.jail.messages import (
    AGAIN,
    REQUEST,
    WITHOUT_SECRETS,
    Activity,
    Completed,
    Failure,
    Line,
    Request,
    Send,
)
from review.jail.regular_files import read_text
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.plain_data import SHORTEST, build_mask, is_map
from review.programs.changed_programs import adds_only_stacks, find_changed_programs
from review.programs.file_states import find_differing, read_state, remember_trees
from review.project_selection import (
    Accounts,
    Projects,
    Trees,
    find_accounts,
    order,
    select_stacks,
)
from review.stacks import engine_run, stack_file
from review.stacks.engine_run import EngineRun
from review.stacks.stack import Stack
from review.values.secret_documents import find_lines
from sandbox import forking
from sandbox.engine import policy_pack
from sandbox.engine.monitor_proxy import DECLARED_INPUTS, FAILED_CALLS
from sandbox.engine.process import FAILED
from sandbox.engine.program import EXECUTED_CODE
from sandbox.errors import CommandError
from sandbox.progress import is_root, name_of
from sandbox.providers.server import LOOKUPS
from sandbox.summary import LATER
from sandbox.workspace import stacks, yaml_tree
from sandbox.workspace.stack_files import GENERATED_SECRETS, secret_settings, unset_secrets

LOCKS = ("requirements.txt", "requirements-dev.txt")
"""Files with the versions of packages: those of the program, and those that a deployment installs."""

INCOMPARABLE = (
    "Not comparable: the packages of {} change, and base and head were evaluated with the same ones; "
    "the effects of the package change are not in this report."
)
NO_BASE_VERDICTS = (
    "The policies did not check the state before this preview, so every violation without a waiver counts "
    "as new."
)
SHORT_SECRETS = (
    f"Secrets shorter than {SHORTEST} characters are not hidden, because common words would be hidden, too."
)

COMMANDS = {"base": "up", "head": "preview"}
"""Command of the sandbox for each side."""

COMMAND = (sys.executable, "-m", "sandbox")

FEWEST_FORKED = 2
"""Smallest number of commands of the sandbox for which it takes less time to fork them than to start them."""

CONTROL = "control"
"""Name of a preview of the base on its own state, in place of a side. It runs if values of the head are
unknown, and shows which of them are unknown in the base, too.
"""

INVENTED = "invented-secrets.json"
"""File in a stack's folder with the secret settings whose values the review invents on both sides, and the
errors of the base without them.
"""

NEIGHBOUR = "neighbour"
"""Name of a preview of the base of a further stack, which shows the objects that this stack has."""

RECORDING = "recording.jsonl"
"""File with the questions of the engine to the base's policies in the last run."""

RECORDED_FILES = "recorded-files.json"
"""File with the paths of the changed Python files of which the second run records what it executes."""

OUTPUT_FILES = (
    "events.jsonl",
    "engine.log",
    "summary.json",
    "ledger.jsonl",
    LOOKUPS,
    FAILED_CALLS,
    DECLARED_INPUTS,
)
"""Files of a run that the report needs. The engine.log of a preview contains the `--json` plan."""


COMPLETE = "complete"
"""State of a ledger that has the verdicts of all rules (policies/engine/ledger.py)."""

NUMBER = re.compile(r"\d+")
"""Pattern of a number in an error, such as that of a line, or of the settings that are missing."""

STACK_NAME = "<stack>"
"""Text in place of a stack's name in an error."""

LINES = ".jsonl"
"""Ending of the names of files with an object per line. An engine.log is an object after a preview only."""


def main() -> int:
    """Read a request from standard input, send the report, and return the exit code.

    Files are written only to the request's folder `work`.
    """
    isolation.guard()
    # The first process of a PID namespace gets signals from inside the namespace only if it has a handler,
    # and Python has one for SIGINT (pid_namespaces(7)). Commands inherit SIG_IGN, but not this handler.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    channel = messages.Channel()
    try:
        request = REQUEST.validate_json(sys.stdin.buffer.read())
        isolation.limit_resources(threads=request.isolated)
        remember_trees()  # They are copies, which nobody can change.
        channel.send(Completed(_evaluate(request, channel.send)))
    except Exception as error:
        channel.send(Failure(str(error) if isinstance(error, CommandError) else describe_places(error)))
        return 2
    return 0


def describe_places(error: BaseException) -> str:
    """Return the types of an error and of its causes, and the places in the code, but no messages.

    A message may have a value of the program, such as a secret, and it gets into the log.
    """
    lines = list[str]()
    chain: BaseException | None = error
    while chain is not None:
        kind = f"{type(chain).__name__} (its message is left out, since it may have a secret)\n"
        lines = [
            "Traceback (most recent call last):\n",
            *traceback.format_tb(chain.__traceback__),
            kind,
            *lines,
        ]
        chain = chain.__cause__ or chain.__context__
    return "".join(lines).rstrip()


def _evaluate(request: Request, send: Send) -> Report:
    trees = request.base, request.head
    projects = select_stacks(trees, request.stacks)
    work = request.work / "stacks"
    find_differing(*trees)
    # This takes a second, and depends on nothing that the programs do.
    threading.Thread(target=_read_ahead, args=(trees,), daemon=True).start()
    try:
        evaluated = run(
            trees,
            projects,
            work,
            request.minutes,
            send,
            request.sockets,
            request.neighbours,
            salt=request.salt,
        )
    finally:
        isolation.end_all()
    send(Activity("building the report"))
    return build_report(
        trees,
        request.names,
        projects,
        work,
        request.notes,
        request.approved_by,
        request.omitted,
        request.neighbours,
        evaluated,
    )


def _read_ahead(trees: Trees) -> None:
    """Read what the report needs beside the runs; if that fails, the report fails for the same reason."""
    with suppress(Exception):
        read_ahead(trees)


def report(
    trees: Trees,
    names: tuple[str, str],
    projects: Projects,
    work: Path,
    minutes: float,
    notes: Sequence[str] = (),
    *,
    salt: str,
) -> Report:
    """Evaluate base and head, described by `names`, and return the report on the changes between them."""
    evaluated = run(trees, projects, work, minutes, salt=salt)
    return build_report(trees, names, projects, work, notes, evaluated=evaluated)


def build_report(
    trees: Trees,
    names: tuple[str, str],
    projects: Projects,
    work: Path,
    notes: Sequence[str] = (),
    approved_by: str = "",
    omitted: Sequence[str] = (),
    neighbours: Sequence[str] = (),
    evaluated: Sequence[Stack] | None = None,
) -> Report:
    """Return the report on the files that `run` wrote to `work`.

    `approved_by` is the owner who has approved weaker policies and new waivers of the head. `omitted` has the
    changed files that the copies of the trees lack, and `neighbours` further stacks on the accounts. Without
    `evaluated`, the result of `run`, the stacks are read from their files.
    """
    evaluated_names = (*projects, *neighbours)
    secrets = {secret for name in evaluated_names for secret in _secret_settings(stack_folder(work, name))}
    base, head = trees
    locks = [name for name in LOCKS if _text(base / name) != _text(head / name)]
    notes = [*notes, *([INCOMPARABLE.format(" and ".join(locks))] if locks else [])]
    if evaluated is None:
        evaluated = [read_stack(name, trees, projects[name], stack_folder(work, name)) for name in projects]
    generated = {text for name in evaluated_names for text in _generated_secrets(stack_folder(work, name))}
    mask = build_mask(secrets | generated | find_lines(generated))
    others = [_read_neighbour(name, base, stack_folder(work, name)) for name in neighbours]
    return build(BASE_TO_HEAD, names, evaluated, mask, trees, notes, approved_by, omitted, others)


def stack_folder(work: Path, stack: str) -> Path:
    """Return the folder in `work` for the files of a stack, beside those of its project's other stacks.

    All these folders have the same depth. So none contains another one, even if a stack of the root project
    has the name of a project's folder.
    """
    project, _, name = stack.rpartition("/")
    return work / f"project-{project}" / name


class _CurrentActivity:
    """The sides of stacks that are being evaluated at the same time, sent as one activity."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sides: dict[str, str] = {}

    def update(self, stack: str, side: str) -> None:
        """Report that this side of a stack is being evaluated; an empty side means that the stack is done."""
        self._sides[stack] = side
        running = ", ".join(f"{name} ({side})" for name, side in list(self._sides.items()) if side)
        self._send(Activity(f"evaluating {running}" if running else "ending the evaluation"))


def run(
    trees: Trees,
    projects: Projects,
    work: Path,
    minutes: float,
    send: Send = messages.ignore,
    sockets: Mapping[str, Mapping[str, Path]] = MappingProxyType({}),
    neighbours: Sequence[str] = (),
    *,
    salt: str,
) -> list[Stack]:
    """Bring up each stack's base, preview the head on the base's state, and return the stacks.

    All stacks are evaluated in parallel.

    Both sides are judged by the base's policies. `sockets` has, by stack and side, the folder with the
    sockets of the processes that evaluate the side's program and run the head's policies. Without a folder,
    the program runs with the access of the engine. Without a socket of the head's policies, these do not run.
    If the head creates resources on the account of one of the `neighbours`, which are further stacks of the
    base, that stack is previewed as well, to know its objects. All simulated values depend on the `salt`,
    which must be equal for all runs whose values are compared, and which no program may know.

    The `stack_folder` of a stack gets the file `hidden` with the random values that replace secrets, and, if
    a run did not end, `trouble` with the reason. For each side it gets `<side>.code` with the command's exit
    code, `<side>.errors`, and each of OUTPUT_FILES as `<side>-<file>`.
    """
    deadline = time.monotonic() + minutes * 60
    activity = _CurrentActivity(send)
    runs: dict[str, dict[str, EngineRun | None]] = {stack: {} for stack in projects}
    commands = sum(
        1
        for stack, sides in projects.items()
        for side, project in zip(COMMANDS, sides, strict=True)
        if project and not (stack_folder(work, stack) / f"{side}.code").exists()
    )
    runs_again = any(AGAIN in sides for sides in sockets.values())
    recorded = executed_parts.find_recorded(trees) if runs_again else []
    with_other_secrets = find_changed_programs(projects, trees) if runs_again else set[str]()

    def stop(stack: str, side: str) -> None:
        reason = f"stopped after {minutes:g} minutes, the time limit"
        (stack_folder(work, stack) / "trouble").write_text(reason)
        send(Line(f"{stack}: {side} {reason}"))

    def run_side(stack: str, side: str, served: Path | None, further: _FurtherRuns = NO_FURTHER_RUNS) -> None:
        folder, seconds = stack_folder(work, stack), deadline - time.monotonic()
        _run_side(stack, side, trees, folder, seconds, served, salt, servers, further)

    def evaluate_stack(stack: str) -> None:
        folder = stack_folder(work, stack)
        folder.mkdir(parents=True, exist_ok=True)
        for side, tree, project in zip(COMMANDS, trees, projects[stack], strict=True):
            # The tests bring up a base once, and copy its folder for every head.
            if not project or (folder / f"{side}.code").exists():
                continue
            activity.update(stack, side)
            try:
                served = sockets.get(stack, {}).get(side)
                if side == "head" and not projects[stack][0]:
                    _invent(_unset_secrets(stack, trees[0], project), folder)
                further = NO_FURTHER_RUNS
                if side == "head":
                    of_stack = sockets.get(stack, {})
                    others = of_stack.get(WITHOUT_SECRETS) if stack in with_other_secrets else None
                    further = _FurtherRuns(of_stack.get(AGAIN), recorded, others)
                run_side(stack, side, served, further)
                done = _read_run(side, tree, folder, trees[0])
                failed = done if side == "base" and done and done.errors else None
                if failed and (names := _unset_secrets(stack, tree, project)):
                    shutil.rmtree(folder)
                    folder.mkdir()
                    _invent(names, folder, failed.errors)
                    run_side(stack, side, served)
                    done = _read_run(side, tree, folder, trees[0])
                runs[stack][side] = done
                if served and (served / ANALYZER).exists():
                    _judge(stack, tree, folder, served, deadline - time.monotonic())
                if side == "head" and _has_unknown(done):
                    served = sockets.get(stack, {}).get("base")
                    run_side(stack, CONTROL, served)
                # This run removes the secrets from the copy of the stack file, so it is the last one.
                if side == "head" and _invented(folder):
                    served = sockets.get(stack, {}).get(WITHOUT_SECRETS)
                    run_side(stack, WITHOUT_SECRETS, served)
            except subprocess.TimeoutExpired:
                stop(stack, side)
                break
            send(Line(f"{stack}: {side} evaluated"))
        activity.update(stack, "")

    def evaluate_neighbour(stack: str) -> None:
        folder = stack_folder(work, stack)
        folder.mkdir(parents=True, exist_ok=True)
        activity.update(stack, "base")
        if project := stacks.projects(trees[0]).get(stack):  # Only its objects matter, not its secrets.
            _invent(_unset_secrets(stack, trees[0], project), folder)
        served = sockets.get(stack, {}).get("base")
        try:
            run_side(stack, NEIGHBOUR, served)
        except subprocess.TimeoutExpired:
            stop(stack, "base")
        else:
            send(Line(f"{stack}: base evaluated"))
        activity.update(stack, "")

    send(Line(f"{', '.join(projects)}: evaluating the base, then the head on its state"))
    with (
        _running_servers(trees[0], commands) as servers,
        ThreadPoolExecutor(len(projects) or 1) as pool,
    ):
        list(pool.map(evaluate_stack, projects))
        evaluated = [
            read_stack(name, trees, projects[name], stack_folder(work, name), runs[name]) for name in projects
        ]
        if needed := _needed(neighbours, evaluated, trees):
            send(Line(f"{', '.join(needed)}: evaluating the base, which may have an object that is created"))
            list(pool.map(evaluate_neighbour, needed))
    return evaluated


def _needed(neighbours: Sequence[str], evaluated: Iterable[Stack], trees: Trees) -> list[str]:
    """Return the neighbours on the accounts on which the heads of the stacks create objects."""
    needed: set[str] = set()
    accounts: Accounts = find_accounts(trees) if neighbours else {}
    for stack in evaluated if neighbours else ():
        steps = stack.steps.values()
        needed |= {other for other in neighbours if creates_object_of(other, stack.name, steps, accounts)}
    return sorted(needed)


class _FurtherRuns(NamedTuple):
    """The sockets of the processes in which the program of a head runs again, or None for no such run.

    The run `again` records what it executes of the `recorded` files. The third run has `other_secrets`.
    """

    again: Path | None = None
    recorded: Sequence[str] = ()
    other_secrets: Path | None = None


NO_FURTHER_RUNS = _FurtherRuns()


class _Servers(NamedTuple):
    """The sockets of servers for the sandbox's commands and the base's policy pack (sandbox/forking.py)."""

    commands: Path
    pack: Path


@contextmanager
def _running_servers(base: Path, commands: int) -> Generator[_Servers | None]:
    """Start the servers, unless there are too few commands for which they save time."""
    if commands < FEWEST_FORKED or not forking.is_possible():
        yield None
        return
    pack = policy_pack.__name__, forking.SERVE, str(base / "policies")
    with forking.running("sandbox", forking.SERVE) as sandbox, forking.running(*pack) as policies:
        yield _Servers(sandbox, policies)


def _run_side(
    stack: str,
    side: str,
    trees: Trees,
    folder: Path,
    seconds: float,
    sockets: Path | None,
    salt: str,
    servers: _Servers | None,
    further: _FurtherRuns,
) -> None:
    """Run the sandbox's command for a side or CONTROL, and copy its files.

    Raise TimeoutExpired after `seconds`.
    """
    operation = COMMANDS.get(side, "preview")
    arguments = [operation, stack, "--throwaway", "--targets", "none"]
    base, head = trees
    of_head = side in ("head", WITHOUT_SECRETS)
    arguments += ["--project", str(head if of_head else base), "--folder", str(folder)]
    secrets = [] if side == WITHOUT_SECRETS else _invented(folder)
    arguments += ["--policies-of", str(base), f"--random-secrets={','.join(secrets)}", f"--salt={salt}"]
    arguments += ["--no-policies"] if side == WITHOUT_SECRETS else []
    arguments += ["--program", str(sockets)] if sockets else []
    arguments += ["--program-again", str(further.again)] if further.again else []
    if further.other_secrets:
        arguments += ["--program-other-secrets", str(further.other_secrets)]
    if further.again and further.recorded:
        (folder / RECORDED_FILES).write_text(json.dumps(further.recorded))
        arguments += ["--recorded-files", str(folder / RECORDED_FILES)]
    arguments += ["--compare-parsers"] if side == "head" and _settings_differ(stack, trees) else []
    files = {"PIPE_POLICY_LEDGER": folder / "ledger.jsonl", policy_pack.RECORDING: folder / RECORDING}
    files |= {policy_pack.SERVER: servers.pack} if servers else {}
    environment = os.environ | {name: str(file) for name, file in files.items()}
    with (
        (folder / "log").open("a") as log,
        (folder / f"{side}.errors").open("w") as errors,
        Path(os.devnull).open() as nothing,
    ):
        if servers:
            streams = [stream.fileno() for stream in (nothing, log, errors)]
            code = forking.call(servers.commands, arguments, streams, environment, seconds)
        else:
            command = [*COMMAND, *arguments]
            code = subprocess.run(
                command, stdin=nothing, stdout=log, stderr=errors, env=environment, timeout=seconds
            ).returncode
    for name in OUTPUT_FILES:
        if (folder / name).exists():
            (folder / name).rename(folder / f"{side}-{name}")
    (folder / f"{side}.code").write_text(f"{code}")


def _invented(folder: Path) -> list[str]:
    """Return the names of the secret settings whose values the review invents.

    If the base evaluates without them, there are none: an invented value would hide what a deployment does.
    """
    file = folder / INVENTED
    return json.loads(file.read_text())["settings"] if file.exists() else []


def _invent(names: Sequence[str], folder: Path, errors: Sequence[str] = ()) -> None:
    (folder / INVENTED).write_text(json.dumps({"settings": names, "errors": errors}))


def _secret_settings(folder: Path) -> dict[str, str]:
    """Return the keys of the settings by the random secrets that they have in place of their own."""
    lines = (line.split(" ", 1) for line in _text(folder / GENERATED_SECRETS).splitlines())
    return {secret: str(json.loads(key)) for secret, key in lines}


def _generated_secrets(folder: Path) -> set[str]:
    """Return the secret outputs that providers have chosen in all runs on a stack."""
    rows: list[dict[str, Any]] = []
    for file in folder.glob(f"*-{LOOKUPS}"):
        rows += engine_run.read(file) or []
    return {text for row in rows if "generated" in row for text in row["texts"]}


def _unset_secrets(stack: str, base: Path, project: Path) -> list[str]:
    """Return the secrets of the base's schema that a project's stack file lacks; none for invalid files."""
    try:
        return sorted(unset_secrets(project, stack.rpartition("/")[2], secret_settings(base)))
    except (CommandError, KeyError, RecursionError):
        return []  # The run of the stack has the reason.


def _settings_differ(stack: str, trees: Trees) -> bool:
    """Return True if the head's Pulumi.yaml or stack file is not that of the base."""
    folder, _, name = stack.rpartition("/")
    files = (Path(folder, file) for file in ("Pulumi.yaml", f"Pulumi.{name}.yaml"))
    return any(len({read_state(tree / file) for tree in trees}) > 1 for file in files)


def _has_unknown(head: EngineRun | None) -> bool:
    """Return True if resources of the base have unknown values in the head."""
    steps = head.steps.values() if head else ()
    return any(LATER in str(step.new.inputs) for step in steps if step.old and step.new)


def _judge(stack: str, tree: Path, folder: Path, sockets: Path, seconds: float) -> None:
    """Ask the head's policies about the resources of the preview; write the verdicts or the error."""
    if not (folder / RECORDING).exists():
        return  # The preview failed before it registered anything.
    try:
        levels = tree / "policies" / "config" / f"{stack}.json"
        packs = guard.judge(folder / RECORDING, sockets, levels, seconds)
    except CommandError as error:
        (folder / "guard.errors").write_text(str(error))
    else:
        (folder / "packs.json").write_bytes(guard.PACKS.dump_json(packs))


def report_preview(files: Iterable[Path], tree: Path, secrets: Sequence[str], head: str) -> Report:
    """Return the report on a real preview, from event logs, `--json` plans and ledgers of any stacks.

    The report covers the changes from the state of each stack to `head`, the description of the tree. The
    values in `secrets` are masked, and the texts in those that are documents.
    """
    hidden = find_lines(secrets)
    contents: dict[str, list[Any]] = {}
    for file in files:
        content = engine_run.read(file)
        match = re.search(r"urn:pulumi:([^:]+)::([^:]+)::", json.dumps(content))
        if not match:
            raise CommandError(
                f"{file} is not an event log, `--json` output or ledger of a preview: it has no resource."
            )
        contents.setdefault(_qualified_name(tree, *match.groups()), []).append(content)
    previewed: list[Stack] = []
    for name in sorted(contents, key=order):
        engine = EngineRun(tree).add(*contents[name])
        file = stack_file.read_stack_file(name, (tree, None), (tree, stacks.projects(tree).get(name)))
        trouble = file.trouble or _missing_part(contents[name], engine)
        previewed.append(Stack(name, engine, None, file, trouble))
    notes = [NO_BASE_VERDICTS]
    if any(len(secret) < SHORTEST for secret in hidden):
        notes.append(SHORT_SECRETS)
    return build(
        STATE_TO_HEAD, ("state of each stack", head), previewed, build_mask(hidden), (tree, tree), notes
    )


def _missing_part(contents: Sequence[Any], engine: EngineRun) -> str:
    """Describe the part of a real preview that is missing; empty if the preview is complete.

    Without verdicts, violations would be missing in the report. A preview that failed has none.
    """
    rows = [content for content in contents if not is_map(content)]
    if len(rows) == len(contents):
        return "the preview's --json output is missing"
    if engine.errors:
        return ""
    if not any("sequence" in row for content in rows for row in content):
        return "the preview's event log, which has the violations, is missing"
    runs = [row["run"] for content in rows for row in content if "run" in row]
    if not runs:
        return "the ledger of the policies (PIPE_POLICY_LEDGER) is missing"
    is_complete = COMPLETE in runs or bool(engine.phase.mandatory)
    return "" if is_complete else "the ledger of the policies is incomplete; preview again"


def _qualified_name(tree: Path, stack: str, project_name: str) -> str:
    """Return the name that users type for a stack; the engine's name if the tree lacks the stack."""
    for name, project in stacks.projects(tree).items():
        own_name = yaml_tree.read(project / "Pulumi.yaml")["name"].value
        if name.rpartition("/")[2] == stack and own_name == project_name:
            return name
    return stack


def read_stack(
    name: str,
    trees: Trees,
    projects: tuple[Path | None, Path | None],
    folder: Path,
    runs: Mapping[str, EngineRun | None] = MappingProxyType({}),
) -> Stack:
    """Read the runs on a stack from the files that `run` wrote, except for `runs`, which are read already."""
    base, head = (
        runs[side] if side in runs else _read_run(side, tree, folder, trees[0])
        for side, tree in zip(COMMANDS, trees, strict=True)
    )
    file = stack_file.read_stack_file(name, *zip(trees, projects, strict=True))
    packs = folder / "packs.json"
    trouble = head.find_missing(base) if head and not head.errors else ""
    # The run of a side has the reason why the side's file cannot be read.
    if not any(side and side.errors for side in (base, head)):
        trouble = file.trouble or trouble
    control = _read_run(CONTROL, base.tree, folder, base.tree) if base else None
    return Stack(
        name,
        head,
        base,
        file,
        trouble=_text(folder / "trouble") or trouble,
        packs=guard.PACKS.validate_json(packs.read_bytes()) if packs.exists() else None,
        guard_error=_text(folder / "guard.errors"),
        predicted=True,
        secrets=_secret_settings(folder),
        control=control if control and not control.errors else None,
        invented=_invented(folder),
        without_invented=_without_invented(name, trees, folder, is_new=projects[0] is None),
        # The program has written this file, so its name must not be that of a record of the engine's events.
        executed=executed_parts.read_record(folder / EXECUTED_CODE),
        has_base_program=not projects[0] and adds_only_stacks(trees),
    )


def _without_invented(name: str, trees: Trees, folder: Path, *, is_new: bool) -> str:
    """Describe the head without the invented secrets; empty if it fails as the base does, or did not run.

    A new stack has no base. The other stacks of its project show how the base fails. A program that only logs
    the error of the base does not fail, and what one declares before it fails is in no report.
    """
    run = _read_run(WITHOUT_SECRETS, trees[1], folder, trees[0])
    if not run:
        return ""
    if not run.errors or _text(folder / f"{WITHOUT_SECRETS}.code") == "0":
        return "the program evaluates without it"
    # No finding compares the look-ups and resources of this run with those of the base. An account may refuse
    # a look-up, and a program that ignores this may then do something else. The engine starts the plugin of
    # each declared provider, even if the program fails afterwards.
    if looked_up := {*run.lookups, *(token for token, _ in run.failed_lookups)}:
        return f"without it, the program looks something up before it fails: {min(looked_up)}; read it before"
    if declared := [urn for urn in run.steps if not is_root(urn)]:
        return f"without it, the program declares something before it fails: {name_of(declared[0])}"
    known: set[str] = set()
    for file in folder.parent.glob(f"*/{INVENTED}") if is_new else [folder / INVENTED]:
        known |= _failure_lines(json.loads(file.read_text())["errors"], file.parent.name)
    lines = _failure_lines(run.errors, folder.name)
    if lines and lines <= known and not _text(folder / f"{WITHOUT_SECRETS}-{FAILED_CALLS}"):
        return ""
    return (
        f"without it, the program fails otherwise than the base, so it may not fail there: {run.errors[-1]}"
    )


def _failure_lines(errors: Iterable[str], stack: str) -> set[str]:
    """Return the lines of errors that are comparable between trees and stacks: without numbers and frames."""
    text = engine_run.TRACEBACK_FRAME.sub("", "".join(f"{error}\n" for error in errors))
    text = NUMBER.sub("0", re.sub(rf"\b{re.escape(stack)}\b", STACK_NAME, text))
    return {*map(str.strip, text.splitlines())} - {""}


def _read_neighbour(name: str, base: Path, folder: Path) -> Stack:
    """Read the preview of the base of a further stack. It has no run if no head has needed its objects."""
    run = _read_run(NEIGHBOUR, base, folder, base)
    trouble = run.find_missing(None) if run and not run.errors else ""
    return Stack(name, run, trouble=_text(folder / "trouble") or trouble, predicted=True)


def _read_run(side: str, tree: Path, folder: Path, base: Path) -> EngineRun | None:
    """Return the run of a side, or None if the side's command did not end; `base` is the tree of the base."""
    code = _text(folder / f"{side}.code")
    if not code:
        return None
    contents = {file: engine_run.read(file) for file in sorted(folder.glob(f"{side}-*"))}
    engine = EngineRun(tree, old_tree=base).add(*contents.values())
    # A command may fail without an error event or a violation, or although there are violations of the base.
    # Its summary or its standard error has the reason.
    if code != "0":
        summary = engine_run.read(folder / f"{side}-summary.json")
        errors = summary["errors"] if summary else ()
        engine.phase.errors += [error for error in errors if error not in engine.phase.errors]
        # A mandatory violation alone fails a preview, which then has all events and a summary. No policy of a
        # base's `up` is mandatory: the engine would stop there, and the state would lack the rest.
        is_complete = side != "base" and code == str(FAILED) and summary and engine.phase.mandatory
        if not engine.errors and not is_complete:
            reason = _text(folder / f"{side}.errors") or f"the command ended with {code} and without a reason"
            engine.phase.errors.append(reason)
    # A run without events or ledger seems to have fewer violations. Those of a failed run may end early.
    if not engine.errors:
        unreadable = [file for file, content in contents.items() if content is None and file.suffix == LINES]
        engine.phase.errors += [f"{file.name} cannot be read; run the review again" for file in unreadable]
    return engine


def _text(file: Path) -> str:
    return read_text(file).strip() if os.path.lexists(file) else ""


if __name__ == "__main__":
    sys.exit(main())

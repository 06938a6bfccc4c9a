"""The base brought up and the head previewed on it, by the sandbox's engine and providers.

Stacks run side by side, each in a process of its own. Whatever the review needs of sandbox/ to run a program
is in this file.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from pathlib import Path

import yaml

import sandbox.providers
from review import isolation
from sandbox import lock, operations, policy_pack, workspace
from sandbox.fault import Fault
from sandbox.progress import Progress
from sandbox.run import Session

SIDES = ("base", "head")

# The engine's environment for a state that nobody will miss.
THROWAWAY = {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
THROWAWAY["PULUMI_OPTION_IGNORE_PROTECT"] = "true"  # else a preview fails that replaces something protected


@dataclass(frozen=True)
class Job:
    """A stack to look at: the trees of both sides, its project in each, a folder for all that is written.

    For each side: `<side>.json` (the engine's exit code and standard error), `<side>-engine.log` (the head's
    is its plan), `<side>-events.jsonl`, `head-ledger.jsonl`. Besides: `state.json` (the base's resources),
    `hidden` (what stands for secrets), `trouble` (why it did not end).
    """

    name: str
    trees: tuple[Path, Path]
    projects: tuple[Path | None, Path | None]
    folder: Path


def run(jobs: Sequence[Job], engine: Path, minutes: float, tell: Callable[[str], None]) -> None:
    """Run all jobs side by side, and leave nothing behind but their files."""
    if not jobs:
        return
    tell(f"{', '.join(job.name for job in jobs)}: evaluating the base, then the head on its state")
    gc.freeze()  # so that the processes share it
    until = time.monotonic() + minutes * 60
    processes = [get_context("fork").Process(target=_look, args=(job, engine)) for job in jobs]
    coming = {job.folder / f"{side}.json": f"{job.name}: {side} evaluated" for job in jobs for side in SIDES}
    try:
        for process in processes:
            process.start()
        while time.monotonic() < until and (
            alive := [each.sentinel for each in processes if each.is_alive()]
        ):
            connection.wait(alive, 0.5)
            for file in [each for each in coming if each.exists()]:
                tell(coming.pop(file))
        for job, process in zip(jobs, processes, strict=True):
            trouble = job.folder / "trouble"
            if process.is_alive():
                trouble.write_text(f"stopped after {minutes:g} minutes, the time limit")
            if trouble.exists():
                tell(f"{job.name}: {trouble.read_text()}")
    finally:
        isolation.end_all()


def _look(job: Job, engine: Path) -> None:
    """Bring the base up, then preview the head on its state, but for what has been done already."""
    job.folder.mkdir(parents=True, exist_ok=True)
    log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    gc.set_threshold(100_000, 50, 50)
    try:
        serve = sandbox.providers.serve(job.folder / "targets")
        with lock.hold(job.folder, "review") as held, serve as ports:
            for side, tree, project in zip(SIDES, job.trees, job.projects, strict=True):
                if project and not (ended := job.folder / f"{side}.json").exists():
                    try:
                        name = workspace.read(project / "Pulumi.yaml")["name"].value
                        stack = workspace.Stack(job.name, tree, project, name, job.folder)
                        session = Session(engine, stack, Progress(), held, ports, THROWAWAY.copy())
                        ended.write_text(json.dumps(_evaluate(session, side)))
                    except (Fault, yaml.YAMLError) as error:  # the stack's own files
                        ended.write_text(json.dumps([1, str(error).replace(f"{tree}/", "")]))
                    _forget(tree)
    except BaseException as error:
        (job.folder / "trouble").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)  # whatever threads the program has left


def _evaluate(session: Session, side: str) -> tuple[int, str]:
    """The engine's exit code and standard error."""
    stack = session.stack

    def stand_in() -> str:
        with (stack.folder / "hidden").open("a") as known:
            known.write(f"{(value := operations.random_secret())}\n")
        return value

    operations.make_ready(session, {}, stand_in)
    pack = policy_pack.flags(stack) if (stack.root / "policies").is_dir() else []
    if side == "base":
        result = session.operate("up", "--yes", "--skip-preview", *_advisory(stack, pack))
        (stack.folder / "state.json").write_text(json.dumps(workspace.state(stack, "resources")))
    else:
        session.more["PIPE_POLICY_LEDGER"] = str(stack.folder / "head-ledger.jsonl")
        result = session.operate("preview", "--json", "--show-sames", *pack)
    for file in ("events.jsonl", "engine.log"):
        (stack.folder / file).rename(stack.folder / f"{side}-{file}")
    return result.code, result.stderr


def _forget(tree: Path) -> None:
    """Forget a tree's modules: the other side has modules of the same names."""
    os.chdir("/")
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(f"{tree}/"):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.startswith(str(tree))]


def _advisory(stack: workspace.Stack, pack: list[str]) -> list[str]:
    """The pack with nothing mandatory: the base's own violations must not stop it."""
    file = stack.root / "policies" / "config" / f"{stack.name}.json"
    text = file.read_text().replace('"mandatory"', '"advisory"') if file.exists() else "{}"
    levels: dict[str, object] = json.loads(text)
    mild = stack.folder / "advisory.json"
    mild.write_text(json.dumps(levels | {"all": "advisory"}))
    return [*pack[:2], "--policy-pack-config", str(mild)] if pack else []

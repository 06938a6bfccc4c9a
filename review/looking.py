"""Looks at every stack of two trees, or at the files of a real preview."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from review import checkout, isolation, observed, settings, waivers
from review.build import Looked, build
from review.masks import Masks
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.observed import Observed

if TYPE_CHECKING:
    from review import runner

FIRST = ("dev", "stg", "prod")
"""The order in which stacks are shown; others come after."""

LOCKS = ("requirements.txt",)
"""Files that say which packages the program runs with."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sides:
    """What is compared, with what."""

    base: Path
    head: Path
    names: tuple[str, str]
    """Base and head as people call them."""
    engine: Path


def trees(sides: Sides, work: Path, only: Sequence[str], minutes: float, tell: Tell) -> Report:
    """The report from base to head. This process is isolated from then on; it writes below `work` only."""
    tree, base = sides.head, sides.base
    isolation.scrub(work)
    code = {Path(entry).resolve() for entry in sys.path if Path(entry).is_dir()}
    notes = isolation.isolate(work, {tree, base, *code}, (sides.engine.parent,))
    notes += _incomparable(tree, base)
    from review import runner  # after the isolation: it imports the program's packages

    projects = _projects(tree, base)
    hidden = runner.Secrets()
    jobs = [
        runner.Job(
            name, runner.Side(base, projects[name][0]), runner.Side(tree, projects[name][1]), work / name
        )
        for name in chosen(tree, base, only)
    ]
    try:
        runner.run(jobs, sides.engine, hidden, minutes, tell)
    finally:
        isolation.end_all()
    outcomes = [runner.collect(job) for job in jobs]
    masks = Masks({hidden.passphrase, *(value for each in outcomes for value in each.hidden)})
    looked = [_looked(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
    return build(BASE_TO_HEAD, *sides.names, looked, masks, waivers.read(tree), notes)


def chosen(tree: Path, base: Path, only: Sequence[str]) -> list[str]:
    """The stacks to look at: those asked for, else the root project's, and of others those that differ."""
    projects = _projects(tree, base)
    if missing := sorted(set(only) - set(projects)):
        raise checkout.NotRun(f"no stack is called {missing[0]!r}. Stacks: {', '.join(projects)}")
    return [name for name in projects if name in only] if only else _default(projects, tree, base)


def events(files: Iterable[Path], tree: Path, masked: Iterable[str], head: str) -> Report:
    """The report from a stack's real state to head, out of event logs, `--json` plans and ledgers."""
    found: dict[str, tuple[list[dict[str, object]], list[list[dict[str, object]]]]] = {}
    for file in files:
        content = observed.read_file(file.read_text())
        name = _stack_in(content)
        if not name:
            raise checkout.NotRun(
                f"{file} is neither an event log nor `--json` of a preview: no resource is in it."
            )
        plans, logs = found.setdefault(name, ([], []))
        if isinstance(content, dict):
            plans.append(content)
        else:
            logs.append(content)
    looked: list[Looked] = []
    for name in _ordered(found):
        plans, logs = found[name]
        seen = observed.from_plan(name, plans[0], tree) if plans else Observed(name)
        for log in logs:
            if "policy" in log[-1] or "run" in log[0]:
                observed.add_ledger(seen, log)
            else:
                observed.add_events(seen, log)
        before = {urn: step.old for urn, step in seen.steps.items() if step.old}
        looked.append(Looked(name, seen, None, before, settings.read(f"Pulumi.{name}.yaml", None, tree)))
    return build(STATE_TO_HEAD, "state of each stack", head, looked, Masks(masked), waivers.read(tree))


def _looked(job: "runner.Job", outcome: "runner.Outcome") -> Looked:
    head = base = None
    if outcome.head:
        head = observed.from_plan(job.name, outcome.head.plan, job.head.tree)
        observed.add_events(head, outcome.head.events)
        observed.add_ledger(head, outcome.head.ledger)
        _unsaid(head, outcome.head.code, outcome.head.stderr)
    if outcome.base:
        base = Observed(job.name)
        observed.add_events(base, outcome.base.events)
        _unsaid(base, outcome.base.code, outcome.base.stderr)
    trouble = outcome.trouble
    if not trouble and (outcome.head is None) != (job.head.project is None):
        trouble = "its process ended without a word"
    notes = [] if job.base.project else ["The base has no such stack: everything in it is new."]
    file = f"Pulumi.{job.name}.yaml"
    values = settings.read(file, job.base.project, job.head.project)
    return Looked(
        job.name,
        head,
        base,
        observed.from_state(outcome.state, job.base.tree),
        values,
        trouble,
        notes,
        outcome.seconds,
    )


def _unsaid(seen: Observed, code: int, stderr: str) -> None:
    """An engine that failed without an error event says why on its standard error."""
    if code != 0 and not seen.errors and not any(each.level == "mandatory" for each in seen.verdicts):
        seen.errors.append(stderr.strip().removeprefix("error: ") or f"the engine ended with {code}")


def _projects(tree: Path, base: Path) -> dict[str, tuple[Path | None, Path | None]]:
    """The projects of each stack in base and head."""
    found = [_stacks(root) for root in (base, tree)]
    names = _ordered({*found[0], *found[1]})
    return {name: (found[0].get(name), found[1].get(name)) for name in names}


def _stacks(root: Path) -> dict[str, Path]:
    stacks: dict[str, Path] = {}
    for project in (root, *sorted(root.glob("[!.]*/"))):
        if (project / "Pulumi.yaml").exists():
            for file in project.glob("Pulumi.*.yaml"):
                stacks.setdefault(file.name.removeprefix("Pulumi.").removesuffix(".yaml"), project)
    return stacks


def _default(projects: dict[str, tuple[Path | None, Path | None]], tree: Path, base: Path) -> list[str]:
    """The root project's stacks; of others those whose folder differs."""
    found: list[str] = []
    for name, sides in projects.items():
        folders = [side.relative_to(root) for root, side in ((base, sides[0]), (tree, sides[1])) if side]
        inner = folders[0] != Path()
        if not inner or _content(base / folders[0]) != _content(tree / folders[0]):
            found.append(name)
    return found or list(projects)


def _content(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def _incomparable(tree: Path, base: Path) -> list[str]:
    return (
        [
            f"Not comparable: {name} differs, and the base was evaluated with the head's packages; "
            "what a change of packages does is not in this report."
            for name in LOCKS
            if not (base / name).exists() or (base / name).read_bytes() != (tree / name).read_bytes()
        ]
        if (tree / LOCKS[0]).exists()
        else []
    )


def _ordered(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def _stack_in(content: object) -> str:
    """The stack that a file is about, by the first URN in it."""
    found = re.search(r"urn:pulumi:([^:]+)::", json.dumps(content))
    return found[1] if found else ""

"""Looks at every stack of two trees, or at the files of a real preview."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from review import isolation, observed, settings, waivers
from review.build import Looked, build
from review.checkout import NotRun
from review.masks import Masks
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.observed import Observed

if TYPE_CHECKING:
    from review import runner

FIRST = ("dev", "stg", "prod")
"""The order in which stacks are shown; others come after."""

LOCK = "requirements.txt"
INCOMPARABLE = (
    f"Not comparable: {LOCK} differs, and the base was evaluated with the head's packages; "
    "what the change of packages does is not in this report."
)

Tell = Callable[[str], None]
Projects = dict[str, tuple[Path | None, Path | None]]


@dataclass(frozen=True)
class Trees:
    """What is compared with what; `names` are base and head as people call them."""

    base: Path
    head: Path
    names: tuple[str, str]
    engine: Path


def compare(
    trees: Trees, work: Path, only: Sequence[str], minutes: float, tell: Callable[[str], None]
) -> Report:
    """The report from base to head. This process is isolated from then on: it writes below `work` only."""
    isolation.scrub(work)
    code = {Path(entry).resolve() for entry in sys.path if Path(entry).is_dir()}
    notes = isolation.isolate(work, {trees.head, trees.base, *code}, (trees.engine.parent,))
    from review import runner  # after the isolation: it imports the program's packages

    return report(trees, work, only, minutes, tell, runner.Secrets(), notes)


def report(
    trees: Trees, work: Path, only: Sequence[str], minutes: float, tell: Tell, hidden: "runner.Secrets",
    notes: Sequence[str] = (),
) -> Report:  # fmt: skip
    """The same without isolation. A stack whose base is in `work` already gets its head only."""
    from review import runner

    packages = [
        (tree / LOCK).read_text() if (tree / LOCK).exists() else "" for tree in (trees.base, trees.head)
    ]
    notes = [*notes, INCOMPARABLE] if packages[0] != packages[1] else notes
    projects = stacks(trees)
    jobs = [
        runner.Job(name, (trees.base, trees.head), projects[name], work / name)
        for name in chosen(trees, only)
    ]
    try:
        runner.run(jobs, trees.engine, hidden, minutes, tell)
    finally:
        isolation.end_all()
    outcomes = [runner.collect(job) for job in jobs]
    masks = Masks({hidden.passphrase, *(value for each in outcomes for value in each.hidden)})
    looked = [_looked(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
    return build(BASE_TO_HEAD, trees.names, looked, masks, waivers.read(trees.head), notes)


def events(files: Iterable[Path], tree: Path, masked: Iterable[str], head: str) -> Report:
    """The report from each stack's state to head, out of event logs, `--json` plans and ledgers."""
    found: dict[str, list[Any]] = {}
    for file in files:
        try:
            content = observed.read_file(file.read_text())
        except ValueError:
            content = {}
        name = re.search(r"urn:pulumi:([^:]+)::", json.dumps(content))
        if not name:
            raise NotRun(f"{file} is neither an event log nor `--json` of a preview: no resource is in it.")
        found.setdefault(name[1], []).append(content)
    looked: list[Looked] = []
    for name in ordered(found):
        seen = Observed(name)
        for content in sorted(
            found[name], key=lambda each: isinstance(each, list)
        ):  # plans first: they have more
            if isinstance(content, dict):
                seen.add_plan(content, tree)  # pyright: ignore[reportUnknownArgumentType]
            elif "run" in content[0]:
                seen.add_ledger(content)
            else:
                seen.add_events(content, tree)
        before = {urn: step.old for urn, step in seen.steps.items() if step.old}
        file = settings.read(f"Pulumi.{name}.yaml", None, tree)
        looked.append(Looked(name, seen, None, before, file))
    return build(STATE_TO_HEAD, ("state of each stack", head), looked, Masks(masked), waivers.read(tree))


def stacks(trees: Trees) -> Projects:
    """The project of each stack in base and head."""
    found: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for sides, root in zip(found, (trees.base, trees.head), strict=True):
        for project in (root, *sorted(root.glob("[!.]*/"))):
            for file in project.glob("Pulumi.*.yaml") if (project / "Pulumi.yaml").exists() else ():
                sides.setdefault(file.name.removeprefix("Pulumi.").removesuffix(".yaml"), project)
    return {name: (found[0].get(name), found[1].get(name)) for name in ordered({*found[0], *found[1]})}


def chosen(trees: Trees, only: Sequence[str]) -> list[str]:
    """The stacks to look at: those asked for, else the root project's, and others whose folder differs."""
    projects = stacks(trees)
    if missing := sorted({*only} - {*projects}):
        raise NotRun(f"no stack is called {missing[0]!r}. Stacks: {', '.join(projects)}")
    if only:
        return [name for name in projects if name in only]
    roots = {trees.base, trees.head}
    return [name for name, sides in projects.items() if roots & {*sides} or len({*map(_content, sides)}) > 1]


def ordered(names: Iterable[str]) -> list[str]:
    """Stacks in the order in which they are shown."""
    return sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def _content(folder: Path | None) -> frozenset[tuple[str, bytes]]:
    files = (
        (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        if folder
        else ()
    )
    return frozenset((str(file.relative_to(folder or file)), file.read_bytes()) for file in files)


def _looked(job: "runner.Job", outcome: "runner.Outcome") -> Looked:
    sides: list[Observed | None] = []
    for run, tree in zip(outcome.runs, job.trees, strict=True):
        seen = Observed(job.name) if run else None
        if run and seen:
            seen.add_plan(run.plan, tree)
            seen.add_events(run.events, tree)
            seen.add_ledger(run.ledger)
            # An engine that failed without an error event says why on its standard error.
            if run.code != 0 and not seen.errors and all(each.level != "mandatory" for each in seen.verdicts):
                seen.errors.append(
                    run.stderr.strip().removeprefix("error: ") or f"the engine ended with {run.code}"
                )
        sides.append(seen)
    ended = all(
        (run is None) == (project is None) for run, project in zip(outcome.runs, job.projects, strict=True)
    )
    trouble = outcome.trouble or ("" if ended else "its process ended without a word")
    return Looked(
        name=job.name,
        head=sides[1],
        base=sides[0],
        before=observed.from_state(outcome.state, job.trees[0]),
        file=settings.read(f"Pulumi.{job.name}.yaml", *job.projects),
        trouble=trouble,
        notes=[] if job.projects[0] else ["The base has no such stack: everything in it is new."],
        seconds=sum(run.seconds for run in outcome.runs if run),
    )

"""Looks at every stack of two trees, or at the files of a real preview."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from review import observed, runner, settings
from review.build import Looked, build
from review.masks import SHORTEST, is_map, masks
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.observed import Json, Observed
from sandbox.fault import Fault

FIRST = ("dev", "stg", "prod")  # the order in which stacks are shown; others come after
LOCK = "requirements.txt"
INCOMPARABLE = (f"Not comparable: {LOCK} differs, and the base was evaluated with the head's packages; "
                "what the change of packages does is not in this report.")  # fmt: skip
UNJUDGED = "No policy has judged the state: whatever breaks a rule without a waiver is told as new."
SHORT = f"Secrets shorter than {SHORTEST} characters are not hidden by value: they would hide common words."
Trees = tuple[Path, Path]
Projects = Mapping[str, tuple[Path | None, Path | None]]


def report(
    trees: Trees, names: tuple[str, str], projects: Projects, work: Path,
    run: Callable[[Sequence[runner.Job]], None], notes: Sequence[str] = (),
) -> Report:  # fmt: skip
    """The report from base to head, called `names`."""
    jobs = [runner.Job(name, trees, sides, work / name) for name, sides in projects.items()]
    run(jobs)
    masked = masks({value for job in jobs for value in _text(job.folder / "hidden").split()})
    notes = [*notes, *([INCOMPARABLE] if len({_text(tree / LOCK) for tree in trees}) > 1 else ())]
    return build(BASE_TO_HEAD, names, [_looked(job) for job in jobs], masked, trees[1], notes)


def events(files: Iterable[Path], tree: Path, masked: Sequence[str], head: str) -> Report:
    """The report from each stack's state to head, out of event logs, `--json` plans and ledgers."""
    found: dict[str, list[Any]] = {}
    for file in files:
        content = _read(file)
        name = re.search(r"urn:pulumi:([^:]+)::", json.dumps(content))
        if not name:
            raise Fault(f"{file} is neither an event log nor `--json` of a preview: no resource is in it.")
        found.setdefault(name[1], []).append(content)
    looked: list[Looked] = []
    for name in sorted(found, key=_order):
        seen = Observed(name, tree)
        for content in found[name]:
            seen.add(content)
        before = {urn: step.old for urn, step in seen.steps.items() if step.old}
        trouble = "" if any(map(is_map, found[name])) else "the preview's --json is missing"
        file = settings.read(name, (tree, None), (tree, tree))
        looked.append(Looked(name, seen, None, before, file, trouble))
    notes = [UNJUDGED, *([SHORT] if any(len(each) < SHORTEST for each in masked) else [])]
    return build(STATE_TO_HEAD, ("state of each stack", head), looked, masks(masked), tree, notes)


def stacks(trees: Trees, only: Sequence[str] = ()) -> Projects:
    """The project of each stack in base and head: those asked for, else the root's and what differs."""
    found: dict[str, list[Path | None]] = {}
    for side, root in enumerate(trees):
        for file in (*root.glob("Pulumi.*.yaml"), *sorted(root.glob("[!.]*/Pulumi.*.yaml"))):
            sides = found.setdefault(file.name.removeprefix("Pulumi.").removesuffix(".yaml"), [None, None])
            sides[side] = sides[side] or (file.parent if (file.parent / "Pulumi.yaml").exists() else None)
    if missing := sorted({*only} - {*found}):
        raise Fault(f"no stack is called {missing[0]!r}. Stacks: {', '.join(sorted(found, key=_order))}")
    names = only or (name for name, (base, head) in found.items()
                     if {base, head} & {*trees} or _content(base) != _content(head))  # fmt: skip
    return {name: (found[name][0], found[name][1]) for name in sorted(names, key=_order)}


def _order(stack: str) -> tuple[int, str]:
    return FIRST.index(stack) if stack in FIRST else len(FIRST), stack


def _content(folder: Path | None) -> dict[Path, bytes]:
    files = (file for file in folder.rglob("*") if file.suffix in (".py", ".yaml")) if folder else ()
    return {file.relative_to(folder or file): file.read_bytes() for file in files}


def _looked(job: runner.Job) -> Looked:
    sides: list[Observed | None] = []
    for side, tree in zip(runner.SIDES, job.trees, strict=True):
        ended, seen = _read(job.folder / f"{side}.json"), Observed(job.name, tree)
        for file in sorted(job.folder.glob(f"{side}-*")):
            seen.add(_read(file) or [])
        # An engine that failed without an error event says why on its standard error.
        told = seen.errors or any(each.level == "mandatory" for each in seen.verdicts)
        if ended and ended[0] and not told:
            said = ended[1].strip().removeprefix("error: ")
            seen.errors.append(said or f"the engine ended with {ended[0]}")
        sides.append(seen if ended else None)
    state: list[Json] = _read(job.folder / "state.json") or []
    before = {each["urn"]: observed.resource(each, job.trees[0]) for each in state}
    file = settings.read(job.name, *zip(job.trees, job.projects, strict=True))
    return Looked(job.name, sides[1], sides[0], before, file, _text(job.folder / "trouble"))


def _text(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _read(file: Path) -> Any:
    """A file of JSON or of lines of it; None where it is empty, missing, or not that."""
    try:
        return observed.read(text) if (text := _text(file)) else None
    except ValueError:
        return None

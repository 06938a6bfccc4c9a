"""Looks at every stack of two trees, or at the files of a real preview.

`python -m review.looking FOLDER` is the part of a review that runs a pull request's program, isolated.
"""

import json
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from review import isolation, observed, render, runner, settings
from review.build import build
from review.masks import SHORTEST, is_map, masks
from review.model import BASE_TO_HEAD, STATE_TO_HEAD, Report
from review.observed import Json, Observed, Resource
from review.stack import Stack
from sandbox import workspace
from sandbox.fault import Fault

FIRST = ("dev", "stg", "prod")  # the order in which stacks are shown; others come after
LOCK = "requirements.txt"
INCOMPARABLE = (f"Not comparable: {LOCK} differs, and the base was evaluated with the head's packages; "
                "what the change of packages does is not in this report.")  # fmt: skip
UNJUDGED = "No policy has judged the state: whatever breaks a rule without a waiver is told as new."
SHORT = f"Secrets shorter than {SHORTEST} characters are not hidden by value: they would hide common words."
Trees = tuple[Path, Path]
Projects = Mapping[str, tuple[Path | None, Path | None]]


def main(work: Path) -> int:
    """Report what `asked.json` asks for into `reports/`; the exit code. Nothing outside `work` is written."""
    isolation.guard()
    try:
        asked = json.loads((work / "asked.json").read_text())
        trees = Path(asked["trees"][0]), Path(asked["trees"][1])
        projects = stacks(trees, asked["stacks"])
        found = report(trees, asked["names"], projects, work / "stacks", asked["minutes"], asked["notes"])
        isolation.end_all()
        render.write(replace(found, trees=asked["links"]), work / "reports")
        return found.code
    except Fault as error:
        render.tell(f"error: {error}")
    except Exception:
        traceback.print_exc()
    return 2


def report(trees: Trees, names: tuple[str, str], projects: Projects, work: Path,
           minutes: float, notes: Sequence[str] = ()) -> Report:  # fmt: skip
    """The report from base to head, called `names`."""
    jobs = [runner.Job(name, trees, sides, work / name) for name, sides in projects.items()]
    runner.run(jobs, minutes)
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
    looked: list[Stack] = []
    for name in sorted(found, key=_order):
        seen = Observed(name, tree)
        for content in found[name]:
            seen.add(content)
        before = {urn: step.old for urn, step in seen.steps.items() if step.old}
        trouble = "" if any(map(is_map, found[name])) else "the preview's --json is missing"
        file = settings.read(name, (tree, None), (tree, workspace.projects(tree).get(name)))
        looked.append(Stack(name, seen, None, before, file, trouble))
    notes = [UNJUDGED, *([SHORT] if any(len(each) < SHORTEST for each in masked) else [])]
    return build(STATE_TO_HEAD, ("state of each stack", head), looked, masks(masked), tree, notes)


def stacks(trees: Trees, only: Sequence[str] = ()) -> Projects:
    """The project of each stack in base and head: those asked for, else the root's and what differs."""
    base, head = map(workspace.projects, trees)
    known = {name: (base.get(name), head.get(name)) for name in sorted(base | head, key=_order)}
    if missing := sorted({*only} - {*known}):
        raise Fault(f"no stack is called {missing[0]!r}. Stacks: {', '.join(known)}")
    return {name: sides for name, sides in known.items() if name in only
            or (not only and ({*sides} & {*trees} or _content(sides[0]) != _content(sides[1])))}  # fmt: skip


def _order(stack: str) -> tuple[int, str]:
    return FIRST.index(stack) if stack in FIRST else len(FIRST), stack


def _content(folder: Path | None) -> dict[Path, bytes]:
    files = (file for file in folder.rglob("*") if file.suffix in (".py", ".yaml")) if folder else ()
    return {file.relative_to(folder or file): file.read_bytes() for file in files}


def _looked(job: runner.Job) -> Stack:
    sides: list[Observed | None] = []
    for side, tree in zip(runner.COMMANDS, job.trees, strict=True):
        ended, seen = _text(job.folder / f"{side}.code"), Observed(job.name, tree)
        for file in sorted(job.folder.glob(f"{side}-*")):
            seen.add(_read(file) or [])
        # A command that failed without an error event or a violation says why elsewhere.
        if ended not in ("", "0") and not seen.errors and not seen.said.mandatory:
            summary = _read(job.folder / f"{side}-summary.json") or {"errors": ()}
            seen.said.errors.append("\n".join(summary["errors"]) or _text(job.folder / f"{side}.errors"))
        sides.append(seen if ended else None)
    states = map(_read, job.folder.glob(f"state/.pulumi/stacks/*/{job.name}.json"))
    latest: list[Json] = [state["checkpoint"]["latest"] or {} for state in states if state]
    before = {one["urn"]: Resource(one, job.trees[0]) for each in latest for one in each.get("resources", ())}
    file = settings.read(job.name, *zip(job.trees, job.projects, strict=True))
    return Stack(job.name, sides[1], sides[0], before, file, _text(job.folder / "trouble"))


def _text(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _read(file: Path) -> Any:
    """A file of JSON or of lines of it; None where it is empty, missing, or not that."""
    try:
        return observed.read(text) if (text := _text(file)) else None
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

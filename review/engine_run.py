"""What the engine did with a stack: from its `--json` plan, its event log, its state, the pack's ledger."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import unquote

from review.jail.regular_files import read_text
from review.locate import StackFile
from review.model import OPS, UNKNOWN, Place
from review.plain_data import is_list, is_map, plain, value_at
from sandbox.summary import LATER, UNINFORMATIVE_ERRORS, Phase, masked

Json = dict[str, Any]
ROOT = "pulumi:pulumi:Stack"
STEPS = {"create-replacement": "replace", "delete-replaced": "replace",
         "import": "create", "discard": "delete"}  # fmt: skip
UNCHECKED = "policy-value-unknown"  # counts what a preview cannot know; a ledger says what that is
NOTHING = '"verdict": "not applicable"'  # in most rows of a ledger
COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")  # A terminal's, and the engine's own tags
FRAME = re.compile(r'^ *File "([^"]*)", line \d+.*\n(?:^ {4,}(?!File ).*\n)*', re.MULTILINE)


class Resource:
    """A resource as one side has it: what the engine says of it, and the lines of a tree that declare it."""

    def __init__(self, state: Json, tree: Path | None = None) -> None:
        self.state, self.urn, self.type = state, str(state["urn"]), str(state["type"])
        self.name = self.urn.rpartition("::")[2]
        self.key = self.type, self.name
        self.component = not state.get("custom")
        self.inputs: Json = masked(state.get("inputs") or {})
        self.dependencies: list[str] = sorted(state.get("dependencies") or ())
        self.sources: Mapping[str, list[str]] = state.get("propertyDependencies") or {}
        self.places = [*_places(state, tree)] if tree else []

    def gave(self, value: str) -> int:
        """How surely a value comes from it: 2 if its id or ARN is in there, 1 if an output is equal."""
        outputs: Json = self.state.get("outputs") or {}
        own = any(each and str(each) in value for each in (self.state.get("id"), outputs.get("arn")))
        return 2 if own else int(len(value) > 3 and json.dumps(value) in json.dumps(outputs))


@dataclass
class Step:
    """What is to be done with a resource; `diff` has the kind of each change by its path."""

    op: str
    old: Resource | None
    new: Resource | None
    diff: Mapping[str, str] = field(default_factory=dict[str, str])
    forced_by: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        return self.new or cast(Resource, self.old)


@dataclass
class Observed:
    """One run of the engine on a stack: steps by URN, unchanged ones too. `tree` has the program's files."""

    tree: Path
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    said: Phase = field(default_factory=lambda: Phase(preview=True))

    def add(self, *contents: Any) -> Self:
        """Take in `--json` plans, which alone have the steps, and the rows of event logs and ledgers."""
        for plan in filter(is_map, contents):
            self.add([{"diagnosticEvent": each} for each in plan.get("diagnostics") or ()])
            for each in plan.get("steps") or ():
                self._step(each)
        for row in chain.from_iterable(filter(is_list, contents)):
            if row.get("verdict") == UNKNOWN and row["policy"] != UNCHECKED and row["detail"]:
                self.said.violations.append(
                    row | {"level": UNKNOWN, "severity": "", "message": row["detail"]}
                )
            elif {"policyEvent", "diagnosticEvent", "resOutputsEvent"} & row.keys():
                self.said.record(row)
        return self

    @property
    def errors(self) -> list[str]:
        """Each error once, and of a traceback only what is the program's own, as people know its files."""
        errors = dict.fromkeys(map(self._clean, self.said.errors))
        return [error for error in errors if error not in UNINFORMATIVE_ERRORS]

    def _clean(self, text: str) -> str:
        text = COLOURS.sub("", text).strip().removeprefix("error: ").strip()
        text = FRAME.sub(lambda frame: frame[0] if frame[1].startswith(f"{self.tree}/") else "", text)
        return text.replace(f"{self.tree}/", "").removeprefix("python inline source runtime error: ")

    def _step(self, said: Json) -> None:
        kinds: Json = said.get("detailedDiff") or {}
        diff = {path: str(each["kind"]) for path, each in kinds.items()}
        states: list[Json | None] = [said.get("oldState"), said.get("newState")]
        old, new = (Resource(state, self.tree) if state else None for state in states)
        op = STEPS.get(said["op"]) or str(said["op"])
        if old and op == "delete":
            old.places = [replace(each, what="of the base") for each in old.places]
        step = Step(op, old, new, diff, tuple(sorted(said.get("replaceReasons") or ())))
        before = self.steps.get(step.resource.urn)
        if before and before.op == step.op == "replace":  # the parts of one replacement: each knows something
            forced = before.forced_by or step.forced_by
            step = Step(op, before.old or old, before.new or new, {**before.diff, **diff}, forced)
        if not before or step.op != "same":
            self.steps[step.resource.urn] = step


def _places(state: Json, tree: Path) -> Iterator[Place]:
    """The line that declares a resource, and that of `__main__`, out of the engine's stack trace."""
    found: list[tuple[str, int]] = []
    for frame in state.get("stackTrace") or ():
        path, _, line = unquote(frame.get("sourcePosition") or "").removeprefix("project://").partition("#")
        if file := _inside(path, tree):
            found.append((file, int(line.partition(",")[0])))
    mains = [each for each in found[1:] if each[0].endswith("__main__.py") and each != found[0]]
    yield from (Place(*each, "declares") for each in found[:1])
    yield from (Place(*each, "composes") for each in mains[-1:])


@cache
def _inside(path: str, tree: Path) -> str:
    """A position's file in the tree, found by the end of its path: it is relative to where the engine ran."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    ends = () if {"site-packages", "sandbox"} & {*parts} else range(len(parts))
    return next((end for at in ends if (tree / (end := "/".join(parts[at:]))).is_file()), "")


def read(file: Path) -> Any:
    """A `--json` plan (one object), or an event log or ledger (a list of objects, one a line); else None."""
    text = read_text(file).strip() if os.path.lexists(file) else ""
    rows = (line for line in text.splitlines() if line.strip() and NOTHING not in line)
    for form in (text, f"[{','.join(rows)}]"):
        with suppress(ValueError):
            found = json.loads(form)
            return [found] if is_map(found) and {"sequence", "run"} & found.keys() else found
    return None


@dataclass
class Stack:
    """`base` and `head` are runs, None where there is no such stack; `trouble`: why one did not end."""

    name: str
    head: Observed | None = None
    base: Observed | None = None
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""

    def __post_init__(self) -> None:
        self.alone = bool(self.base and self.base.errors)  # nothing can be compared
        self.steps = self.head.steps if self.head else {}
        self.resources = {urn: step.resource for urn, step in self.steps.items()}
        before = [one.old for one in self.steps.values() if one.old and not self.alone]
        self.old = {one.key: one for one in before}
        self.new = {one.resource.key: one.resource for one in self.steps.values() if one.op != "delete"}
        own = (one for one in self.steps.values() if not one.resource.type.startswith("pulumi:"))
        self.changed = [one for one in own if one.op in OPS and not self.alone]
        self._dependents: dict[str, set[str]] = {}
        # The head no longer depends on what it has deleted; the base says who did.
        for resource in (*before, *self.resources.values()):
            for source in resource.dependencies:
                self._dependents.setdefault(source, set()).add(resource.urn)

    def component(self, urn: str) -> str:
        """The name of the outermost component that a resource is in, or is; `(stack)` where there is none."""
        one = self.resources.get(urn)
        if one is None or one.type == ROOT:
            return "(stack)"
        outer = self.component(one.state.get("parent") or "")
        return one.name if one.component and outer == "(stack)" else outer

    def reached(self, urn: str) -> Iterable[Resource]:
        """All that depends on a resource, directly or not."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = self._dependents.get(waiting.pop(), set()) - seen
            seen |= more
            waiting += more
        return (self.resources[each] for each in seen - {urn})

    def gone_with(self, step: Step) -> Resource | None:
        """The component that is deleted with a resource of it."""
        parent = self.steps.get(step.resource.state.get("parent") or "")
        return parent.resource if parent and parent.op == "delete" and parent.resource.component else None

    def sources(self, step: Step, path: str) -> list[Step]:
        """The changed resources that a property's value comes from, those that are replaced first.

        The engine names them for a whole property. Those count that gave the old value; where nobody is known
        to have, and the new value is not known either, all that are new.
        """
        name = path.partition(".")[0].partition("[")[0]
        near = [self.steps[urn] for urn in sorted(step.resource.sources.get(name, ())) if urn in self.steps]
        near = sorted((each for each in near if each.op in OPS), key=lambda each: each.op != "replace")
        old, new = (plain(value_at(side.inputs, path)) or "" if side else "" for side in (step.old, step.new))
        gave = [each.old.gave(old) if each.old else 0 for each in near]
        sure = [each for each, much in zip(near, gave, strict=True) if 0 < much == max(gave)]
        return sure or [each for each in near if each.op != "update" and LATER in new]

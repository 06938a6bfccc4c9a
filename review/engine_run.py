"""Runs of the engine on a stack, read from `--json` plans, event logs and the policy pack's ledgers."""

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

from review.guard import Packs
from review.jail.regular_files import read_text
from review.locate import StackFile
from review.model import COMPOSES, DECLARES, OF_THE_BASE, OPERATIONS, UNKNOWN, SourceLocation
from review.plain_data import as_text, is_list, is_map, value_at
from sandbox.summary import LATER, UNINFORMATIVE_ERRORS, Phase, masked

Json = dict[str, Any]

STACK_TYPE = "pulumi:pulumi:Stack"

ENGINE_OPERATIONS = {
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import": "create",
    "discard": "delete",
}
"""The report's names for operations of the engine that it counts under another name."""

UNCHECKED_POLICY = "policy-value-unknown"
"""Policy that counts the values that a preview cannot know. A ledger lists each of these values."""

NOT_APPLICABLE = '"verdict": "not applicable"'
"""Text in the most common rows of a ledger, which the report does not need."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")
"""Pattern of a terminal's colour codes and of the engine's own colour tags."""

TRACEBACK_FRAME = re.compile(r'^ *File "([^"]*)", line \d+.*\n(?:^ {4,}(?!File ).*\n)*', re.MULTILINE)

ID_MATCH, OUTPUT_MATCH, NO_MATCH = 2, 1, 0
"""Strengths of the evidence that a value comes from a resource."""


class Resource:
    """A resource in the state of base or head, with the lines in that side's tree that declare it."""

    def __init__(self, state: Json, tree: Path | None = None) -> None:
        self.state = state
        self.urn = str(state["urn"])
        self.type = str(state["type"])
        self.name = self.urn.rpartition("::")[2]
        self.key = self.type, self.name
        self.is_component = not state.get("custom")
        self.inputs: Json = masked(state.get("inputs") or {})
        self.parent = str(state.get("parent") or "")
        self.dependencies: list[str] = sorted(state.get("dependencies") or ())
        self.property_dependencies: Mapping[str, list[str]] = state.get("propertyDependencies") or {}
        self.locations = [*_locations(state, tree)] if tree else []

    def match_strength(self, value: str) -> int:
        """Return ID_MATCH if a value contains the ID or ARN, else OUTPUT_MATCH if it equals an output."""
        outputs: Json = self.state.get("outputs") or {}
        for identifier in (self.state.get("id"), outputs.get("arn")):
            if identifier and str(identifier) in value:
                return ID_MATCH
        is_output = len(value) > 3 and json.dumps(value) in json.dumps(outputs)
        return OUTPUT_MATCH if is_output else NO_MATCH


@dataclass
class Step:
    """An operation that a preview plans for a resource.

    `diff` maps the path of each change to its kind. `forced_by` contains the paths that force a replacement.
    """

    op: str
    old: Resource | None
    new: Resource | None
    diff: Mapping[str, str] = field(default_factory=dict[str, str])
    forced_by: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        """The new resource, or the old resource if it is deleted."""
        return self.new or cast(Resource, self.old)


@dataclass
class EngineRun:
    """A run of the engine on a stack: the steps by URN, including those of unchanged resources.

    `tree` contains the program's files.
    """

    tree: Path
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    phase: Phase = field(default_factory=lambda: Phase(preview=True))

    def add(self, *contents: Any) -> Self:
        """Record `--json` plans, event logs and ledgers; only the plans contain the steps."""
        for plan in filter(is_map, contents):
            self.add([{"diagnosticEvent": diagnostic} for diagnostic in plan.get("diagnostics") or ()])
            for step in plan.get("steps") or ():
                self._add_step(step)
        for row in chain.from_iterable(filter(is_list, contents)):
            self._add_row(row)
        return self

    @property
    def errors(self) -> list[str]:
        """The distinct errors. Tracebacks contain only the program's frames, with paths below the tree."""
        errors = dict.fromkeys(map(self._clean, self.phase.errors))
        return [error for error in errors if error not in UNINFORMATIVE_ERRORS]

    def _clean(self, text: str) -> str:
        def keep_own_frame(frame: re.Match[str]) -> str:
            return frame[0] if frame[1].startswith(f"{self.tree}/") else ""

        text = COLOURS.sub("", text).strip().removeprefix("error: ").strip()
        text = TRACEBACK_FRAME.sub(keep_own_frame, text)
        return text.replace(f"{self.tree}/", "").removeprefix("python inline source runtime error: ")

    def _add_row(self, row: Json) -> None:
        if row.get("verdict") == UNKNOWN and row["policy"] != UNCHECKED_POLICY and row["detail"]:
            violation = {"level": UNKNOWN, "severity": "", "message": row["detail"]}
            self.phase.violations.append(row | violation)
        elif {"policyEvent", "diagnosticEvent", "resOutputsEvent"} & row.keys():
            self.phase.record(row)

    def _add_step(self, content: Json) -> None:
        details: Json = content.get("detailedDiff") or {}
        diff = {path: str(detail["kind"]) for path, detail in details.items()}
        old, new = self._resource(content.get("oldState")), self._resource(content.get("newState"))
        op = ENGINE_OPERATIONS.get(content["op"]) or str(content["op"])
        if old and op == "delete":
            old.locations = [replace(location, role=OF_THE_BASE) for location in old.locations]
        step = Step(op, old, new, diff, tuple(sorted(content.get("replaceReasons") or ())))
        urn = step.resource.urn
        earlier = self.steps.get(urn)
        if earlier and earlier.op == step.op == "replace":
            step = _join_replacement(earlier, step)
        if not earlier or step.op != "same":
            self.steps[urn] = step

    def _resource(self, state: Json | None) -> Resource | None:
        return Resource(state, self.tree) if state else None


def _join_replacement(earlier: Step, later: Step) -> Step:
    """Join two steps of one replacement, since each step has only a part of the engine's information."""
    return Step(
        op="replace",
        old=earlier.old or later.old,
        new=earlier.new or later.new,
        diff={**earlier.diff, **later.diff},
        forced_by=earlier.forced_by or later.forced_by,
    )


def _locations(state: Json, tree: Path) -> Iterator[SourceLocation]:
    """Yield the line that declares a resource and the line in `__main__`, from the engine's stack trace."""
    frames: list[tuple[str, int]] = []
    for frame in state.get("stackTrace") or ():
        position = unquote(frame.get("sourcePosition") or "").removeprefix("project://")
        path, _, line_and_column = position.partition("#")
        line = line_and_column.partition(",")[0]
        if (file := _file_in_tree(path, tree)) and _is_line(line, file, tree):
            frames.append((file, int(line)))
    if not frames:
        return
    innermost, *others = frames
    yield SourceLocation(*innermost, DECLARES)
    main_frames = [frame for frame in others if frame[0].endswith("__main__.py") and frame != innermost]
    if main_frames:
        yield SourceLocation(*main_frames[-1], COMPOSES)


@cache
def _file_in_tree(path: str, tree: Path) -> str:
    """Return the file in the tree to which a path belongs, or an empty string if the tree has no such file.

    Paths are relative to the folder in which the engine ran, so the longest ending of the path that names a
    file of the tree is returned.
    """
    parts = [part for part in path.split("/") if part not in ("", "..")]
    if "site-packages" in parts or "sandbox" in parts:
        return ""
    for start in range(len(parts)):
        ending = "/".join(parts[start:])
        if (tree / ending).is_file():
            return ending
    return ""


def _is_line(number: str, file: str, tree: Path) -> bool:
    """Return True if the text is the number of a line of a file; the program may send any text."""
    return number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= _count_lines(file, tree)


@cache
def _count_lines(file: str, tree: Path) -> int:
    return len(read_text(tree / file, follow_links=True).splitlines())


def read(file: Path) -> Any:
    """Return a `--json` plan as an object, or an event log or a ledger as a list of objects.

    An event log and a ledger have one object per line. The result is None if the file is missing or invalid.
    """
    text = read_text(file).strip() if os.path.lexists(file) else ""
    rows = (line for line in text.splitlines() if line.strip() and NOT_APPLICABLE not in line)
    for document in (text, f"[{','.join(rows)}]"):
        with suppress(ValueError):
            content = json.loads(document)
            # The file is an event log or a ledger with a single row.
            return [content] if is_map(content) and {"sequence", "run"} & content.keys() else content
    return None


@dataclass
class Stack:
    """A stack with its runs in the base and the head; a run is None if that side does not have the stack.

    `trouble` is the reason why the report on the stack is incomplete, or an empty string. `packs` are the
    policy packs of base and head on the head's resources, or None without verdicts of the head's pack. If
    that pack failed, `guard_error` has the reason.
    """

    name: str
    head: EngineRun | None = None
    base: EngineRun | None = None
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""
    packs: Packs | None = None
    guard_error: str = ""

    def __post_init__(self) -> None:
        self.base_failed = bool(self.base and self.base.errors)
        self.steps = self.head.steps if self.head else {}
        steps = self.steps.values()
        self.resources = {urn: step.resource for urn, step in self.steps.items()}
        old_resources = [step.old for step in steps if step.old and not self.base_failed]
        self.old = {resource.key: resource for resource in old_resources}
        self.new = {step.resource.key: step.resource for step in steps if step.op != "delete"}
        self.changed = [step for step in steps if self._is_change(step)]
        self._dependents: dict[str, set[str]] = {}
        # The head has no dependencies on deleted resources, so the base's dependencies count as well.
        for resource in (*old_resources, *self.resources.values()):
            for dependency in resource.dependencies:
                self._dependents.setdefault(dependency, set()).add(resource.urn)

    @property
    def project(self) -> str:
        """The name of the stack's project, as in the URNs; empty if the head's run has no resource."""
        return next((urn.split("::")[1] for urn in self.steps), "")

    def _is_change(self, step: Step) -> bool:
        """Return True for a change of a resource that is not the engine's own, unless the base failed."""
        own = not step.resource.type.startswith("pulumi:")
        return own and step.op in OPERATIONS and not self.base_failed

    def component_of(self, urn: str) -> str:
        """Return the name of the outermost component of a resource, or `(stack)` if it is in none."""
        resource = self.resources.get(urn)
        if resource is None or resource.type == STACK_TYPE:
            return "(stack)"
        outer = self.component_of(resource.parent)
        return resource.name if resource.is_component and outer == "(stack)" else outer

    def dependents(self, urn: str) -> Iterable[Resource]:
        """Return the resources that depend on a resource, directly or indirectly."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = self._dependents.get(waiting.pop(), set()) - seen
            seen |= more
            waiting += more
        return (self.resources[dependent] for dependent in seen - {urn})

    def deleted_component(self, step: Step) -> Resource | None:
        """Return the parent of the step's resource if it is a component that is deleted, too; else None."""
        parent = self.steps.get(step.resource.parent)
        return parent.resource if parent and parent.op == "delete" and parent.resource.is_component else None

    def value_sources(self, step: Step, path: str) -> list[Step]:
        """Return the steps of the changed resources from which a property's value comes, replacements first.

        The engine names candidates for a whole property. The candidates with the strongest match to the old
        value are returned. If no candidate matches, the result is empty, unless the new value is not known
        yet: then it has all candidates that are created, replaced or deleted.
        """
        name = path.partition(".")[0].partition("[")[0]
        urns = sorted(step.resource.property_dependencies.get(name, ()))
        candidates = [self.steps[urn] for urn in urns if urn in self.steps]
        candidates = [candidate for candidate in candidates if candidate.op in OPERATIONS]
        candidates.sort(key=lambda candidate: candidate.op != "replace")
        old, new = _text_at(step.old, path), _text_at(step.new, path)
        strengths = [
            candidate.old.match_strength(old) if candidate.old else NO_MATCH for candidate in candidates
        ]
        strongest = max(strengths, default=NO_MATCH)
        if strongest > NO_MATCH:
            return [
                candidate
                for candidate, strength in zip(candidates, strengths, strict=True)
                if strength == strongest
            ]
        return [candidate for candidate in candidates if candidate.op != "update"] if LATER in new else []


def _text_at(resource: Resource | None, path: str) -> str:
    return as_text(value_at(resource.inputs, path)) or "" if resource else ""

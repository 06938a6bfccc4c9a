"""What the engine did with a stack: from its `--json` plan, its event log, its state, the pack's ledger."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from review.masks import is_map, shown
from review.model import Place

Json = dict[str, Any]
ROOT = "pulumi:pulumi:Stack"
OPS = {"create-replacement": "replace", "delete-replaced": "replace", "import": "create", "discard": "delete"}
WORDLESS = ("preview failed", "update failed", "context canceled")
"""Errors that say nothing more than that there was one."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")
"""A terminal's, and the engine's own tags."""


FRAME = re.compile(r'^ *File "([^"]*)", line \d+.*\n(?:^ {4,}(?!File ).*\n)*', re.MULTILINE)
"""A frame of a Python traceback."""


@dataclass(frozen=True)
class Resource:
    """A resource as one side has it; `state` is what the engine says of it."""

    state: Json
    places: tuple[Place, ...] = ()

    @cached_property
    def urn(self) -> str:
        return self.state["urn"]

    @cached_property
    def type(self) -> str:
        return self.state["type"]

    @cached_property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @cached_property
    def inputs(self) -> Json:
        """As people may see them."""
        return shown(_map(self.state.get("inputs")))

    @cached_property
    def dependencies(self) -> list[str]:
        return sorted(self.state.get("dependencies") or ())

    @cached_property
    def sources(self) -> Mapping[str, list[str]]:
        """The URNs that a property's value comes from."""
        return _map(self.state.get("propertyDependencies"))

    @property
    def component(self) -> bool:
        return not self.state.get("custom")


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
        found = self.new or self.old
        assert found is not None
        return found


@dataclass(frozen=True)
class Verdict:
    """What a policy said."""

    policy: str
    urn: str
    level: str
    severity: str
    message: str


@dataclass
class Observed:
    """One run of the engine on a stack: steps by URN, unchanged ones too."""

    stack: str
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    errors: list[str] = field(default_factory=list[str])

    def add_plan(self, plan: Json, tree: Path) -> None:
        """The engine's `--json`: positions, dependencies, values; no policies."""
        for step in plan.get("steps") or ():
            diff = {path: str(each["kind"]) for path, each in _map(step.get("detailedDiff")).items()}
            self._add(
                step["op"], step.get("oldState"), step.get("newState"), diff, step.get("replaceReasons"), tree
            )
        self._errors(plan.get("diagnostics") or (), tree)

    def add_events(self, events: Iterable[Json], tree: Path) -> None:
        """The event log: policies and errors, and, where there was no plan, the steps."""
        planned = bool(self.steps)
        for event in events:
            if found := event.get("policyEvent"):
                names = ("policyName", "resourceUrn", "enforcementLevel", "severity", "message")
                self.verdicts.append(Verdict(*(str(found.get(name, "")).strip() for name in names)))
            elif found := event.get("diagnosticEvent"):
                self._errors([found], tree)
            elif not planned and (found := _map(event.get("resourcePreEvent")).get("metadata")):
                diff = {path: str(each["diffKind"]) for path, each in _map(found.get("detailedDiff")).items()}
                self._add(found["op"], found.get("old"), found.get("new"), diff, found.get("keys"), tree)

    def add_ledger(self, rows: Iterable[Json]) -> None:
        """The policy pack's ledger: what could not be checked."""
        for row in rows:
            if row.get("verdict") == "unknown" and row["policy"] != "policy-value-unknown":
                self.verdicts.append(Verdict(row["policy"], row["urn"], "unknown", "", row["detail"]))

    def _add(
        self, op: str, old: Json | None, new: Json | None, diff: Mapping[str, str], forced: Any, tree: Path
    ) -> None:
        before_it, after_it = (_resource(each, tree) for each in (old, new))
        step = Step(OPS.get(op, op), before_it, after_it, diff, tuple(sorted(forced or ())))
        before = self.steps.get(step.resource.urn)
        if before and before.op == step.op == "replace":  # the parts of one replacement: each knows something
            step = Step("replace", before.old or step.old, before.new or step.new, {**before.diff, **diff},
                        before.forced_by or step.forced_by)  # fmt: skip
        if not before or step.op != "same":
            self.steps[step.resource.urn] = step

    def _errors(self, diagnostics: Iterable[Json], tree: Path) -> None:
        for each in diagnostics:
            text = COLOURS.sub("", each["message"]).strip().removeprefix("error: ").strip()
            # Of a traceback only what is the program's own, as people know its files.
            text = FRAME.sub(lambda frame: frame[0] if frame[1].startswith(f"{tree}/") else "", text)
            text = text.replace(f"{tree}/", "").removeprefix("python inline source runtime error: ")
            name = str(each.get("urn") or ROOT).rpartition("::")[2]
            if name != ROOT and ROOT not in each["urn"]:
                text = f"{name}: {text.removeprefix(f'{name}: ')}"
            if each.get("severity") == "error" and text not in (*self.errors, *WORDLESS):
                self.errors.append(text)


def _map(value: Any) -> Json:
    """An object, also where the engine leaves it out or writes null."""
    return value or {}


def from_state(resources: Iterable[Json], tree: Path) -> dict[str, Resource]:
    """The resources of a checkpoint by URN."""
    found = (_resource(each, tree) for each in resources)
    return {each.urn: each for each in found if each}


def _resource(state: Json | None, tree: Path) -> Resource | None:
    return Resource(state, places(state.get("stackTrace") or (), tree)) if state else None


def read_file(text: str) -> Json | list[Json]:
    """A `--json` plan (one object), or an event log or ledger (an object a line)."""
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [found] if is_map(found) and {"sequence", "run"} & found.keys() else found


def places(frames: Iterable[Json], tree: Path) -> tuple[Place, ...]:
    """The line that declares a resource, and that of `__main__`, out of the engine's stack trace."""
    found: list[tuple[str, int]] = []
    for frame in frames:
        path, _, line = unquote(frame.get("sourcePosition") or "").removeprefix("project://").partition("#")
        if file := _inside(path, tree):
            found.append((file, int(line.partition(",")[0])))
    main = next((each for each in reversed(found) if each[0].endswith("__main__.py")), None)
    first = [Place(*found[0], "declares")] if found else []
    return (*first, *([Place(*main, "composes")] if main and main != found[0] else []))


@cache
def _inside(path: str, tree: Path) -> str:
    """A position's file in the tree, found by the end of its path: it is relative to where the engine ran."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    if {"site-packages", "sandbox"} & {*parts}:
        return ""
    return next((end for end in ends if (tree / end).is_file()), "")

"""What the engine did with a stack: from its `--json` plan, its event log, its state, the pack's ledger."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from review.masks import is_map, shown
from review.model import UNKNOWN, Place

Json = dict[str, Any]
ROOT = "pulumi:pulumi:Stack"
STEPS = {"create-replacement": "replace", "delete-replaced": "replace",
         "import": "create", "discard": "delete"}  # fmt: skip
# Errors that say nothing more than that there was one.
WORDLESS = ("preview failed", "update failed", "context canceled")
# The policy that counts what a preview cannot know; the ledger says which, where there is one.
UNCHECKED = "policy-value-unknown"
NOTHING = '"verdict": "not applicable"'  # in most rows of a ledger
COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")  # A terminal's, and the engine's own tags
# A frame of a Python traceback.
FRAME = re.compile(r'^ *File "([^"]*)", line \d+.*\n(?:^ {4,}(?!File ).*\n)*', re.MULTILINE)


class Resource:
    """A resource as one side has it; `state` is what the engine says of it."""

    def __init__(self, state: Json, places: Sequence[Place] = ()) -> None:
        self.state, self.places = state, list(places)
        self.urn, self.type = str(state["urn"]), str(state["type"])
        self.name = self.urn.rpartition("::")[2]
        self.key = self.type, self.name
        self.component = not state.get("custom")
        self.dependencies: list[str] = sorted(state.get("dependencies") or ())
        self.sources: Mapping[str, list[str]] = state.get("propertyDependencies") or {}

    @cached_property
    def inputs(self) -> Json:
        """As people may see them."""
        return shown(self.state.get("inputs") or {})

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
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def places(self) -> list[Place]:
        """Where it is declared; what is deleted was declared in the base."""
        gone = self.op == "delete"
        return [replace(each, what="of the base") if gone else each for each in self.resource.places]


class Verdict(NamedTuple):
    """What a policy said of a resource."""

    policy: str
    urn: str
    level: str
    severity: str
    message: str


@dataclass
class Observed:
    """One run of the engine on a stack: steps by URN, unchanged ones too. `tree` has the program's files."""

    stack: str
    tree: Path
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    errors: list[str] = field(default_factory=list[str])

    def add(self, content: Any) -> None:
        """Take in a `--json` plan, which alone has the steps, or the rows of an event log or a ledger."""
        if is_map(content):
            for each in content.get("steps") or ():
                self._step(each)
            self._errors(content.get("diagnostics") or ())
            return
        for row in content:
            if found := row.get("policyEvent"):
                names = ("policyName", "resourceUrn", "enforcementLevel", "severity", "message")
                self.verdicts.append(Verdict(*(str(found.get(name, "")).strip() for name in names)))
            elif row.get("verdict") == UNKNOWN and row["policy"] != UNCHECKED and row["detail"]:
                self.verdicts.append(Verdict(row["policy"], row["urn"], UNKNOWN, "", row["detail"]))
            elif found := row.get("diagnosticEvent"):
                self._errors([found])

    def _step(self, said: Json) -> None:
        kinds: Json = said.get("detailedDiff") or {}
        diff = {path: str(each["kind"]) for path, each in kinds.items()}
        states: list[Json | None] = [said.get("oldState"), said.get("newState")]
        old, new = (resource(state, self.tree) if state else None for state in states)
        op = STEPS.get(said["op"]) or str(said["op"])
        step = Step(op, old, new, diff, tuple(sorted(said.get("replaceReasons") or ())))
        before = self.steps.get(step.resource.urn)
        if before and before.op == step.op == "replace":  # the parts of one replacement: each knows something
            forced = before.forced_by or step.forced_by
            step = Step(op, before.old or old, before.new or new, {**before.diff, **diff}, forced)
        if not before or step.op != "same":
            self.steps[step.resource.urn] = step

    def _errors(self, diagnostics: Iterable[Json]) -> None:
        for each in diagnostics:
            text = COLOURS.sub("", each["message"]).strip().removeprefix("error: ").strip()
            # Of a traceback only what is the program's own, as people know its files.
            text = FRAME.sub(lambda frame: frame[0] if frame[1].startswith(f"{self.tree}/") else "", text)
            text = text.replace(f"{self.tree}/", "").removeprefix("python inline source runtime error: ")
            urn = str(each.get("urn") or ROOT)
            if ROOT not in urn:
                name = urn.rpartition("::")[2]
                text = f"{name}: {text.removeprefix(f'{name}: ')}"
            if each.get("severity") == "error" and text not in (*self.errors, *WORDLESS):
                self.errors.append(text)


def resource(state: Json, tree: Path) -> Resource:
    """A resource with the line that declares it, and that of `__main__`, out of the engine's stack trace."""
    found: list[tuple[str, int]] = []
    for frame in state.get("stackTrace") or ():
        path, _, line = unquote(frame.get("sourcePosition") or "").removeprefix("project://").partition("#")
        if file := _inside(path, tree):
            found.append((file, int(line.partition(",")[0])))
    mains = [each for each in found[1:] if each[0].endswith("__main__.py")]
    places = [Place(*each, "declares") for each in found[:1]]
    return Resource(state, places + [Place(*each, "composes") for each in mains[-1:] if each != found[0]])


@cache
def _inside(path: str, tree: Path) -> str:
    """A position's file in the tree, found by the end of its path: it is relative to where the engine ran."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    if {"site-packages", "sandbox"} & {*parts}:
        return ""
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if (tree / end).is_file()), "")


def read(text: str) -> Any:
    """A `--json` plan (one object), or an event log or ledger (a list of objects, one a line)."""
    try:
        found = json.loads(text)
    except ValueError:
        lines = (line for line in text.splitlines() if line.strip() and NOTHING not in line)
        return [json.loads(line) for line in lines]
    return [found] if is_map(found) and {"sequence", "run"} & found.keys() else found

"""What the engine did with a stack: from its `--json` plan, its event log, its state, the pack's ledger."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from review.masks import is_map
from review.model import UNKNOWN, Place
from sandbox.summary import WORDLESS, Phase, masked

Json = dict[str, Any]
ROOT = "pulumi:pulumi:Stack"
STEPS = {"create-replacement": "replace", "delete-replaced": "replace",
         "import": "create", "discard": "delete"}  # fmt: skip
# The policy that counts what a preview cannot know; the ledger says which, where there is one.
UNCHECKED = "policy-value-unknown"
NOTHING = '"verdict": "not applicable"'  # in most rows of a ledger
COLOURS = re.compile(r"\x1b\[[0-9;]*m|<\{%.*?%\}>")  # A terminal's, and the engine's own tags
# A frame of a Python traceback.
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

    @property
    def places(self) -> list[Place]:
        """Where it is declared; what is deleted was declared in the base."""
        gone = self.op == "delete"
        return [replace(each, what="of the base") if gone else each for each in self.resource.places]


@dataclass
class Observed:
    """One run of the engine on a stack: steps by URN, unchanged ones too. `tree` has the program's files."""

    stack: str
    tree: Path
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    said: Phase = field(default_factory=lambda: Phase(preview=True))

    def add(self, content: Any) -> None:
        """Take in a `--json` plan, which alone has the steps, or the rows of an event log or a ledger."""
        rows: list[Json] = [] if is_map(content) else content
        if is_map(content):
            rows += [{"diagnosticEvent": each} for each in content.get("diagnostics") or ()]
            for each in content.get("steps") or ():
                self._step(each)
        for row in rows:
            if row.get("verdict") == UNKNOWN and row["policy"] != UNCHECKED and row["detail"]:
                self.said.violations.append(
                    {**row, "level": UNKNOWN, "severity": "", "message": row["detail"]}
                )
            elif {"policyEvent", "diagnosticEvent"} & row.keys():
                self.said.record(row)

    @property
    def errors(self) -> list[str]:
        """Each error once, and of a traceback only what is the program's own, as people know its files."""
        return [each for each in dict.fromkeys(map(self._clean, self.said.errors)) if each not in WORDLESS]

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


def read(text: str) -> Any:
    """A `--json` plan (one object), or an event log or ledger (a list of objects, one a line)."""
    try:
        found = json.loads(text)
    except ValueError:
        lines = (line for line in text.splitlines() if line.strip() and NOTHING not in line)
        return [json.loads(line) for line in lines]
    return [found] if is_map(found) and {"sequence", "run"} & found.keys() else found

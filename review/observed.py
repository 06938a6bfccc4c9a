"""What the engine did with a stack: read from its `--json` plan, its event log, or its state."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from review.masks import plain_text
from review.model import Place

Json = dict[str, Any]
ROOT = "pulumi:pulumi:Stack"
OPS = {
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "discard-replaced": "replace",
    "import-replacement": "replace",
    "import": "create",
    "discard": "delete",
    "remove-pending-replace": "delete",
}
WORDLESS = ("preview failed", "update failed", "context canceled")
"""Errors that say nothing more than that there was one."""


@dataclass(frozen=True)
class Resource:
    """A resource as one side has it."""

    urn: str
    type: str
    inputs: Json
    outputs: Json = field(default_factory=dict[str, Any])
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    by_property: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The URNs that a property's value came from."""
    places: tuple[Place, ...] = ()
    protected: bool = False
    retained: bool = False
    """Kept by its provider when Pulumi deletes it."""
    component: bool = False

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass
class Step:
    """What is to be done with a resource."""

    op: str
    old: Resource | None
    new: Resource | None
    diff: Mapping[str, str] = field(default_factory=dict[str, str])
    """Kind by property path: add, update, delete, each also with `-replace`."""
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
    """One run of the engine on a stack."""

    stack: str
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    """By URN; unchanged resources too."""
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    unknown: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Policy, URN and which values are unknown."""
    errors: list[str] = field(default_factory=list[str])


def from_plan(stack: str, plan: Json, tree: Path | None) -> Observed:
    """The engine's `--json`: positions, dependencies, values; no policies."""
    seen = Observed(stack)
    for step in cast(list[Json], plan.get("steps") or []):
        diff = {path: str(each["kind"]) for path, each in (step.get("detailedDiff") or {}).items()}
        old, new = (_resource(step.get(side), tree) for side in ("oldState", "newState"))
        _add(seen, str(step["op"]), old, new, diff, step.get("replaceReasons") or ())
    _errors(seen, cast(list[Json], plan.get("diagnostics") or []))
    return seen


def add_events(seen: Observed, events: Iterable[Json]) -> None:
    """The event log: policies and errors, and, where there was no plan, the steps."""
    planned = bool(seen.steps)
    for event in events:
        if found := event.get("policyEvent"):
            seen.verdicts.append(
                Verdict(
                    found["policyName"],
                    found.get("resourceUrn", ""),
                    found["enforcementLevel"],
                    found.get("severity", ""),
                    found["message"].strip(),
                )
            )
        elif found := event.get("diagnosticEvent"):
            _errors(seen, [found])
        elif not planned and (found := event.get("resourcePreEvent")):
            data = found["metadata"]
            diff = {path: str(each["diffKind"]) for path, each in (data.get("detailedDiff") or {}).items()}
            _add(
                seen,
                data["op"],
                _resource(data.get("old")),
                _resource(data.get("new")),
                diff,
                data.get("keys") or (),
            )


def add_ledger(seen: Observed, rows: Iterable[Json]) -> None:
    """The policy pack's ledger: what could not be checked."""
    seen.unknown += [
        (row["policy"], row["urn"], row["detail"])
        for row in rows
        if row.get("verdict") == "unknown" and row["policy"] != "policy-value-unknown"
    ]


def from_state(resources: Iterable[Json], tree: Path | None) -> dict[str, Resource]:
    """The resources of a checkpoint by URN."""
    found = (_resource(each, tree) for each in resources if not each.get("delete"))
    return {each.urn: each for each in found if each}


def stack_of(urn: str) -> str:
    return urn.split(":")[2] if urn.startswith("urn:pulumi:") else ""


def read_file(text: str) -> Json | list[Json]:
    """A `--json` plan (one object) or an event log (an object a line)."""
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [found] if "sequence" in found else found


def _add(
    seen: Observed,
    op: str,
    old: Resource | None,
    new: Resource | None,
    diff: Mapping[str, str],
    forced: Iterable[str],
) -> None:
    step = Step(OPS.get(op, op), old, new, diff, tuple(sorted(forced)))
    urn = step.resource.urn
    before = seen.steps.get(urn)
    if before and before.op == "replace" == step.op:
        # The parts of one replacement: each knows something.
        step = Step(
            step.op,
            before.old or old,
            before.new or new,
            {**before.diff, **diff},
            before.forced_by or step.forced_by,
        )
    if not (before and before.op != "same" and step.op == "same"):
        seen.steps[urn] = step


def _resource(state: Json | None, tree: Path | None = None) -> Resource | None:
    if not state:
        return None
    return Resource(
        urn=state["urn"],
        type=state["type"],
        inputs=state.get("inputs") or {},
        outputs=state.get("outputs") or {},
        parent=state.get("parent") or "",
        dependencies=tuple(sorted(state.get("dependencies") or ())),
        by_property=state.get("propertyDependencies") or {},
        places=places(state.get("stackTrace") or (), tree),
        protected=bool(state.get("protect")),
        retained=bool(state.get("retainOnDelete")),
        component=not state.get("custom"),
    )


def places(frames: Iterable[Json], tree: Path | None) -> tuple[Place, ...]:
    """The line that declares the resource, and that of `__main__`, out of the engine's stack trace.

    A position is relative to the folder the engine ran in, so a file is found by the end of its path.
    """
    lines: list[tuple[str, int]] = []
    for frame in frames:
        path, _, line = unquote(frame.get("sourcePosition") or "").removeprefix("project://").partition("#")
        file = _inside(path, tree)
        if file:
            lines.append((file, int(line.partition(",")[0] or 1)))
    if not lines:
        return ()
    first = Place(*lines[0], "declares")
    main = next(
        (Place(*each, "composes") for each in reversed(lines) if each[0].endswith("__main__.py")), None
    )
    return (first, main) if main and main != Place(first.file, first.line, "composes") else (first,)


def _inside(path: str, tree: Path | None) -> str:
    parts = [part for part in path.split("/") if part not in ("", "..", ".")]
    if "site-packages" in parts or not parts or "sandbox" in parts or "runpy>" in path:
        return ""
    if tree is None:
        return "/".join(parts) if ".." not in path.split("/") else ""
    for start in range(len(parts)):
        if (tree / Path(*parts[start:])).is_file() and parts[start] != "python":
            return "/".join(parts[start:])
    return ""


def _errors(seen: Observed, diagnostics: Iterable[Json]) -> None:
    for each in diagnostics:
        if each.get("severity") != "error":
            continue
        text = plain_text(each["message"]).strip().removeprefix("error: ").strip()
        name = str(each.get("urn", "")).rpartition("::")[2]
        if name and "pulumi:pulumi:Stack" not in each["urn"]:
            text = f"{name}: {text.removeprefix(f'{name}: ')}"
        if text not in seen.errors and text not in WORDLESS:
            seen.errors.append(text)

"""What an operation did: recorded from the engine's events, told on the terminal, kept as summary.json."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import jinja2

from sandbox.progress import Progress, name_of, short
from sandbox.wire.sentinels import SIGNATURE, UNKNOWNS
from sandbox.workspace import write_atomically

MASK, LATER = "[secret]", "[known after up]"

WORDLESS = ("preview failed", "update failed", "refresh failed", "destroy failed", "context canceled")
"""Errors that say nothing more than that there was one."""

TEXT = Path(__file__).with_name("summary.j2")

Row = dict[str, str]

WAIVED = re.compile(r"^waived (until [^:\n]+):", re.MULTILINE)
"""In the message of a violation that policies/waivers.yaml waives."""

# What is kept of a policy's event besides its message, and its name there.
NAMES = {"policy": "policyName", "level": "enforcementLevel", "severity": "severity", "urn": "resourceUrn"}

REPLACING = ("create-replacement", "delete-replaced", "replace")


@dataclass
class Phase:
    """What one run through the program said and did."""

    preview: bool
    resources: dict[str, Row] = field(default_factory=dict[str, Row])  # by URN
    components: set[str] = field(default_factory=set[str])  # URNs of the resources that only hold others
    violations: list[Row] = field(default_factory=list[Row])
    changes: dict[str, int] = field(default_factory=dict[str, int])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    errors: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def record(self, event: dict[str, Any]) -> None:
        """Take in one of the engine's events."""
        match event:
            case {"resOutputsEvent": {"metadata": found}}:
                self._resource(found, found["op"])
            case {"resOpFailedEvent": {"metadata": found}}:
                self._resource(found, "failed")
            case {"policyEvent": found}:
                violation = {key: found.get(name, "").strip() for key, name in NAMES.items()}
                violation["message"] = found["message"].strip()
                if violation not in self.violations:
                    self.violations.append(violation)
            case {"diagnosticEvent": {"severity": "error" | "warning" as severity, "message": said, **rest}}:
                urn, message = rest.get("urn", ""), said.strip()
                text = f"{name_of(urn)}: {message}" if urn and "pulumi:pulumi:Stack" not in urn else message
                kept = self.errors if severity == "error" else self.warnings
                if text not in kept and text not in WORDLESS:
                    kept.append(text)
            case {"summaryEvent": {"resourceChanges": changes}}:
                self.changes = {op: count for op, count in changes.items() if count}
            case _:
                pass

    @property
    def mandatory(self) -> list[Row]:
        return [violation for violation in self.violations if violation["level"] == "mandatory"]

    def in_short(self) -> str:
        levels = Counter(violation["level"] for violation in self.violations)
        what = "preview" if self.preview else "done"
        return f"{what}: {counts(self.changes)}; violations: {counts(levels)}"

    def _resource(self, metadata: dict[str, Any], op: str) -> None:
        state = cast(dict[str, Any], metadata["new"] or metadata["old"])
        urn, typ = metadata["urn"], metadata["type"]
        told = "replace" if op in REPLACING else op
        self.resources[urn] = {"urn": urn, "type": typ, "parent": state["parent"], "op": told}
        if not state.get("custom"):
            self.components.add(urn)
        if typ == "pulumi:pulumi:Stack" and op != "delete":
            self.outputs = {key: masked(value) for key, value in sorted(state["outputs"].items())}


def masked(value: Any) -> Any:
    """A value as people may see it: without what the engine marks as secret or unknown."""
    if isinstance(value, dict):
        found = cast(dict[str, Any], value)
        return MASK if SIGNATURE in found else {key: masked(item) for key, item in found.items()}
    if isinstance(value, list):
        return [masked(item) for item in cast(list[Any], value)]
    return re.sub("|".join(UNKNOWNS), LATER, value) if isinstance(value, str) else value


def write(file: Path, stack: str, operation: str, phase: Phase, seconds: float) -> None:
    """summary.json, for other programs."""
    parts = ("changes", "outputs", "violations", "errors")
    told = {"resources": [phase.resources[urn] for urn in sorted(phase.resources)]}
    told |= {part: getattr(phase, part) for part in parts}
    summary = {"stack": stack, "operation": operation, **told, "seconds": round(seconds, 1)}
    write_atomically(file, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


def tell(phase: Phase, progress: Progress, **told: Any) -> None:
    """The same for people, and what to do next."""
    total, components = _by_component(phase)
    changed = {op: count for op, count in phase.changes.items() if op != "same"}
    words = {"phase": phase, "total": total, "components": components, "changed": changed}
    words |= {"paint": progress.paint, "waiver": WAIVED.search, "name_of": name_of, "short": short}
    words |= {"counts": counts, "json": partial(json.dumps, ensure_ascii=False), "seconds": progress.seconds}
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(TEXT.read_text())
    progress.say(template.render(**words, **told)[1:])


def _by_component(phase: Phase) -> tuple[dict[str, int], list[tuple[int, str, str, dict[str, int]]]]:
    """How many resources had which operation: all, and below each component, by depth, name and type."""
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    types: dict[tuple[str, ...], str] = {}
    for urn, resource in phase.resources.items():
        path = _path(phase, urn)
        if urn in phase.components:
            types[path] = resource["type"]
        elif not resource["type"].startswith("pulumi:providers:"):
            for depth in range(len(path)):
                found[path[:depth]][resource["op"]] += 1
    below = [path for path in sorted(types) if len(path) > 1]  # the stack itself
    return found[()], [(len(path) - 1, path[-1], types[path], found[path]) for path in below]


def _path(phase: Phase, urn: str) -> tuple[str, ...]:
    """The names from the stack down to a resource."""
    parent = phase.resources[urn]["parent"]
    return (*(_path(phase, parent) if parent in phase.resources else ()), name_of(urn))


def counts(ops: dict[str, int]) -> str:
    """Operations, or levels, in words."""
    return ", ".join(f"{count} {op}" for op, count in sorted(ops.items())) or "none"

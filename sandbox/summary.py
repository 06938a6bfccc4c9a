"""The summary of an operation, recorded from events, printed on the terminal and written to summary.json."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import jinja2

from sandbox.differences import Difference, compare
from sandbox.progress import Progress, is_root, name_of, short
from sandbox.wire.sentinels import ASSETS, RESOURCE, SIGNATURE, UNKNOWN, UNKNOWNS
from sandbox.workspace.files import write_atomically

MASK, LATER = "[secret]", "[known after up]"

ASSET_KINDS = ("asset", "archive")
"""The names of the kinds in ASSETS."""

UNINFORMATIVE_ERRORS = (
    "preview failed",
    "update failed",
    "refresh failed",
    "destroy failed",
    "context canceled",
)
"""Error messages of the engine that only report that an operation failed."""

PROGRAM_FAILED = "the program under review has failed"
"""Error of a program in another process. The program's own message is better, but it may be missing."""

TEMPLATE = Path(__file__).with_name("summary.j2")

Row = dict[str, str]

WAIVED = re.compile(
    r"(?:(?P<description>.*)\n(?:(?P=description)\n)*)?(?P<line>waived (?P<until>until [^:\n]+):.*)\n?"
)
"""The pattern of the start of a waived violation's message (policies/waivers.yaml): the rule's description,
then the waiver's line. A line further below is text of the program. In a recording of the engine's calls, the
description stands twice."""

POLICY_FIELDS = {
    "policy": "policyName",
    "level": "enforcementLevel",
    "severity": "severity",
    "urn": "resourceUrn",
}
"""The member of a policy event for each key in summary.json. The message is copied separately."""

REMOVED = "remove-pending-replace"
"""The engine's operation for a resource that it has deleted because another one is replaced, and that the
program does not declare any more. There is no operation `delete` then. Only the event logs contain this one,
and the engine does not count it (pulumi/pulumi, pkg/resource/deploy/step_generator.go: GenerateDeletes, and
pkg/engine/update.go: isInternalStep).
"""

OPERATIONS = {"create-replacement": "replace", "delete-replaced": "replace", REMOVED: "delete"}
"""The summary's names for operations of the engine that have another name there."""

DIFFERING = ("update", "replace", "delete")
"""Operations whose differences a preview shows."""


@dataclass
class Phase:
    """The events of one evaluation of the program. `show` returns an output of the stack without secrets."""

    preview: bool
    show: Callable[[Any], Any] = field(default_factory=lambda: masked)
    resources: dict[str, Row] = field(default_factory=dict[str, Row])  # by URN
    components: set[str] = field(default_factory=set[str])  # URNs of the component resources
    removed: set[str] = field(default_factory=set[str])  # URNs of the resources with the operation REMOVED
    violations: list[Row] = field(default_factory=list[Row])
    changes: dict[str, int] = field(default_factory=dict[str, int])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    former_outputs: dict[str, Any] = field(default_factory=dict[str, Any])  # those in the state before
    errors: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    differences: dict[str, Difference] = field(default_factory=dict[str, Difference])  # by URN

    def record(self, event: dict[str, Any]) -> None:
        """Add one of the engine's events."""
        match event:
            case {"resOutputsEvent": {"metadata": metadata}}:
                self._resource(metadata, metadata["op"])
            case {"resOpFailedEvent": {"metadata": metadata}}:
                self._resource(metadata, "failed")
            case {"policyEvent": policy_event}:
                # White space at the end of a URN is a part of the name, and tells it from another resource's.
                violation = {key: policy_event.get(name, "") for key, name in POLICY_FIELDS.items()}
                violation["message"] = policy_event["message"].strip()
                if violation not in self.violations:
                    self.violations.append(violation)
            case {"diagnosticEvent": {"severity": "error" | "warning" as severity, "message": text, **rest}}:
                urn, message = rest.get("urn", ""), text.strip()
                if urn and not is_root(urn):
                    message = f"{name_of(urn)}: {message}"
                messages = self.errors if severity == "error" else self.warnings
                if message not in messages and message not in UNINFORMATIVE_ERRORS:
                    messages.append(message)
            case {"summaryEvent": {"resourceChanges": changes}}:
                counted = changes | {"delete": changes.get("delete", 0) + len(self.removed)}
                self.changes = {op: count for op, count in counted.items() if count}
            case _:
                pass

    @property
    def losses(self) -> dict[str, str]:
        """The loss of data by each resource that would be replaced or deleted, by the resource's URN."""
        return {urn: change.loss for urn, change in self.differences.items() if change.loss}

    @property
    def mandatory(self) -> list[Row]:
        """The violations of mandatory rules, which stop an `up`."""
        return [violation for violation in self.violations if violation["level"] == "mandatory"]

    def describe(self) -> str:
        """Return the numbers of changes and violations in one line."""
        levels = Counter(violation["level"] for violation in self.violations)
        phase = "preview" if self.preview else "done"
        return f"{phase}: {counts(self.changes)}; violations: {counts(levels)}"

    def _resource(self, metadata: dict[str, Any], op: str) -> None:
        state = cast(dict[str, Any], metadata["new"] or metadata["old"])
        urn, typ = metadata["urn"], metadata["type"]
        self.resources[urn] = {
            "urn": urn,
            "type": typ,
            "parent": state["parent"],
            "op": OPERATIONS.get(op, op),
        }
        if op == REMOVED:
            self.removed.add(urn)
        if not state.get("custom"):
            self.components.add(urn)
        operation = self.resources[urn]["op"]
        # In a replacement, the event of the new resource and that of the deleted one have only one side each.
        if self.preview and operation in DIFFERING and op != "delete-replaced" and not _is_engines_own(typ):
            sides = (cast(dict[str, Any], metadata[side] or {}) for side in ("old", "new"))
            old, new = (cast(dict[str, Any], side.get("inputs") or {}) for side in sides)
            self.differences[urn] = compare(operation, typ, masked(old), masked(new), LATER)
        if is_root(urn) and op != "delete":
            self.outputs, self.former_outputs = (
                {key: self.show(value) for key, value in sorted((side or {}).get("outputs", {}).items())}
                for side in (state, metadata["old"])
            )


def waiver_match(violation: Row) -> re.Match[str] | None:
    """Return the match of a violation's waiver, or None if the violation is not waived.

    The pack reports waived violations as advisory, so a mandatory violation has no waiver, whatever its text.
    """
    return WAIVED.match(violation["message"]) if violation["level"] == "advisory" else None


def _is_engines_own(resource_type: str) -> bool:
    return resource_type.startswith("pulumi:")


def masked(value: Any, change: Callable[[str], str] = str) -> Any:
    """Return a value in which MASK replaces each secret and LATER each unknown value.

    An asset or an archive becomes its text or its address, with the hash, and with its kind at SIGNATURE,
    which is no key of another object. A reference to a resource becomes what a provider gets of it. `change`
    is applied to every other string. The engine takes a string as unknown only if all of it is the
    placeholder.
    """
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        kind = members.get(SIGNATURE)
        if kind == RESOURCE:
            return masked(_identify(members), change)
        if SIGNATURE in members and kind not in ASSETS:
            return MASK
        shown = {key: masked(item, change) for key, item in members.items()}
        return shown | {SIGNATURE: ASSET_KINDS[ASSETS.index(kind)]} if kind in ASSETS else shown
    if isinstance(value, list):
        return [masked(item, change) for item in cast(list[Any], value)]
    if isinstance(value, str):
        return LATER if value in UNKNOWNS else change(value)
    return value


def _identify(reference: dict[str, Any]) -> str:
    """Return the ID of a resource, which is empty in an event if it is unknown; a component has only a URN.

    (pulumi/pulumi, pkg/resource/plugin/rpc.go: MarshalPropertyValue, and sdk/go/common/resource/
    properties.go: ResourceReference.IDString)
    """
    return (reference["id"] or UNKNOWN) if "id" in reference else reference["urn"]


def write(file: Path, stack: str, operation: str, phase: Phase, seconds: float) -> None:
    """Write summary.json, for other programs."""
    parts = ("changes", "outputs", "violations", "errors")
    summary: dict[str, Any] = {"stack": stack, "operation": operation}
    summary["resources"] = [phase.resources[urn] for urn in sorted(phase.resources)]
    summary |= {part: getattr(phase, part) for part in parts}
    summary |= {"seconds": round(seconds, 1)}
    write_atomically(file, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


def show(phase: Phase, progress: Progress, **context: Any) -> None:
    """Print the summary and the next commands; `context` contains further variables for summary.j2."""
    total, components = _by_component(phase)
    changed = {op: count for op, count in phase.changes.items() if op != "same"}
    variables = {"phase": phase, "total": total, "components": components, "changed": changed}
    variables |= {"paint": progress.paint, "waiver_match": waiver_match, "name_of": name_of, "short": short}
    variables |= {
        "counts": counts,
        "json": partial(json.dumps, ensure_ascii=False),
        "seconds": progress.seconds,
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["name_of"] = name_of
    template = environment.from_string(TEMPLATE.read_text())
    progress.say(template.render(**variables, **context)[1:])


def _by_component(phase: Phase) -> tuple[dict[str, int], list[tuple[int, str, str, dict[str, int]]]]:
    """Return the number of resources by operation, in total and for each component.

    The item of a component contains its depth, name and type, and the numbers of the resources below it.
    """
    operations: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    types: dict[tuple[str, ...], str] = {}
    for urn, resource in phase.resources.items():
        path = _path(phase, urn)
        if urn in phase.components:
            types[path] = resource["type"]
        elif not resource["type"].startswith("pulumi:providers:"):
            for depth in range(len(path)):
                operations[path[:depth]][resource["op"]] += 1
    components = [path for path in sorted(types) if len(path) > 1]  # The stack itself is left out.
    rows: list[tuple[int, str, str, dict[str, int]]] = [
        (len(path) - 1, path[-1], types[path], operations[path]) for path in components
    ]
    return operations[()], rows


def _path(phase: Phase, urn: str) -> tuple[str, ...]:
    """Return the names of a resource's ancestors, from the stack down, and of the resource."""
    parent = phase.resources[urn]["parent"]
    return (*(_path(phase, parent) if parent in phase.resources else ()), name_of(urn))


def counts(ops: dict[str, int]) -> str:
    """Return the counts as a string, such as `3 create, 1 delete`."""
    return ", ".join(f"{count} {op}" for op, count in sorted(ops.items())) or "none"

"""From what the engine did with each stack to the report."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from policies.waivers import Waivers
from review import cost, risks
from review.masks import Masks
from review.model import (
    BASE,
    BASE_TO_HEAD,
    COUNTS,
    FIXED,
    NEW,
    UNKNOWN,
    VIOLATION,
    WAIVED,
    Change,
    Finding,
    Place,
    Report,
    StackReport,
    short,
)
from review.observed import Observed, Resource, Step
from review.policies import Side, findings
from review.properties import properties
from review.settings import StackFile, plain
from review.waivers import DELETED, REPLACED, WEAKER, waive
from review.weaker import Both, differences, weaker

OPS = ("delete", "replace", "update", "create")
SEVERITIES = ("critical", "high", "medium", "low", "")
Merged = TypeVar("Merged", Change, Finding)


@dataclass
class Looked:
    """A stack as it was looked at: `head` is None where there is none, `before` are the base's resources."""

    name: str
    head: Observed | None
    base: Observed | None = None
    before: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def comparable(self) -> bool:
        return not (self.base and self.base.errors)


def build(compares: str, names: tuple[str, str], looked: Sequence[Looked], masks: Masks, waivers: Waivers,
          notes: Iterable[str] = ()) -> Report:  # fmt: skip
    """The report on all stacks; `names` are base and head as people call them."""
    rows: list[StackReport] = []
    changes: list[Change] = []
    found: list[Finding] = []
    boths: dict[str, Both] = {}
    seen: dict[str, Observed] = {}
    for each in looked:
        own = _changes(each, compares, waivers), _findings(each, compares)
        rows.append(_row(each, *own))
        changes += own[0]
        found += own[1]
        if each.head and not each.head.errors:
            after = {
                urn: step.new for urn, step in each.head.steps.items() if step.new and step.op != "delete"
            }
            boths[each.name] = Both(each.before if each.comparable and each.before else None, after)
            seen[each.name] = each.head
    order = [each.name for each in looked]
    report: Report = masks.clean(
        Report(
            compares=compares,
            base=names[0],
            head=names[1],
            verdict="",
            code=0,
            stacks=rows,
            changes=sorted(_merge(changes, order), key=_change_order),
            findings=sorted(_merge(found, order), key=_finding_order),
            differences=differences(boths, seen, lambda value, stack: neutral(plain(value) or "", stack)),
            weaker=[waive(waivers, each, WEAKER, each.name) for each in weaker(boths)],
            notes=[*notes, *(f"review/{fault}" for fault in waivers.faults)],
            prices=cost.source(),
        )
    )
    failed = any(each.trouble for each in looked)
    code = 2 if failed else 1 if blocking(report) else 0
    return replace(report, verdict=_verdict(report, failed), code=code)


def blocking(report: Report) -> list[str]:
    """What blocks, in words."""
    return [
        *(f"{each.name} does not evaluate" for each in report.stacks if each.errors),
        *(f"{each.op} of {each.name}" for each in report.changes if each.risk and each.risk.blocks),
        *(f"{each.policy}: {each.name}" for each in report.findings if each.blocks),
        *(f"prod weaker than stg: {each.name} {each.path}" for each in report.weaker if each.blocks),
    ]


def _graph(each: Looked) -> risks.Graph:
    steps = each.head.steps if each.head else {}
    return risks.Graph({**each.before, **{urn: step.resource for urn, step in steps.items()}})


def _changes(each: Looked, compares: str, waivers: Waivers) -> list[Change]:
    if each.head is None or not each.comparable or (each.head.errors and compares == BASE_TO_HEAD):
        return []
    graph, head, steps = _graph(each), each.head, each.head.steps
    found: list[Change] = []
    for step in steps.values():
        resource = step.resource
        if step.op not in OPS or resource.type.startswith("pulumi:"):
            continue

        def follows(name: str, step: Step = step) -> str:
            origin = risks.source(step, name, steps, ("replace", "create"))
            return origin.resource.name if origin else ""

        near, risk = graph.component(resource.urn), None
        if step.op in ("replace", "delete"):
            name = DELETED if step.op == "delete" else REPLACED
            risk = waive(waivers, risks.risk(step, head, graph, each.file), name, resource.urn)
        sources = (graph.resources[urn] for urn in resource.dependencies if urn in graph.resources)
        upstream = sorted({f"{each.name} ({short(each.type)})" for each in sources})
        parts = properties(step, follows, each.file, near) if step.op != "create" else []
        found.append(Change([each.name], near, resource.type, resource.name, step.op, parts, _places(step),
                            upstream, risk))  # fmt: skip
    return found


def _places(step: Step) -> list[Place]:
    """Where a resource is declared; one that is deleted was declared in the base."""
    places = step.resource.places
    return [replace(place, what=BASE) for place in places] if step.op == "delete" else list(places)


def _findings(each: Looked, compares: str) -> list[Finding]:
    if each.head is None:
        return []
    base = Side(each.base, risks.Graph(each.before)) if each.base and each.comparable else None
    return findings(Side(each.head, _graph(each)), base if compares == BASE_TO_HEAD else None, each.file)


def _row(each: Looked, changes: list[Change], found: list[Finding]) -> StackReport:
    counts: dict[str, int] = dict.fromkeys(COUNTS, 0)
    for change in changes:
        counts[change.op] += 1
    for finding in found:
        if finding.status != FIXED:
            counts[{VIOLATION: "violations", WAIVED: "waived", UNKNOWN: "unknown"}[finding.verdict]] += 1
    steps = list(each.head.steps.values()) if each.head else []
    notes = list(each.notes)
    if each.head is None and not each.trouble:
        notes.append(
            f"The head has no such stack: its {len(each.before)} resources stay until somebody destroys it."
        )
    if not each.comparable:
        notes.append(
            "The base does not evaluate, so nothing can be compared: what is said of the head stands alone."
        )
    return StackReport(
        name=each.name,
        counts=counts,
        unchanged=sum(step.op == "same" for step in steps),
        errors=[*(each.head.errors if each.head else ()), *([each.trouble] if each.trouble else ())],
        base_errors=each.base.errors if each.base else [],
        notes=notes,
        cost=cost.cost(step for step in steps if step.op in OPS) if changes else None,
        seconds=round(each.seconds, 1),
    )


def _merge(items: Iterable[Merged], stacks: list[str]) -> list[Merged]:
    """What is the same in several stacks, once, with `<stack>` in place of their names."""
    groups: dict[str, list[Merged]] = {}
    for item in items:
        groups.setdefault(neutral(_same(item), item.stacks[0]), []).append(item)
    return [_one(group, stacks) if len(group) > 1 else group[0] for group in groups.values()]


def _same(item: Change | Finding) -> str:
    """What has to be equal for two to be the same; lines of the stack files and dependents may differ."""
    key: list[Any] = [item.component, item.type, item.name]
    if isinstance(item, Change):
        risk = (item.risk.blocks, item.risk.waived) if item.risk else ()
        parts = [
            (each.path, each.kind, each.before, each.after, each.forces, each.folded)
            for each in item.properties
        ]
        key += [item.op, risk, parts]
    else:
        key += [item.policy, item.message, item.level, item.status, item.verdict, item.waiver]
    return json.dumps(key, ensure_ascii=False)


def _one(group: list[Merged], stacks: list[str]) -> Merged:
    first, name = group[0], group[0].stacks[0]
    changed: dict[str, Any] = {"stacks": sorted((each.stacks[0] for each in group), key=stacks.index)}
    if isinstance(first, Finding):
        texts = {each.message for each in group if isinstance(each, Finding)}
        changed["message"] = neutral(first.message, name) if len(texts) > 1 else first.message
    else:
        others = [each.properties for each in group if isinstance(each, Change)]
        columns = zip(*others, strict=True)
        changed["properties"] = [
            first_one
            if len({(each.before, each.after) for each in column}) == 1
            else replace(
                first_one, before=neutral(first_one.before, name), after=neutral(first_one.after, name)
            )
            for first_one, column in zip(first.properties, columns, strict=True)
        ]
    return replace(first, **changed)


def neutral(text: Any, stack: str) -> Any:
    """Text with the stack's name, where it stands as a word, taken out."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(stack)}(?![A-Za-z0-9])", "<stack>", text) if text else text


def _change_order(each: Change) -> tuple[Any, ...]:
    risk = each.risk
    urgent = not (risk and risk.blocks), not (risk and risk.stateful)
    return (*urgent, OPS.index(each.op), each.component, each.type, each.name, each.stacks)


def _finding_order(each: Finding) -> tuple[Any, ...]:
    severity = SEVERITIES.index(each.severity) if each.severity in SEVERITIES else len(SEVERITIES)
    urgent = each.verdict == UNKNOWN, not each.blocks, each.status != NEW, each.level != "mandatory", severity
    return (*urgent, each.policy, each.name, each.type, each.stacks)


def _verdict(report: Report, failed: bool) -> str:
    blocks = blocking(report)
    if failed:
        return "Could not run: " + "; ".join(
            f"{each.name}: {each.errors[-1]}" for each in report.stacks if each.errors
        )
    if blocks:
        more = f", and {len(blocks) - 3} more" if len(blocks) > 3 else ""
        count = "1 finding blocks" if len(blocks) == 1 else f"{len(blocks)} findings block"
        return f"{count}: {', '.join(blocks[:3])}{more}."
    counts = ((sum(each.op == op for each in report.changes), f"{op}d") for op in reversed(OPS))
    changed = ", ".join(f"{count} {word}" for count, word in counts if count)
    if bad := [each.name for each in report.stacks if each.base_errors]:
        return (
            f"Nothing blocks, but what changes is not known: the base of {', '.join(bad)} does not evaluate."
        )
    if not changed and any(each.status == NEW for each in report.findings):
        return "Nothing changes, and nothing blocks; what the policies say has changed."
    return f"Nothing blocks: {changed}." if changed else "Nothing changes, and nothing new breaks a rule."

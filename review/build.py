"""From what the engine did with each stack to the report."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from review import cost, risks, settings
from review.graph import Graph, reached, source
from review.masks import Masks, shown
from review.model import (
    BASE_TO_HEAD,
    COUNTS,
    NEW,
    ORDER,
    SEVERITIES,
    STATE_TO_HEAD,
    UNKNOWN,
    VIOLATION,
    WAIVED,
    Change,
    Finding,
    Property,
    Report,
    StackReport,
    blocking,
)
from review.observed import Observed, Resource, Step
from review.policies import Side, findings
from review.properties import properties
from review.waivers import Exceptions
from review.weaker import Both, differences, weaker

CHANGED = tuple(ORDER)
Merged = TypeVar("Merged", Change, Finding)


@dataclass
class Looked:
    """A stack as it was looked at."""

    name: str
    head: Observed | None
    """None where the head has no such stack."""
    base: Observed | None = None
    before: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    """The base's resources."""
    file: settings.StackFile = field(default_factory=lambda: settings.StackFile(""))
    trouble: str = ""
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0


def build(
    compares: str,
    base: str,
    head: str,
    looked: Iterable[Looked],
    masks: Masks,
    exceptions: Exceptions,
    notes: Iterable[str] = (),
) -> Report:
    """The report on all stacks."""
    rows: list[StackReport] = []
    changes: list[Change] = []
    found: list[Finding] = []
    boths: dict[str, Both] = {}
    names = [each.name for each in looked]
    for each in looked:
        comparable = compares == STATE_TO_HEAD or not (each.base and each.base.errors)
        own_changes, own_findings = _stack(each, compares, comparable, exceptions)
        rows.append(_row(each, own_changes, own_findings, comparable))
        changes += own_changes
        found += own_findings
        if each.head and not each.head.errors:
            after = {
                urn: step.new for urn, step in each.head.steps.items() if step.new and step.op != "delete"
            }
            boths[each.name] = Both(
                each.before if comparable and each.before else None, after, Graph(after), each.name
            )
    seen = {each.name: each.head for each in looked if each.head and each.name in boths}
    weak = [exceptions.weaker(each) for each in weaker(boths)]
    draft = Report(
        compares=compares,
        base=base,
        head=head,
        verdict="",
        code=0,
        stacks=rows,
        changes=sorted(_merge(changes, names), key=_change_order),
        findings=sorted(_merge(found, names), key=_finding_order),
        differences=differences(boths, seen, lambda value, stack: _neutral(_text(value), stack)),
        weaker=weak,
        notes=[*notes, *exceptions.faults],
        prices=cost.source(),
    )
    draft = masks.clean(draft)
    blocks = blocking(draft)
    failed = any(each.trouble for each in looked)
    return replace(draft, verdict=_verdict(draft, blocks, failed), code=2 if failed else 1 if blocks else 0)


def _stack(
    each: Looked, compares: str, comparable: bool, exceptions: Exceptions
) -> tuple[list[Change], list[Finding]]:
    if each.head is None:
        return [], []
    resources = dict(each.before) | {urn: step.resource for urn, step in each.head.steps.items()}
    graph = Graph(resources)
    changes: list[Change] = []
    if comparable and not (each.head.errors and compares == BASE_TO_HEAD):
        direct = graph.dependents()
        downstream = {
            urn: reached(urn, direct)
            for urn, step in each.head.steps.items()
            if step.op in ("replace", "delete")
        }
        for step in each.head.steps.values():
            if step.op in CHANGED and not (step.resource.type.startswith("pulumi:") and step.op != "delete"):
                changes.append(_change(step, each, graph, downstream, exceptions))
    base = (
        Side(each.base, Graph(each.before)) if each.base and comparable and compares == BASE_TO_HEAD else None
    )
    found = findings(Side(each.head, graph), base, each.file)
    return changes, found


def _change(
    step: Step, each: Looked, graph: Graph, downstream: Mapping[str, list[str]], exceptions: Exceptions
) -> Change:
    assert each.head is not None
    steps, resource = each.head.steps, step.resource
    near = graph.component(resource.urn)

    def follows(name: str) -> str:
        found = source(step, name, steps)
        return found.resource.name if found and found.op in ("replace", "create") else ""

    risk = (
        risks.risk(step, each.head, graph, downstream, each.file)
        if step.op in ("replace", "delete")
        else None
    )
    return Change(
        stacks=[each.name],
        component=near,
        type=resource.type,
        name=resource.name,
        op=step.op,
        properties=properties(step, follows, each.file, near),
        places=list(resource.places),
        upstream=sorted({urn.rpartition("::")[2] for urn in resource.dependencies}),
        risk=exceptions.risk(risk, step) if risk else None,
    )


def _row(each: Looked, changes: list[Change], found: list[Finding], comparable: bool) -> StackReport:
    counts = dict.fromkeys(COUNTS, 0)
    for change in changes:
        counts[change.op] += 1
    for finding in found:
        if finding.status != "fixed":
            key = {VIOLATION: "violations", WAIVED: "waived", UNKNOWN: "unknown"}[finding.verdict]
            counts[key] += 1
    steps = each.head.steps.values() if each.head else ()
    priced = cost.cost(step for step in steps if step.op in CHANGED) if comparable and changes else None
    notes = list(each.notes)
    if each.head is None:
        notes.append(
            f"The head has no such stack: its {len(each.before)} resources stay until somebody destroys it."
        )
    if not comparable:
        notes.append(
            "The base does not evaluate, so nothing can be compared: what is said of the head stands alone."
        )
    return StackReport(
        name=each.name,
        counts=counts,
        unchanged=sum(1 for step in steps if step.op == "same"),
        errors=(each.head.errors if each.head else []) + ([each.trouble] if each.trouble else []),
        base_errors=each.base.errors if each.base else [],
        notes=notes,
        cost=priced,
        seconds=round(each.seconds, 1),
    )


def _merge(items: list[Merged], stacks: list[str]) -> list[Merged]:
    """What is the same in several stacks, once; where only the stack's name differs, `<stack>` is in its place."""
    groups: dict[str, list[Merged]] = {}
    for item in items:
        groups.setdefault(_same(item), []).append(item)
    return [_one(group, stacks) for group in groups.values()]


def _same(item: Change | Finding) -> str:
    """What has to be equal for two to be the same; lines of the stack files and dependents may differ."""
    stack = item.stacks[0]
    if isinstance(item, Change):
        rest = [
            (each.path, each.kind, each.before, each.after, each.forces, each.folded)
            for each in item.properties
        ]
        key = (
            item.component,
            item.type,
            item.name,
            item.op,
            rest,
            bool(item.risk and item.risk.blocks),
            bool(item.risk and item.risk.waived),
        )
    else:
        key = (
            item.policy,
            item.component,
            item.type,
            item.name,
            item.message,
            item.level,
            item.status,
            item.verdict,
            item.waiver,
        )
    return _neutral(json.dumps(key, ensure_ascii=False), stack)


def _one(group: list[Merged], stacks: list[str]) -> Merged:
    first = group[0]
    if len(group) == 1:
        return first
    together = sorted((each.stacks[0] for each in group), key=stacks.index)
    if isinstance(first, Finding):
        return replace(
            first,
            stacks=together,
            message=_neutral(first.message, first.stacks[0])
            if len({each.message for each in group}) > 1
            else first.message,
        )
    merged = [
        _properties([each.properties[index] for each in group if isinstance(each, Change)], group)
        for index in range(len(first.properties))
    ]
    return replace(first, stacks=together, properties=merged)


def _properties(same: list[Property], group: list[Merged]) -> Property:
    first, stack = same[0], group[0].stacks[0]
    if all((each.before, each.after) == (first.before, first.after) for each in same):
        return first
    before, after = (None if text is None else _neutral(text, stack) for text in (first.before, first.after))
    return replace(first, before=before, after=after)


def _neutral(text: str, stack: str) -> str:
    """Text with the stack's name, where it stands as a word, taken out."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(stack)}(?![A-Za-z0-9])", "<stack>", text)


def _text(value: object) -> str:
    value = shown(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _change_order(change: Change) -> tuple[object, ...]:
    risk = change.risk
    return (
        not (risk and risk.blocks),
        not (risk and risk.stateful),
        ORDER[change.op],
        change.component,
        change.type,
        change.name,
        change.stacks,
    )


def _finding_order(finding: Finding) -> tuple[object, ...]:
    status = (NEW, "existing", "fixed").index(finding.status)
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    return (
        finding.verdict == UNKNOWN,
        not finding.blocks,
        status,
        finding.level != "mandatory",
        severity,
        finding.policy,
        finding.name,
        finding.stacks,
    )


def _verdict(report: Report, blocks: list[str], failed: bool) -> str:
    if failed:
        return "Could not run: " + "; ".join(
            f"{each.name}: {each.errors[-1]}" for each in report.stacks if each.errors
        )
    if blocks:
        more = f", and {len(blocks) - 3} more" if len(blocks) > 3 else ""
        return f"{len(blocks)} {'finding blocks' if len(blocks) == 1 else 'findings block'}: {', '.join(blocks[:3])}{more}."
    if not report.changes:
        return "Nothing changes, and nothing new breaks a rule."
    return f"Nothing blocks: {_count(report)}."


def _count(report: Report) -> str:
    ops = [
        sum(1 for each in report.changes if each.op == op) for op in ("create", "update", "replace", "delete")
    ]
    words = ("created", "updated", "replaced", "deleted")
    return "; ".join(f"{number} {word}" for number, word in zip(ops, words, strict=True) if number)

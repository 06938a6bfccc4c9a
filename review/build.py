"""From what the engine did with each stack to the report."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from policies.waivers import Waivers, load
from review import cost, model, policies, risks, weaker
from review.masks import each_text
from review.model import Change, Finding, Report
from review.observed import Observed, Resource, Step
from review.properties import properties
from review.settings import StackFile

BROKEN = "does-not-evaluate"
WAIVERS = "review/waivers.yaml"  # of what the review itself finds, in the form of the policies' waivers
SEVERITIES = ("critical", "high", "medium", "low", "")
Kind = TypeVar("Kind", Change, Finding)


@dataclass
class Looked:
    """A stack as it was looked at: `head` is None where there is none, `before` are the base's resources."""

    name: str
    head: Observed | None
    base: Observed | None = None
    before: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""
    """Why it could not be looked at to the end."""

    @property
    def alone(self) -> bool:
        """Whether the base does not evaluate, so that nothing can be compared."""
        return bool(self.base and self.base.errors)

    @cached_property
    def graph(self) -> risks.Graph:
        """All resources, and what is done with them."""
        return risks.Graph({} if self.alone else self.before, self.head.steps if self.head else {})


def build(compares: str, names: tuple[str, str], looked: Sequence[Looked], clean: Callable[[str], str],
          tree: Path, notes: Iterable[str] = ()) -> Report:  # fmt: skip
    """The report on all stacks; `names` are base and head as people call them, `clean` masks secrets."""
    waivers = load(model.OWN, None, tree / WAIVERS) if (tree / WAIVERS).exists() else Waivers()
    notes = [*notes, *(f"review/{fault}" for fault in waivers.faults)]
    rows: list[model.StackReport] = []
    changes: list[Change] = []
    found: list[Finding] = []
    sides: dict[str, weaker.Sides] = {}
    but = [each.rpartition("; ")[2].rstrip(".") for each in notes if each.startswith("Not comparable")]
    for each in looked:
        done = [] if each.alone else each.graph.changed
        own, judged = [_change(step, each) for step in done], [*_errors(each)]
        for step in done:
            if risk := risks.risk(step, each.name, each.graph, each.file):
                judged.append(_waived(risk, waivers, step.resource.urn))
        if each.head:
            base = each.base if compares == model.BASE_TO_HEAD and not each.alone else None
            judged += policies.findings(each.head, base, each.graph, each.file)
        if each.head and not each.head.errors:
            before = {} if each.alone else {one.key: one for one in each.before.values()}
            after = {one.resource.key: one.resource for one in each.head.steps.values() if one.op != "delete"}
            sides[each.name] = (before or None, after)
        if compares == model.BASE_TO_HEAD and not each.trouble and not each.base:
            notes.append(f"{each.name}: the base has no such stack; everything in it is new.")
        if not each.trouble and not each.head:
            but.append(f"{each.name} is in no stack file any more, and its {len(each.before)} resources stay")
            notes.append(f"{but[-1]} until somebody destroys them.")
        price = model.Cost(0, [], ["what the base costs"]) if each.alone else cost.cost(done)
        rows.append(model.StackReport(each.name, _counts(each, own, judged), price))
        changes += own
        found += judged
    order = [each.name for each in looked]
    changes, found = _merged(changes, order), _merged(found, order)
    if "prod" in sides and "stg" in sides:
        file = next(each.file for each in looked if each.name == "prod")
        weak = weaker.weaker(sides["prod"], sides["stg"], file)
        found += [_waived(each, waivers, each.name) for each in weak]
    found += weaker.apart(sides, (step for each in looked for step in each.graph.changed), neutral)
    blocks = {(each.type, each.name) for each in found if each.blocks}

    def urgency(each: Change) -> tuple[Any, ...]:
        urgent = (each.type, each.name) not in blocks, model.OPS.index(each.op)
        return *urgent, each.component, each.type, each.name, each.stacks

    code = 2 if any(each.trouble for each in looked) else 1 if blocks else 0
    changes, found = sorted(changes, key=urgency), sorted(found, key=_urgency)
    report = Report(compares, *names, "", code, rows, changes, found, notes, cost.source())
    report: Report = each_text(report, clean)
    return replace(report, verdict=_verdict(report, but))


def _change(step: Step, each: Looked) -> Change:
    graph = each.graph

    def follows(path: str) -> str:
        sources = [each.resource for each in graph.sources(step, path) if each.op != "update"]
        return model.listed([*map(model.title, sources)], 3)

    resource, near = step.resource, graph.component(step.resource.urn)
    sources = (graph.resources[urn] for urn in resource.dependencies if urn in graph.resources)
    return Change(
        stacks=[each.name], type=resource.type, name=resource.name, places=step.places, op=step.op,
        component=near, upstream=sorted({model.title(each) for each in sources}),
        properties=properties(step, follows, each.file, near) if step.op != "create" else [],
    )  # fmt: skip


def _errors(each: Looked) -> Iterator[Finding]:
    about: dict[str, Any] = {"stacks": [each.name], "policy": BROKEN, "level": "mandatory"}
    for text in (*(each.head.errors if each.head else ()), *filter(None, (each.trouble,))):
        yield Finding(name="the program", message=text, blocks=True, **about)
    for text in each.base.errors if each.base else ():
        said = f"What changes is not known, since the base does not evaluate: {text}"
        yield Finding(name="the base's program", message=said, status=model.EXISTING, **about)


def _waived(found: Finding, waivers: Waivers, target: str) -> Finding:
    """The same, waived if a waiver holds for the target: a URN, or the name of what is weaker."""
    waiver = waivers.of(found.policy, target) if found.blocks else None
    if waiver is None or waiver.expired(waivers.today):
        return found
    return replace(found, waiver=waiver.said(waivers.today), verdict=model.WAIVED, blocks=False)


def _counts(each: Looked, changes: Iterable[Change], found: Iterable[Finding]) -> dict[str, int]:
    if each.trouble or (each.head and each.head.errors):
        return {}
    judged = (one for one in found if one.policy not in model.OWN and one.status != model.FIXED)
    words = [*(one.op for one in changes), *(f"{one.verdict}" for one in judged)]
    known = (key for key in model.COUNTS if not (each.alone and key in model.OPS))
    return {key: words.count(key.removesuffix("s")) for key in known}


def _merged(items: Iterable[Kind], order: list[str]) -> list[Kind]:
    """What is the same in several stacks, once, with `<stack>` in place of their names."""
    groups: dict[str, list[Kind]] = {}
    for each in items:
        said = each_text(each, lambda text, stack=each.stacks[0]: neutral(text, stack))
        if isinstance(said, Change):  # values of noise are noise
            told = [replace(one, before="", after="") if one.folded else one for one in said.properties]
            said = replace(said, properties=told)
        groups.setdefault(repr(replace(said, stacks=[])), []).append(each)
    found: list[Kind] = []
    for first, *others in groups.values():
        name, stacks = first.stacks[0], sorted((each.stacks[0] for each in (first, *others)), key=order.index)
        first = each_text(first, lambda text, name=name: neutral(text, name)) if others else first
        found.append(replace(first, stacks=stacks))
    return found


def neutral(text: str, stack: str) -> str:
    """Text with the stack's name, where it stands as a word, taken out."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(stack)}(?![A-Za-z0-9]|\.yaml)", "<stack>", text)


def _urgency(each: Finding) -> tuple[Any, ...]:
    severity = SEVERITIES.index(each.severity) if each.severity in SEVERITIES else len(SEVERITIES)
    urgent = not each.blocks, each.level != "mandatory", severity
    return *urgent, each.policy, each.name, each.type, each.stacks


def _verdict(report: Report, but: Sequence[str]) -> str:
    blocks: dict[str, dict[str, None]] = {}
    for each in report.findings:
        if each.blocks:
            blocks.setdefault(each.policy, {})[each.name] = None
    said = model.listed([f"{policy} ({model.listed([*names], 3)})" for policy, names in blocks.items()], 3)
    if report.code == 2:
        broken = (each for each in report.findings if each.policy == BROKEN and each.blocks)
        return "Could not run: " + "; ".join(f"{each.stacks[0]}: {each.message}" for each in broken)
    if blocks:
        count = sum(each.blocks for each in report.findings)
        return f"{count} finding{' blocks' if count == 1 else 's block'}: {said}."
    sums = {op: sum(each.counts.get(op, 0) for each in report.stacks) for op in reversed(model.OPS)}
    counted = ", ".join(f"{count} {op}d" for op, count in sums.items() if count)
    changed = "; ".join(filter(None, (counted, *but)))
    if bad := [each.stacks[0] for each in report.findings if each.policy == BROKEN]:
        why = f"the base of {', '.join(bad)} does not evaluate"
        return f"Nothing blocks, but what changes is not known: {why}."
    fresh = any(each.status == model.NEW for each in report.findings)
    if not changed and fresh and report.compares == model.BASE_TO_HEAD:
        return "Nothing changes, and nothing blocks; what the policies say has changed."
    return f"Nothing blocks: {changed}." if changed else "Nothing changes, and nothing new breaks a rule."

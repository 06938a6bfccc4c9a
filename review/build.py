"""From what the engine did with each stack to the report."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from policies.engine.waivers import Waivers, load
from review import cost, findings, model
from review.engine_run import Stack, Step
from review.model import Change, Finding, Report
from review.plain_data import each_text
from review.properties import properties
from review.render import renderings

WAIVERS = "review/waivers.yaml"  # of what the review itself finds, in the form of the policies' waivers
SEVERITIES = ("critical", "high", "medium", "low", "")
Kind = TypeVar("Kind", Change, Finding)


def build(compares: str, names: tuple[str, str], stacks: Sequence[Stack], clean: Callable[[str], str],
          tree: Path, notes: Iterable[str] = ()) -> Report:  # fmt: skip
    """The report on all stacks; `names` are base and head as people call them, `clean` masks secrets."""
    waivers = load(model.OWN, None, tree / WAIVERS) if (tree / WAIVERS).exists() else Waivers()
    notes = [*notes, *(f"review/{fault}" for fault in waivers.faults)]
    but = [each.rpartition("; ")[2].rstrip(".") for each in notes if each.startswith("Not comparable")]
    rows, changes, found = list[model.StackReport](), list[Change](), list[Finding]()
    for stack in stacks:
        own, judged = [_change(step, stack) for step in stack.changed], [*_errors(stack)]
        risks = ((findings.risk(step, stack), step.resource.urn) for step in stack.changed)
        judged += [_waived(risk, waivers, urn) for risk, urn in risks if risk]
        judged += findings.policies(stack, None if stack.alone else stack.base)
        if compares == model.BASE_TO_HEAD and not stack.trouble and not stack.base:
            notes.append(f"{stack.name}: the base has no such stack; everything in it is new.")
        if not stack.trouble and not stack.head and stack.base:
            count = len(stack.base.said.resources)
            but.append(f"{stack.name} is in no stack file any more, and its {count} resources stay")
            notes.append(f"{but[-1]} until somebody destroys them.")
        price: cost.Costs = (0, [], ["what the base costs"]) if stack.alone else cost.cost(stack.changed)
        rows.append(model.StackReport(stack.name, _counts(stack, own, judged), *price))
        changes += own
        found += judged
    told = {line for each in found for line in (each.waiver, *each.message.splitlines())}
    changes, found = [*_merged(changes)], [*_merged(found)]
    evaluated = {each.name: each for each in stacks if each.head and not each.head.errors}
    if "prod" in evaluated and "stg" in evaluated:
        weak = findings.weaker(evaluated["prod"], evaluated["stg"])
        found += [_waived(each, waivers, each.name) for each in weak]
    found += findings.apart([*evaluated.values()], neutral)
    idle = (each for each in waivers.waivers if not {each.notice(waivers.today), each.lapsed()} & told)
    said = {
        text for each in idle for name in evaluated for text in each.unneeded(f"urn:pulumi:{name}::", set())
    }
    notes += [f"{WAIVERS}: {text}" for text in sorted(said)]
    blocks = {(each.type, each.name) for each in found if each.blocks}

    def urgency(each: Change | Finding) -> tuple[Any, ...]:
        if isinstance(each, Finding):
            mild = each.level != "mandatory", SEVERITIES.index(each.severity), each.policy
            return not each.blocks, *mild, each.name, each.type, each.stacks
        urgent = (each.type, each.name) not in blocks, model.OPS.index(each.op)
        return *urgent, each.component, each.type, each.name, each.stacks

    code = 2 if any(each.trouble for each in stacks) else 1 if blocks else 0
    changes, found = sorted(changes, key=urgency), sorted(found, key=urgency)
    report = Report(compares, *names, "", code, rows, changes, found, notes, cost.SOURCE)
    report: Report = each_text(report, clean)
    return replace(report, verdict=renderings.verdict(report, but=but).strip())


def _change(step: Step, stack: Stack) -> Change:
    resource = step.resource
    sources = (stack.resources[urn] for urn in resource.dependencies if urn in stack.resources)
    return Change(
        stacks=[stack.name], type=resource.type, name=resource.name, places=resource.places, op=step.op,
        component=stack.component(resource.urn), upstream=sorted({model.title(each) for each in sources}),
        properties=properties(step, stack) if step.op != "create" else [],
    )  # fmt: skip


def _errors(each: Stack) -> Iterator[Finding]:
    about: dict[str, Any] = {"stacks": [each.name], "policy": "does-not-evaluate", "level": "mandatory"}
    for text in (*(each.head.errors if each.head else ()), *filter(None, (each.trouble,))):
        yield Finding(name="the program", message=text, blocks=True, **about)
    for text in each.base.errors if each.base else ():
        said = f"What changes is not known, since the base does not evaluate: {text}"
        yield Finding(name="the base's program", message=said, status=model.EXISTING, **about)


def _waived(found: Finding, waivers: Waivers, target: str) -> Finding:
    waiver = waivers.of(found.policy, target) if found.blocks else None  # target: a URN, or what is weaker
    if waiver is None:
        return found
    if waiver.expired(waivers.today):
        return replace(found, message=f"{found.message}\n{waiver.lapsed()}")
    return replace(found, waiver=waiver.notice(waivers.today), verdict=model.WAIVED, blocks=False)


def _counts(each: Stack, changes: Iterable[Change], found: Iterable[Finding]) -> dict[str, int]:
    if each.trouble or (each.head and each.head.errors):
        return {}
    judged = (one for one in found if one.policy not in model.OWN and one.status != model.FIXED)
    words = [*(one.op for one in changes), *(f"{one.verdict}" for one in judged)]
    known = (key for key in model.COUNTS if not (each.alone and key in model.OPS))
    return {key: words.count(key.removesuffix("s")) for key in known}


def _merged(items: Iterable[Kind]) -> Iterator[Kind]:
    """What is the same in several stacks, once, with `<stack>` in place of their names."""
    groups: dict[str, list[Kind]] = {}
    for each in items:
        said = each_text(each, lambda text, stack=each.stacks[0]: neutral(text, stack))
        if isinstance(said, Change):  # values of noise are noise
            noise: dict[str, Any] = {"before": "", "after": "", "setting": None}
            told = [replace(one, **(noise if one.folded else {})) for one in said.properties]
            said = replace(said, properties=told)
        groups.setdefault(repr(replace(said, stacks=[])), []).append(each)
    for group in groups.values():
        first, stacks = group[0], [each.stacks[0] for each in group]
        told = each_text(first, lambda text, name=stacks[0]: neutral(text, name)) if group[1:] else first
        yield replace(told, stacks=stacks)


def neutral(text: str, stack: str) -> str:
    """Text with the stack's name, where it stands as a word, taken out."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(stack)}(?![A-Za-z0-9]|\.yaml)", "<stack>", text)

"""What the policies say of head and base: new, existing, fixed; waived; unknown."""

import re
from typing import Any

from policies.pack import ALL
from review.model import EXISTING, FIXED, NEW, UNKNOWN, VIOLATION, WAIVED, Finding
from review.observed import ROOT, UNCHECKED, Observed, Verdict
from review.properties import value_at
from review.risks import Graph
from review.settings import StackFile, plain

RULES = {rule.name: rule for rule in ALL}
WAIVER = re.compile(r"^(waived until [^\n]*)\n", re.MULTILINE)

# How a rule names a property and the value it found.
SAID = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?", re.MULTILINE)


def findings(head: Observed, base: Observed | None, graph: Graph, file: StackFile) -> list[Finding]:
    """All findings of a stack; without a base nobody judged before, so what is not waived is told as new."""
    before, after = ({_key(each): each for each in side.verdicts} if side else {} for side in (base, head))
    counted = not any(each.level == UNKNOWN for each in after.values())
    found: list[Finding] = []
    for key, verdict in after.items():
        if verdict.policy != UNCHECKED or counted:
            old = before.get(key)
            waived = bool(_waived(verdict))
            changed = bool(_waived(old)) != waived if old else bool(base) or not waived
            status = NEW if verdict.level != UNKNOWN and changed else EXISTING
            found.append(_finding(verdict, head.stack, graph, status, file))
    for key, verdict in before.items():
        told = verdict.policy == UNCHECKED or verdict.level == UNKNOWN or _waived(verdict)
        if key not in after and not told and not head.errors:
            found.append(_finding(verdict, head.stack, graph, FIXED, file))
    return found


def _key(verdict: Verdict) -> tuple[str, ...]:
    """What makes two verdicts the same one: not the values that a message quotes, nor a waiver."""
    said = re.sub(r"'[^']*'|\d+", "…", WAIVER.sub("", verdict.message))
    return verdict.policy, verdict.urn, said, UNKNOWN if verdict.level == UNKNOWN else ""


def _waived(verdict: Verdict) -> str:
    found = WAIVER.search(verdict.message)
    return found[1] if found else ""


def _finding(verdict: Verdict, stack: str, graph: Graph, status: str, file: StackFile) -> Finding:
    rule, waiver, level = RULES.get(verdict.policy), _waived(verdict), verdict.level
    about: dict[str, Any] = {"severity": verdict.severity}
    if rule:
        controls = [f"{rule.framework}: {control}" for control in rule.controls]
        about = {"controls": controls, "remediation": rule.remediation, "url": rule.url}
        about["severity"] = verdict.severity or (str(rule.severity.value) if rule.severity else "")
    known = (rule.description, rule.remediation) if rule else ()
    lines = WAIVER.sub("", verdict.message).splitlines()
    message = "\n".join(line for line in lines if line.strip() and line.strip() not in known)
    unknown = level == UNKNOWN or verdict.policy == UNCHECKED
    word = UNKNOWN if unknown else WAIVED if waiver else VIOLATION
    resource = graph.resources.get(verdict.urn) if f"::{ROOT}::" not in verdict.urn else None
    said = None if unknown else SAID.search(message)
    setting = None
    if said:
        value = {"True": "true", "False": "false"}.get(said[2], said[2])
        step = graph.steps.get(verdict.urn)
        was = plain(value_at(step.old.inputs, said[1])) if step and step.old else None
        setting = file.origin(said[1], was, value, graph.component(verdict.urn))
    level = "" if status == FIXED else str(rule.level.value) if unknown and rule else level
    return Finding(
        stacks=[stack], policy=verdict.policy, message=message or verdict.message, level=level, status=status,
        type=resource.type if resource else "", name=resource.name if resource else "the stack",
        places=resource.places if resource else [], verdict=word, waiver=waiver, setting=setting,
        blocks=word == VIOLATION and level == "mandatory" and status == NEW, **about,
    )  # fmt: skip

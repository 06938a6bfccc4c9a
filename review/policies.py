"""What the policies say of head and base: new, existing, fixed; waived; unknown."""

import re
from dataclasses import dataclass

from policies.pack import ALL
from review.model import EXISTING, FIXED, NEW, UNKNOWN, VIOLATION, WAIVED, Finding
from review.observed import ROOT, Observed, Verdict
from review.risks import TOP, Graph
from review.settings import StackFile

RULES = {rule.name: rule for rule in ALL}
WAIVER = re.compile(r"^(waived until [^\n]*)\n", re.MULTILINE)

UNCHECKED = "policy-value-unknown"
"""The policy that counts what a preview cannot know; the ledger says which, where there is one."""

SAID = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?", re.MULTILINE)
"""How a rule names a property and the value it found."""


@dataclass(frozen=True)
class Side:
    """One run's verdicts, and the resources they are about."""

    seen: Observed
    graph: Graph


def findings(head: Side, base: Side | None, file: StackFile) -> list[Finding]:
    """All findings of a stack; without a base none is new, and each may block."""
    before, after = (
        {_key(each): each for each in side.seen.verdicts} if side else {} for side in (base, head)
    )
    counted = not any(each.level == UNKNOWN for each in after.values())
    found: list[Finding] = []
    for key, verdict in after.items():
        if verdict.policy != UNCHECKED or counted:
            old = before.get(key)
            changed = old is None or bool(_waived(old)) != bool(_waived(verdict))
            new = base and verdict.level != UNKNOWN and changed
            found.append(_finding(verdict, head, NEW if new else EXISTING, file, alone=base is None))
    gone = [before[key] for key in before if key not in after] if base and not head.seen.errors else []
    wanted = (
        each for each in gone if not _waived(each) and each.policy != UNCHECKED and each.level != UNKNOWN
    )
    return found + [_finding(each, base, FIXED, file) for each in wanted if base]


def _key(verdict: Verdict) -> tuple[str, ...]:
    """What makes two verdicts the same one: not the values that a message quotes, nor a waiver."""
    said = re.sub(r"'[^']*'|\d+", "…", WAIVER.sub("", verdict.message))
    return verdict.policy, verdict.urn, said, UNKNOWN if verdict.level == UNKNOWN else ""


def _waived(verdict: Verdict) -> str:
    found = WAIVER.search(verdict.message)
    return found[1] if found else ""


def _finding(verdict: Verdict, side: Side, status: str, file: StackFile, alone: bool = False) -> Finding:
    rule, waiver = RULES.get(verdict.policy), _waived(verdict)
    resource = side.graph.resources.get(verdict.urn)
    resource = None if resource and resource.type == ROOT else resource
    known = (rule.description, rule.remediation) if rule else ()
    lines = [
        line
        for line in WAIVER.sub("", verdict.message).splitlines()
        if line.strip() and line.strip() not in known
    ]
    message = "\n".join(lines) or verdict.message
    unknown = verdict.level == UNKNOWN or verdict.policy == UNCHECKED
    word = UNKNOWN if unknown else WAIVED if waiver else VIOLATION
    component = side.graph.component(verdict.urn) if resource else TOP
    said = None if unknown else SAID.search(message)
    value = {"True": "true", "False": "false"}.get(said[2], said[2]) if said else ""
    return Finding(
        stacks=[side.seen.stack],
        policy=verdict.policy,
        severity=verdict.severity or (str(rule.severity.value) if rule and rule.severity else ""),
        level="" if status == FIXED else str(rule.level.value) if unknown and rule else verdict.level,
        status=status,
        verdict=word,
        component=component,
        type=resource.type if resource else ROOT,
        name=resource.name if resource else "the stack",
        message=message,
        controls=[f"{rule.framework}: {control}" for control in rule.controls] if rule else [],
        remediation=rule.remediation if rule else "",
        url=rule.url if rule else "",
        places=list(resource.places) if resource else [],
        waiver=waiver,
        setting=file.holder(said[1], value, component) if said else None,
        blocks=word == VIOLATION and verdict.level == "mandatory" and (status == NEW or alone),
    )

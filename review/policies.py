"""What the policies say of head and base: new, existing, fixed; waived; unknown."""

import re
from typing import Any

from policies.pack import ALL
from review.model import EXISTING, FIXED, NEW, UNKNOWN, VIOLATION, WAIVED, Finding
from review.observed import ROOT, UNCHECKED, Observed
from review.properties import value_at
from review.settings import plain
from review.stack import Stack
from sandbox.summary import Row

RULES = {rule.name: rule for rule in ALL}
WAIVER = re.compile(r"^(waived until [^\n]*)\n", re.MULTILINE)

# How a rule names a property and the value it found.
SAID = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?", re.MULTILINE)


def findings(stack: Stack, base: Observed | None) -> list[Finding]:
    """All findings of a stack; without a base nobody judged before, so what is not waived is told as new."""
    before, after = ({_key(each): each for each in side.said.violations} if side else {}
                     for side in (base, stack.head))  # fmt: skip
    counted = not any(each["level"] == UNKNOWN for each in after.values())
    found: list[Finding] = []
    for key, verdict in after.items():
        if verdict["policy"] != UNCHECKED or counted:
            old, waived = before.get(key), bool(_waived(verdict))
            changed = bool(_waived(old)) != waived if old else bool(base) or not waived
            found.append(
                _finding(verdict, stack, NEW if verdict["level"] != UNKNOWN and changed else EXISTING)
            )
    for key, verdict in before.items():
        told = verdict["policy"] == UNCHECKED or verdict["level"] == UNKNOWN or _waived(verdict)
        if key not in after and not told and stack.head and not stack.head.errors:
            found.append(_finding(verdict, stack, FIXED))
    return found


def _key(verdict: Row) -> tuple[str, ...]:
    """What makes two verdicts the same one: not the values that a message quotes, nor a waiver."""
    said = re.sub(r"'[^']*'|\d+", "…", WAIVER.sub("", verdict["message"]))
    return verdict["policy"], verdict["urn"], said, UNKNOWN if verdict["level"] == UNKNOWN else ""


def _waived(verdict: Row) -> str:
    return found[1] if (found := WAIVER.search(verdict["message"])) else ""


def _finding(verdict: Row, stack: Stack, status: str) -> Finding:
    rule, urn, level = RULES.get(verdict["policy"]), verdict["urn"], verdict["level"]
    about: dict[str, Any] = {"name": "the stack", "severity": verdict["severity"]}
    if rule:
        controls = [f"{rule.framework}: {control}" for control in rule.controls]
        about |= {"controls": controls, "remediation": rule.remediation, "url": rule.url}
        about["severity"] = verdict["severity"] or (str(rule.severity.value) if rule.severity else "")
    known = (rule.description, rule.remediation) if rule else ()
    lines = WAIVER.sub("", verdict["message"]).splitlines()
    message = "\n".join(line for line in lines if line.strip() and line.strip() not in known)
    unknown = level == UNKNOWN or verdict["policy"] == UNCHECKED
    word = UNKNOWN if unknown else WAIVED if _waived(verdict) else VIOLATION
    if said := None if unknown else SAID.search(message):
        value = {"True": "true", "False": "false"}.get(said[2], said[2])
        step = stack.steps.get(urn)
        was = plain(value_at(step.old.inputs, said[1])) if step and step.old else None
        about["setting"] = stack.file.origin(said[1], was, value, stack.component(urn))
    if f"::{ROOT}::" not in urn and (resource := stack.resources.get(urn)):
        about |= {"type": resource.type, "name": resource.name, "places": resource.places}
    level = "" if status == FIXED else str(rule.level.value) if unknown and rule else level
    return Finding(
        stacks=[stack.name], policy=verdict["policy"], message=message or verdict["message"], level=level,
        status=status, verdict=word, waiver=_waived(verdict),
        blocks=word == VIOLATION and level == "mandatory" and status == NEW, **about,
    )  # fmt: skip

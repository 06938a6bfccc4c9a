"""What the policies say of head and base: new, existing, fixed; waived; unknown."""

import re
from dataclasses import dataclass

from policies.pack import ALL
from review.graph import TOP, Graph
from review.model import EXISTING, FIXED, NEW, UNKNOWN, VIOLATION, WAIVED, Finding
from review.observed import ROOT, Observed, Verdict
from review.settings import StackFile

WAIVER = re.compile(r"^(waived until [^\n]*)\n", re.MULTILINE)
RULES = {rule.name: rule for rule in ALL}
UNCHECKED = "policy-value-unknown"
"""The policy that counts what a preview cannot know; the ledger says which, where there is one."""

SAID = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?")
"""How a rule names a property and the value it found."""


@dataclass(frozen=True)
class Side:
    """One run's verdicts, and the resources they are about."""

    seen: Observed
    graph: Graph


def findings(head: Side, base: Side | None, file: StackFile) -> list[Finding]:
    """All findings of a stack; without a base none is new, and each may block."""
    before = {_key(each, base.graph): each for each in base.seen.verdicts} if base else {}
    after = {_key(each, head.graph): each for each in head.seen.verdicts}
    found: list[Finding] = []
    for key, verdict in after.items():
        if verdict.policy == UNCHECKED:
            if not head.seen.unknown:
                found.append(_finding(verdict, head, EXISTING, file, verdict_word=UNKNOWN))
            continue
        status = NEW if key not in before or (_waived(before[key]) and not _waived(verdict)) else EXISTING
        found.append(
            _finding(verdict, head, EXISTING if base is None else status, file, any_blocks=base is None)
        )
    if base and not head.seen.errors:
        gone = (
            verdict
            for key, verdict in before.items()
            if key not in after and not _waived(verdict) and verdict.policy != UNCHECKED
        )
        found += [_finding(verdict, base, FIXED, file) for verdict in gone]
    for policy, urn, detail in head.seen.unknown:
        verdict = Verdict(policy, urn, "", "", detail)
        found.append(_finding(verdict, head, EXISTING, file, verdict_word=UNKNOWN))
    return found


def _key(verdict: Verdict, graph: Graph) -> tuple[str, str, str]:
    """What makes two verdicts the same one: not the value that a message quotes."""
    said = WAIVER.sub("", verdict.message)
    return verdict.policy, verdict.urn, re.sub(r"'[^']*'|\d+", "…", said)


def _waived(verdict: Verdict) -> bool:
    return WAIVER.search(verdict.message) is not None


def _finding(
    verdict: Verdict,
    side: Side,
    status: str,
    file: StackFile,
    *,
    any_blocks: bool = False,
    verdict_word: str = "",
) -> Finding:
    rule = RULES.get(verdict.policy)
    resource = side.graph.resources.get(verdict.urn)
    whole = not resource or resource.type == ROOT
    waiver = WAIVER.search(verdict.message)
    message = _message(
        WAIVER.sub("", verdict.message), rule.description if rule else "", rule.remediation if rule else ""
    )
    word = verdict_word or (WAIVED if waiver else VIOLATION)
    component = side.graph.component(verdict.urn) if not whole else TOP
    mandatory = word == VIOLATION and verdict.level == "mandatory"
    return Finding(
        stacks=[side.seen.stack],
        policy=verdict.policy,
        severity=verdict.severity or (str(rule.severity.value) if rule and rule.severity else ""),
        level=verdict.level or (str(rule.level.value) if rule else ""),
        status=status,
        verdict=word,
        component=component,
        type=ROOT if whole or not resource else resource.type,
        name="the stack" if whole or not resource else resource.name,
        message=message,
        controls=[f"{rule.framework}: {control}" for control in rule.controls] if rule else [],
        remediation=rule.remediation if rule else "",
        url=rule.url if rule else "",
        places=list(resource.places) if resource and not whole else [],
        waiver=waiver[1] if waiver else "",
        setting=_setting(message, file, component) if word != UNKNOWN else None,
        blocks=mandatory and (status == NEW or any_blocks),
    )


def _message(text: str, *known: str) -> str:
    """What was found: the rule's own sentences are shown beside it."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip() not in known]
    return "\n".join(lines) or text


def _setting(message: str, file: StackFile, near: str):  # noqa: ANN202
    found = SAID.search(message)
    if not found:
        return None
    value: object = {"True": "true", "False": "false"}.get(found[2], found[2])
    return file.holder(found[1], value, near)

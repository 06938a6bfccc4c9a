"""Findings of the policy pack, with their status relative to the base."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import permutations, zip_longest
from typing import Any

from policies.engine import pack_rules
from policies.engine.rule import Rule
from review.findings.removed_inputs import kept_inputs, maybe_kept_inputs, names_input
from review.left_objects import find_left_object
from review.model import (
    EXISTING,
    FIXED,
    NEW,
    UNKNOWN,
    VIOLATION,
    WAIVED,
    Finding,
    SourceLocation,
    list_all,
    title,
)
from review.objects.waiver_files import NOT_COVERED, WaiverFiles
from review.plain_data import PATH_STEP, as_text, decode_key, is_equal, is_list, is_map, value_at
from review.policy_rules import POLICY_RULES
from review.stacks.engine_run import UNCHECKED_POLICY, EngineRun, Step
from review.stacks.resources import Json
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import parse_json
from sandbox.progress import is_root, one_line
from sandbox.providers.target import DEFAULTS
from sandbox.summary import Row, waiver_match

PROPERTY_AND_VALUE = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?", re.MULTILINE)
"""Pattern of the property and the value that a message names."""

PROPERTY = re.compile(r"[\w.\[\]\"/-]+")
"""Pattern of the property with which a line of a message may begin."""

KEPT = "The program no longer sets {}: see value-no-longer-set."
"""Line in the message of a violation that only seems to be fixed."""

OF_THE_HEAD = "The pull request's own policies report this."
"""Text in place of a remedy, since the rule of the base may differ."""

MANDATORY = "mandatory"

OF_THE_PACK = frozenset(rule.name for rule in pack_rules.RULES)
"""Policies that judge no resource, such as that on rules which crash."""

DIFFERS = "The base violates this, too, but what the policy judges differs."
"""Line in the message of a violation that is new although the base has one with the same message."""

IRRELEVANT: tuple[tuple[str | int, ...], ...] = (
    ("tags",),
    ("tagsAll",),
    ("description",),
    ("comment",),
    ("metadata", "labels"),
    ("spec", "replicas"),
)
"""Properties whose change leaves a violation as it is, unless a policy reports them."""

Place = tuple[str, str]
"""URN of a resource, and the path of an input of it; the path is empty for the object itself."""

Key = tuple[str, ...]
"""Identity of a verdict: policy, URN, message without its waiver, and UNKNOWN if the verdict is unknown.

A message names the values, so a violation with other values, which may be worse, is a new one.
"""


def find(
    stack: Stack,
    base: EngineRun | None,
    admitted: Set[tuple[str, str]] = frozenset(),
    approved_by: str = "",
    waivers: WaiverFiles | None = None,
) -> Iterator[Finding]:
    """Yield the findings of a stack. Without a base, every unwaived finding counts as new.

    If `approved_by` names an owner, violations at the places in `admitted` do not block. A place is a policy
    and the URN of a resource. `waivers` are those of the policies, which see only the new name of a resource.
    """
    after = _verdicts(stack.head, stack)
    named_values = any(verdict["level"] == UNKNOWN for verdicts in after.values() for verdict in verdicts)
    before = _verdicts(base, stack)
    for key in after | before:
        now, earlier = after.get(key, []), before.get(key, [])
        for verdict, old in zip_longest(now, earlier[: len(now)]):
            # The count of unchecked values is redundant if a ledger lists the values.
            if verdict["policy"] == UNCHECKED_POLICY and named_values:
                continue
            verdict = _without_waiver_of_name(verdict, stack, waivers)
            is_new = _is_new(verdict, old, base)
            differs = not is_new and _differs(verdict, stack)
            finding = _finding(verdict, stack, NEW if is_new or differs else EXISTING)
            if differs:
                finding = replace(finding, message=f"{finding.message}\n{DIFFERS}")
            if approved_by and (verdict["policy"], verdict["urn"]) in admitted and finding.blocks:
                finding = replace(finding, waiver=f"approved by {approved_by}", verdict=WAIVED, blocks=False)
            yield finding
    unknown = {(policy, urn) for policy, urn, _, level in after if level == UNKNOWN}
    for verdict, kept in _judge_vanished(stack, base):
        if kept:
            message = f"{verdict['message']}\n{_kept_lines(verdict['urn'], kept, stack)}"
            yield _finding(verdict | {"message": message}, stack, EXISTING)
        elif _counts_as_fixed(verdict) and (verdict["policy"], verdict["urn"]) not in unknown:
            yield _finding(verdict, stack, FIXED)


def find_kept(stack: Stack, base: EngineRun | None) -> Iterator[tuple[Row, list[Place]]]:
    """Yield the violations of the base that the head lacks although they stay, or may stay.

    Each has the deleted resources whose objects stay, or the inputs that the program no longer sets, and that
    a resource keeps or may keep.
    """
    for verdict, kept in _judge_vanished(stack, base):
        if kept:
            yield verdict, kept


@dataclass
class _Reading:
    """Changes of the resources that a rule on whole stacks reads.

    `kept` has what may stay of them, and `changed` the URNs of those with any other change.
    """

    kept: list[Place] = field(default_factory=list[Place])
    changed: set[str] = field(default_factory=set[str])


def _judge_vanished(stack: Stack, base: EngineRun | None) -> Iterator[tuple[Row, list[Place]]]:
    """Yield the verdicts that the head lacks, each with what stays and may still cause it."""
    vanished = list(_vanished(stack, base))
    kept = {urn: _kept_places(step, stack) for urn, step in stack.steps.items()} if vanished else {}
    readings: dict[str, _Reading] = {}
    for verdict in vanished:
        policy = verdict["policy"]
        if policy not in readings:
            readings[policy] = _reading(policy, stack, kept)
        yield verdict, _causes(verdict, stack, kept, readings[policy])


def _kept_places(step: Step, stack: Stack) -> list[Place]:
    """Return the object of a resource if it stays, or the inputs that the resource keeps or may keep."""
    if find_left_object(step, stack):
        return [(step.resource.urn, "")]
    return [(step.resource.urn, path) for path in (*kept_inputs(step), *maybe_kept_inputs(step))]


def _reading(policy: str, stack: Stack, kept: Mapping[str, list[Place]]) -> _Reading:
    """Return the changes of the resources whose types a rule on whole stacks reads."""
    runs = [run for run in (stack.base, stack.head) if run]
    types = {kind for run in runs for group in run.read_types.get(policy, ()) for kind in group}
    reading = _Reading()
    for urn, step in stack.steps.items():
        if step.resource.type not in types:
            continue
        reading.kept += kept[urn]
        is_left = not step.new and kept[urn]
        if not is_left and _is_other(step, stack, kept[urn]):
            reading.changed.add(urn)
    return reading


def _causes(verdict: Row, stack: Stack, kept: Mapping[str, list[Place]], reading: _Reading) -> list[Place]:
    """Return what stays and may still cause a violation that the head lacks.

    This is the object itself, or the kept inputs that the message names. If it names none, the condition of
    the rule may be about any kept input of the resource, unless the property that the message names has
    another value, here or in a related resource that the rule reads. For a resource that does not change, the
    condition may be about what stays of related ones that the rule reads; of any, if no related one changes.
    """
    step = stack.steps.get(verdict["urn"])
    if not step or verdict["policy"] in OF_THE_PACK or verdict["level"] == UNKNOWN:
        return []
    text, own = _text(verdict), kept[verdict["urn"]]
    if named := [place for place in own if not place[1] or names_input(text, place[1])]:
        return named
    changed = [stack.steps[urn] for urn in sorted(reading.changed - {verdict["urn"]})]
    related = [other for other in changed if _are_related(step, other)]
    if own:
        explained = any(_has_other_value(text, read, kept[read.resource.urn]) for read in (step, *related))
        return [] if explained else own
    if not step.old or not step.new or _is_other(step, stack):
        return []
    of_related = [place for place in reading.kept if _are_related(step, stack.steps[place[0]])]
    return of_related or ([] if related else reading.kept)


def _are_related(first: Step, second: Step) -> bool:
    """Return True if one of two resources depends on the other one, in the base or in the head."""
    return any(
        side and source.resource.urn in side.sources
        for source, dependent in permutations((first, second))
        for side in (dependent.old, dependent.new)
    )


def _kept_lines(urn: str, kept: Iterable[Place], stack: Stack) -> str:
    """Return lines about what stays of the resource with this URN, or of others."""
    lines: list[str] = []
    inputs: list[str] = []
    for owner, path in sorted({*kept}):
        if step := stack.step_of(owner):
            of_other = "" if owner == urn else f" of {title(step.resource)}"
            if path:
                inputs.append(f"{path}{of_other}")
            else:
                lines.append(one_line(f"The object{of_other or ' itself'} {find_left_object(step, stack)}"))
    return "\n".join([*lines, KEPT.format(list_all(inputs))] if inputs else lines)


def _has_other_value(text: str, step: Step, kept: Iterable[Place]) -> bool:
    """Return True if a property differs with which a line of a message begins, apart from kept inputs.

    A new or deleted resource that has the property counts as well.
    """
    old, new = (_without_kept(side.values if side else {}, kept) for side in (step.old, step.new))
    paths = [match[0] for line in text.splitlines() if (match := PROPERTY.match(line))]
    return any(_differs_at(old, new, path) for path in paths)


def _without_kept(values: Json, kept: Iterable[Place]) -> Json:
    """Return the inputs of a resource without those that it keeps or may keep."""
    for _, path in kept:
        values = _without(values, tuple(path.split(".")))
    return values


def _differs_at(before: Any, after: Any, path: str) -> bool:
    """Return True if a property differs, which may be inside the JSON document in a text."""
    for key in _steps(path):
        before, after = (_member(value, key) for value in (before, after))
        if before is None or after is None:
            break
    return not is_equal(before, after)


def _member(value: Any, key: str | int) -> Any:
    """Return the member of an object, or the item of a list, that a key has; None if there is none."""
    document = parse_json(value)
    value = value if document is None else document
    if is_list(value):
        return value[key] if isinstance(key, int) and key < len(value) else None
    return value.get(str(key)) if is_map(value) else None


def _vanished(stack: Stack, base: EngineRun | None) -> Iterator[Row]:
    """Yield the verdicts on the base that the head lacks, if the head evaluates."""
    if not stack.head or stack.head.errors:
        return
    after = _verdicts(stack.head, stack)
    for key, earlier in _verdicts(base, stack).items():
        yield from earlier[len(after.get(key, [])) :]


def find_new(stack: Stack, violations: Iterable[Row]) -> Iterator[Finding]:
    """Yield findings for violations that only the head's policies report, or at a stricter level."""
    for violation in violations:
        yield replace(_finding(violation, stack, NEW), remediation=OF_THE_HEAD, from_head=True)


def _verdicts(run: EngineRun | None, stack: Stack) -> dict[Key, list[Row]]:
    """Return the verdicts of a run by key, with the URNs of the head.

    Several violations of one resource may have the same key.
    """
    verdicts: dict[Key, list[Row]] = {}
    for row in run.phase.violations if run else ():
        verdict = row if run is stack.head else row | {"urn": stack.head_urn(row["urn"])}
        verdicts.setdefault(_key(verdict), []).append(verdict)
    return verdicts


def _without_waiver_of_name(verdict: Row, stack: Stack, waivers: WaiverFiles | None) -> Row:
    """Return a verdict without its waiver if this does not count for what the resource was in the base.

    A resource may take over the name of another one, whose waiver was granted for another object.
    """
    policy, urn = verdict["policy"], verdict["urn"]
    if not waivers or not _waiver(verdict):
        return verdict
    uncovered = waivers.uncovered(policy, urn, stack.former_targets(urn))
    if not uncovered:
        return verdict
    rule = POLICY_RULES.get(policy)
    level = stack.head.waived_levels.get((policy, urn)) if stack.head else None
    level = level or (str(rule.level.value) if rule else MANDATORY)
    message = f"{_text(verdict)}\n{one_line(NOT_COVERED.format(list_all(uncovered)))}"
    return verdict | {"level": level, "message": message}


def _key(verdict: Row) -> Key:
    unknown = UNKNOWN if verdict["level"] == UNKNOWN else ""
    return verdict["policy"], verdict["urn"], _text(verdict), unknown


def _waiver(verdict: Row) -> str:
    match = waiver_match(verdict)
    return match["line"] if match else ""


def _text(verdict: Row) -> str:
    """Return a verdict's message without the line of its waiver."""
    text, match = verdict["message"], waiver_match(verdict)
    return text[: match.start("line")] + text[match.end() :] if match else text


def _is_new(verdict: Row, old: Row | None, base: EngineRun | None) -> bool:
    """Return True for a violation that the base lacks, or that is waived in only one of base and head."""
    if verdict["level"] == UNKNOWN:
        return False
    waived = bool(_waiver(verdict))
    if old:
        return bool(_waiver(old)) != waived
    return base is not None or not waived


def _differs(verdict: Row, stack: Stack) -> bool:
    """Return True if what the rule judged differs from the base, for a violation without a waiver.

    A message names one value, and shortens it. A rule may have judged more, such as the actions of the
    statement whose principal the message names.
    """
    if verdict["level"] == UNKNOWN or _waiver(verdict):
        return False
    if verdict["policy"] == pack_rules.crashed.name:
        return _may_crash_hide(verdict["urn"], stack)
    if any(_is_other(step, stack) for step in _judged_beside(verdict, stack)):
        return True
    step = stack.steps.get(verdict["urn"])
    if not step or not step.new:
        return False
    if not step.old:
        return not stack.base_failed  # The base only reads a resource of this name.
    if step.op == "replace" and step.new.options.get("ignoreChanges"):
        return True  # Until now, the real resource may have another value, which the base's program ignores.
    names = step.old.values.keys() | step.new.values.keys()
    lines = _text(verdict).splitlines()
    paths = [path for path, separator, _ in (line.partition(" is ") for line in lines) if separator]
    # Without a property, such as for "the bucket" or "type", a rule may have judged everything.
    known = [path for path in paths if top_name(path) in names] or [""]
    return stack.has_other_provider(step) or any(
        not is_equal(_judged(step.old.values, path), _judged(step.new.values, path)) for path in known
    )


def _may_crash_hide(urn: str, stack: Stack) -> bool:
    """Return True if anything changes that a rule which crashed on a resource, or on the stack, may judge.

    Such a rule judges nothing, so nobody knows whether the change breaks it.
    """
    if is_root(urn):
        return bool(stack.changed)
    step = stack.steps.get(urn)
    return step is not None and (step in stack.changed or stack.has_other_provider(step))


def _judged_beside(verdict: Row, stack: Stack) -> Iterator[Step]:
    """Yield the steps of resources that decide about the named one in a rule, as NetworkPolicies about pods.

    A rule reads the types of such resources apart from that of the named one. Those that it reads together,
    such as all kinds of pods, have verdicts of their own. The stack itself is of none of these types.
    """
    runs = [run for run in (stack.base, stack.head) if run]
    named = stack.steps.get(verdict["urn"])
    groups = {group for run in runs for group in run.read_types.get(verdict["policy"], ())}
    types = {kind for group in groups if not named or named.resource.type not in group for kind in group}
    for urn, step in stack.steps.items():
        if urn != verdict["urn"] and any(side and side.type in types for side in (step.old, step.new)):
            yield step


def _is_other(step: Step, stack: Stack, kept: Iterable[Place] = ()) -> bool:
    """Return True for a resource that is new, deleted, at another provider, or different but for `kept`."""
    if not step.old or not step.new:
        return True
    old, new = (_judged(_without_kept(side.values, kept), "") for side in (step.old, step.new))
    return not is_equal(old, new) or stack.has_other_provider(step)


def _judged(values: Json, path: str) -> Any:
    """Return what a rule that reports this path has judged: the resource without what is apart from it.

    Each item of a list of objects is apart from the others, and so are items of the lists beside it: other
    statements of a policy, other containers and volumes of a pod, other rules of a firewall.
    """
    steps = _steps(path)
    values = {name: value for name, value in values.items() if name != DEFAULTS}
    for apart in IRRELEVANT:
        # A list of tags decides who is notified of a monitor, but an object only describes.
        if steps[: len(apart)] != apart and not is_list(value_at(values, ".".join(map(str, apart)))):
            values = _without(values, apart)
    return _without_siblings(values, steps)


def _without_siblings(value: Any, steps: tuple[str | int, ...]) -> Any:
    """Return a value with only one item of the outermost list of objects to which the steps lead."""
    document = parse_json(value)
    value = value if document is None else document
    if not steps:
        return value
    key, *rest = steps
    if is_list(value) and isinstance(key, int) and key < len(value) and is_map(value[key]):
        return value[key]
    if not is_map(value) or key not in value:
        return value
    members = value.items()
    if rest and isinstance(rest[0], int) and _is_list_of_objects(value[key]):
        members = ((name, member) for name, member in members if not _is_list_of_objects(member))
    return dict(members) | {str(key): _without_siblings(value[key], tuple(rest))}


def _is_list_of_objects(value: Any) -> bool:
    return is_list(value) and all(map(is_map, value))


def _without(values: Json, keys: tuple[str | int, ...]) -> Json:
    """Return an object without the member to which these keys lead."""
    key, *rest = keys
    if key not in values:
        return values
    inner = values[str(key)]
    others = {name: member for name, member in values.items() if name != key}
    if not rest:
        return others
    return others | {str(key): _without(inner, tuple(rest))} if is_map(inner) else values


def _steps(path: str) -> tuple[str | int, ...]:
    """Return the keys and positions to which a path of the policy pack leads."""
    return tuple(
        int(index) if index else name or decode_key(key) for key, index, name in PATH_STEP.findall(path)
    )


def _counts_as_fixed(verdict: Row) -> bool:
    """Return True for a violation in the base that the report shows as fixed if the head lacks it."""
    unknown = verdict["policy"] == UNCHECKED_POLICY or verdict["level"] == UNKNOWN
    return not unknown and not _waiver(verdict)


def _finding(verdict: Row, stack: Stack, status: str) -> Finding:
    rule = POLICY_RULES.get(verdict["policy"])
    urn = verdict["urn"]
    message = _message(verdict, rule) or verdict["message"]
    waiver_line = _waiver(verdict)
    unknown = verdict["level"] == UNKNOWN or verdict["policy"] == UNCHECKED_POLICY
    kind = UNKNOWN if unknown else WAIVED if waiver_line else VIOLATION
    level = verdict["level"]
    if status == FIXED:
        level = ""
    elif unknown and rule:
        level = str(rule.level.value)
    details: dict[str, Any] = {"name": "the stack", "severity": verdict["severity"]}
    if rule:
        details |= _rule_details(rule, verdict)
    resource = stack.resources.get(urn)
    if resource and not is_root(urn):
        details |= resource.entry | {"former_name": resource.rename.former_name}
    return Finding(
        stacks=[stack.name],
        policy=verdict["policy"],
        message=message,
        level=level,
        status=status,
        verdict=kind,
        waiver=waiver_line,
        setting=None if unknown else _setting(message, urn, stack),
        blocks=kind == VIOLATION and level == MANDATORY and status == NEW,
        **details,
    )


def find_broken(stack: Stack, base: EngineRun | None) -> dict[str, set[str]]:
    """Return the policies that what stays of a resource may still break, without waivers, by its URN."""
    broken: dict[str, set[str]] = {}
    for verdict, kept in find_kept(stack, base):
        for urn, _ in kept if _counts_as_fixed(verdict) else ():
            broken.setdefault(urn, set()).add(verdict["policy"])
    return broken


def _message(verdict: Row, rule: Rule | None) -> str:
    """Return a verdict's message without the waiver and the rule's texts, which are shown elsewhere."""
    rule_texts = (rule.description, rule.remediation) if rule else ()
    lines = _text(verdict).splitlines()
    return "\n".join(line for line in lines if line.strip() and line.strip() not in rule_texts)


def _rule_details(rule: Rule, verdict: Row) -> dict[str, Any]:
    severity = str(rule.severity.value) if rule.severity else ""
    return {
        "controls": [f"{rule.framework}: {control}" for control in rule.controls],
        "remediation": rule.remediation,
        "url": rule.url,
        "severity": verdict["severity"] or severity,
    }


def _setting(message: str, urn: str, stack: Stack) -> SourceLocation | None:
    """Return the location of the setting for the property that a message names, or None."""
    match = PROPERTY_AND_VALUE.search(message)
    if not match:
        return None
    path, value = match.groups()
    value = {"True": "true", "False": "false"}.get(value, value)  # Messages use Python's literals.
    step = stack.steps.get(urn)
    old = as_text(value_at(step.old.inputs, path)) if step and step.old else None
    return stack.file.find_setting(path, old, value, stack.component_of(urn))

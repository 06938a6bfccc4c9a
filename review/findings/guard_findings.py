"""Findings about the policies themselves: weaker rules, new waivers, and violations of the head's rules."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from policies.engine.waivers import Entry, Waiver, Waivers, load
from review import guard, model
from review.guard import Pack, Packs
from review.model import EXISTING, SECTIONS, Finding, list_all, quote_name, title
from review.plain_data import is_map
from review.policy_rules import POLICY_RULES
from review.programs.file_states import read_states
from review.stacks.stack import Stack
from sandbox.errors import CommandError
from sandbox.progress import name_of, one_line
from sandbox.summary import Row, waiver_match
from sandbox.workspace.stacks import projects

WEAKENED = "guard-weakened"
FAILED = "does-not-evaluate"

STRENGTH = {"disabled": 0, "advisory": 1, "mandatory": 2, "remediate": 2}
"""Ranks of the levels. A rule that repairs resources is mandatory for those that it cannot repair."""

REPAIRING = "remediate"
"""Level with which a rule changes inputs that break it."""

WAIVER_FILES = {"policies/waivers.yaml": tuple(POLICY_RULES), "review/waivers.yaml": tuple(SECTIONS)}
"""Files of waivers, with the names of the findings that they may waive."""

LEVELS = Path("policies/config")
"""Folder with a file of levels for each stack: `dev.json`, `foundation/dev.json`."""

WITHOUT_FILE = "in stacks without a file in policies/config"

FIELDS = {"owner": "the owner", "reason": "the reason", "ticket": "the ticket", "expires": "the last day"}
"""Fields of a waiver, as a report names them."""

OF_OWNERS = "owner", "reason"
"""Fields of a waiver whose changes an owner has to approve: who answers for it, and why."""

STACK_OF_URN = re.compile(r"urn:pulumi:([\w-]+)::")
"""Pattern of the name of the stack in a URN."""

Place = tuple[str, str]
"""A rule and the URN of a resource."""


def find_weakened(stack: str, packs: Packs) -> Iterator[Finding]:
    """Yield a finding for each rule of the base that the head removes, lowers, or does not apply as often.

    Yield one for each rule of the head that changes inputs, too, unless the base's pack changes them alike.
    """
    base, head = packs.base, packs.head
    milder = admitted(packs)
    for rule, level in sorted(base.levels.items()):
        if level == "disabled":
            continue
        if rule not in head.levels:
            yield weakened(stack, rule, "the pull request removes this rule")
        elif _strength(head, rule) < _strength(base, rule):
            yield weakened(
                stack, rule, f"the pull request lowers its level from {level} to {head.levels[rule]}"
            )
        elif missing := sorted(name_of(urn) for name, urn in milder if name == rule):
            yield weakened(
                stack,
                rule,
                f"the pull request's rule or waivers admit violations in {list_all(missing)}, or lower "
                "their level",
            )
    yield from _find_lower_defaults(stack, packs)
    yield from _find_lower_later_levels(stack, packs)
    yield from _find_new_repairs(stack, packs)
    repaired: dict[str, set[str]] = {}
    for rule, urn, _ in {*head.repairs} - {*base.repairs}:
        repaired.setdefault(rule, set()).add(name_of(urn))
    for rule, names in sorted(repaired.items()):
        yield weakened(
            stack,
            rule,
            f"the pull request's rule changes inputs of {list_all(sorted(names))} in a deployment, and "
            "this report does not show the effects",
        )


def _find_lower_defaults(stack: str, packs: Packs) -> Iterator[Finding]:
    """Yield a finding for each rule that gets weaker in a stack without a file of levels.

    Such a stack may come with a later pull request, or be deployed without its file, so the level counts also
    if each stack of today has a file. A rule that gets weaker in this stack alike has a finding already.
    """
    base, head = packs.base, packs.head
    for rule, before in sorted(base.own_levels.items()):
        after = head.own_levels.get(rule)
        is_lower = STRENGTH[after or "disabled"] < STRENGTH[before]
        if is_lower and (before, after) != (base.levels.get(rule), head.levels.get(rule)):
            change = (
                f"lowers its level {WITHOUT_FILE} from {before} to {after}" if after else "removes this rule"
            )
            yield weakened(stack, rule, f"the pull request {change}")


def _find_lower_later_levels(stack: str, packs: Packs) -> Iterator[Finding]:
    """Yield a finding if the head gives rules that come later a lower level, even if no rule has it today."""
    base, head = packs.base, packs.head
    change = base.later_level, head.later_level
    own_change = base.own_later_level, head.own_later_level
    changes = {"": change} | ({f" {WITHOUT_FILE}": own_change} if own_change != change else {})
    for where, (before, after) in changes.items():
        if STRENGTH[after or "mandatory"] < STRENGTH[before or "mandatory"]:
            levels = f"from {before or 'their own'} to {after}"
            message = f"the pull request lowers the level of rules that come later{where} {levels}"
            yield weakened(stack, guard.ALL, message)


def _find_new_repairs(stack: str, packs: Packs) -> Iterator[Finding]:
    """Yield a finding for the rules that newly have the level `remediate`, also as that of later rules.

    A deployment changes what breaks such a rule and does not stop. No resource of today has to break it.
    """
    base, head = packs.base, packs.head
    here = _repairing(head.levels, head.later_level) - _repairing(base.levels, base.later_level)
    own = _repairing(head.own_levels, head.own_later_level) - _repairing(
        base.own_levels, base.own_later_level
    )
    for where, rules in (("", here), (f" {WITHOUT_FILE}", own - here)):
        if rules:
            names = sorted(rules, key=lambda rule: (rule != guard.ALL, rule))
            message = f"the pull request gives this level{where} to {list_all(names)}"
            yield weakened(
                stack, REPAIRING, f"{message}: a deployment changes what breaks it, and does not stop"
            )


def _repairing(levels: Mapping[str, str], later: str) -> set[str]:
    return {rule for rule, level in {**levels, guard.ALL: later}.items() if level == REPAIRING}


def find_ended_duties(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each component that the head gives up and that makes a rule demand something.

    A component has no object. If a rule demands guards of each stack with this component, their deletion
    breaks no rule any more.
    """
    for step in stack.changed:
        old = step.old
        new = step.resource
        if old and old.is_component and (step.op == "delete" or new.type != old.type or not new.is_component):
            rules = sorted(name for name, rule in POLICY_RULES.items() if old.type in rule.about)
            if rules:
                message = f"{title(old)} is no longer declared, so {list_all(rules)} demands nothing"
                yield weakened(stack.name, old.name, message)


def find_new_levels(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each file of levels that differs in the head and whose stack has no compared packs.

    An owner has to see which rules the stack gets, also if the stack itself comes with a later pull request,
    comes back, or is not among `stacks`, which are reviewed.
    """
    for file in _new_levels(stacks, base, head):
        stack = f"{file.relative_to(LEVELS).with_suffix('')}"
        verb = "changes" if os.path.lexists(base / file) else "adds"
        if not os.path.lexists(head / file):
            verb = "removes"
        whose = _describe_stack(stack, base, head)
        message = f"the pull request {verb} the levels of a stack that {whose}{summarize_levels(head / file)}"
        for name in [stack] if stack in stacks else stacks:
            yield weakened(name, f"{file}", message)


def levels_file(stack: str) -> Path:
    """Return the path of a stack's file of levels in a tree."""
    return LEVELS / f"{stack}.json"


def _describe_stack(stack: str, base: Path, head: Path) -> str:
    """Return why the packs of a stack are not compared."""
    if stack not in projects(base):
        return "the base lacks"
    return "this review leaves out" if stack in projects(head) else "it removes"


def _new_levels(stacks: Sequence[str], base: Path, head: Path) -> list[Path]:
    """Return the paths of the files of levels that differ between the trees, except those of compared stacks.

    The packs of `stacks` are compared, unless one of the trees lacks the stack.

    A link counts whatever its name is, since it may lead to a folder with such files. A name counts in every
    case, since macOS finds `qa.JSON` by the name `qa.json`.
    """
    before, after = (read_states(tree / LEVELS) for tree in (base, head))
    files = (LEVELS / file for file in before | after if before.get(file) != after.get(file))
    known = {*map(levels_file, projects(base).keys() & projects(head).keys() & {*stacks})}
    is_link = Path.is_symlink
    return sorted(
        file
        for file in files
        if file not in known and (_is_json(file) or is_link(base / file) or is_link(head / file))
    )


def _is_json(file: Path) -> bool:
    return file.suffix.casefold() == ".json"


def summarize_levels(file: Path) -> str:
    """List the rules in a file of levels that are not mandatory there, and those with options."""
    rules: dict[str, list[str]] = {"disabled": [], "advisory": []}
    for rule, value in sorted(_levels(file).items()):
        level = _level(value)
        if level not in (None, "mandatory"):
            rules.setdefault(f"{level}", []).append(rule)
        if is_map(value) and value.keys() - {guard.LEVEL}:
            rules.setdefault("with options", []).append(rule)
    return "".join(f"; {group}: {list_all(names)}" for group, names in rules.items() if names)


def _level(value: Any) -> Any:
    """Return the level in a value of a file of levels, or None if the value has only options."""
    return value.get(guard.LEVEL) if is_map(value) else value


def without_new_levels(stack: str, packs: Packs, base: Path, head: Path) -> Packs:
    """Return the packs of a stack without the differences that its file of levels explains.

    They differ only if the base lacks the stack: `find_new_levels` reports its file as a whole.
    """
    if levels_file(stack) not in _new_levels([stack], base, head):
        return packs
    file = levels_file(stack)
    leveled = {rule for rule, value in _levels(head / file).items() if _level(value) is not None}
    levels = {
        rule: packs.head.levels.get(rule, level) if rule in leveled or guard.ALL in leveled else level
        for rule, level in packs.base.levels.items()
    }
    configured = _with_options(base / file) | _with_options(head / file)
    options = {
        rule: (packs.head if rule in configured else packs.base).options.get(rule, {})
        for rule in packs.base.options.keys() | configured
    }
    lowered = {rule for rule, level in levels.items() if STRENGTH[level] < _strength(packs.base, rule)}
    violations = tuple(row for row in packs.base.violations if row["policy"] not in configured | lowered)
    later = packs.head.later_level if guard.ALL in leveled else packs.base.later_level
    base_pack = replace(packs.base, levels=levels, options=options, violations=violations, later_level=later)
    return replace(packs, base=base_pack)


def find_changed_options(stack: str, packs: Packs) -> Iterator[Finding]:
    """Yield a finding for each rule of the base that a deployment of the head gives other options.

    They come from policies/config, from the pack's initial configuration, or from the defaults in its
    schemas. A person has to judge whether they are weaker: the violations that they admit may come later, and
    so may a stack without a file of levels.
    """
    base, head = packs.base, packs.head
    for rule in sorted(base.levels.keys() & head.levels.keys()):
        change = _changed_options(base.options.get(rule, {}), head.options.get(rule, {}))
        own_change = _changed_options(base.own_options.get(rule, {}), head.own_options.get(rule, {}))
        if change:
            yield weakened(stack, rule, f"the pull request changes its options from {change}")
        if own_change and own_change != change:
            yield weakened(
                stack, rule, f"the pull request changes its options {WITHOUT_FILE} from {own_change}"
            )


def _changed_options(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the options that differ, before and after the change; empty without a difference."""
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return f"{_as_object(before, changed)} to {_as_object(after, changed)}" if changed else ""


def _as_object(options: Mapping[str, str], names: Set[str]) -> str:
    """Return the options with these names as JSON, or "none"."""
    members = [f"{json.dumps(name)}: {value}" for name, value in sorted(options.items()) if name in names]
    return f"{{{', '.join(members)}}}" if members else "none"


def _with_options(file: Path) -> set[str]:
    """Return the rules with options in a file of levels."""
    return {rule for rule, value in _levels(file).items() if is_map(value) and value.keys() - {guard.LEVEL}}


def _levels(file: Path) -> dict[str, Any]:
    """Return the content of a file of levels; empty for a file that is not valid.

    The pack under review does not start with such a file, which is a finding of its own.
    """
    with suppress(CommandError):
        return guard.read_levels(file)
    return {}


def find_wider_waivers(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each waiver of the head's files that the base lacks, or that lasts longer there.

    Yield one for an owner or a reason that differs, too: an owner has approved those of the base.

    A waiver that is invalid today counts as well: it becomes valid when its last day is near enough, or when
    the policies have the rule that it names. If a file changes, each of its invalid waivers counts, since the
    text of a fault names neither all policies nor the targets.
    """
    for file, names in WAIVER_FILES.items():
        before, after = (load(names, None, tree / file) for tree in (base, head))
        for fault in after.faults if _is_changed(base / file, head / file) else ():
            for stack in stacks:
                message = f"the pull request adds an invalid waiver, or changes a file that has one: {fault}"
                yield weakened(stack, file, message)
        earlier = _latest(before)
        for (policy, target), waiver in sorted(_latest(after).items()):
            former = earlier.get((policy, target))
            if former and waiver.expires <= former.expires:
                continue
            change = (
                f"extends the waiver until {former.expires} to {waiver.expires}"
                if former
                else f"adds a waiver until {waiver.expires}"
            )
            message = f"the pull request {change} for {target} ({file})"
            for stack in _covered(target, stacks):
                yield weakened(stack, policy, message)
        for change, entries in _changed_fields(before, after, OF_OWNERS):
            for stack in stacks:
                if own := [entry for entry in entries if stack in _covered(entry[1], stacks)]:
                    yield weakened(
                        stack, file, f"the pull request changes {change} of {_describe_entries(own)}"
                    )


def list_changed_waivers(base: Path, head: Path) -> Iterator[str]:
    """Yield a note for each waiver of the head whose ticket differs, or which expires earlier."""
    for file, names in WAIVER_FILES.items():
        before, after = (load(names, None, tree / file) for tree in (base, head))
        for change, entries in _changed_fields(before, after, ("ticket", "expires")):
            yield one_line(f"{file}: the pull request changes {change} of {_describe_entries(entries)}")


def _changed_fields(
    before: Waivers, after: Waivers, fields: Sequence[str]
) -> Iterator[tuple[str, list[Entry]]]:
    """Yield what differs in each waiver of both files, except for a later date, and the waiver's entries."""
    changed: dict[tuple[str, int], list[Entry]] = {}
    earlier = _latest(before)
    for entry, waiver in sorted(_latest(after).items()):
        former = earlier.get(entry, waiver)
        for name in fields:
            old, new = getattr(former, name), getattr(waiver, name)
            if old != new and not (name == "expires" and new > old):
                change = f"{FIELDS[name]} from {old} to {new}"
                changed.setdefault((change, waiver.index), []).append(entry)
    for (change, _), entries in changed.items():
        yield change, entries


def _describe_entries(entries: Iterable[Entry]) -> str:
    """Return the policies and the targets of some entries of waivers, each once."""
    policies, targets = (list_all(dict.fromkeys(names)) for names in zip(*entries, strict=True))
    return f"the waiver of {policies} for {targets}"


def _is_changed(before: Path, after: Path) -> bool:
    """Return True if a file is new, or has another content than before."""
    contents = [path.read_bytes() if path.is_file() else None for path in (before, after)]  # None: a folder
    return after.exists() and not (before.exists() and contents[0] == contents[1])


def _covered(target: str, stacks: Sequence[str]) -> Sequence[str]:
    """Return the stacks of a waiver's target, or all stacks if its URN has a pattern or an unknown stack."""
    match = STACK_OF_URN.match(target)
    return [stack for stack in stacks if match and stack.rpartition("/")[2] == match[1]] or stacks


def admitted(packs: Packs | None) -> set[Place]:
    """Return the places at which the head's policies report fewer violations, or at a lower level."""
    if packs is None:
        return set()
    before, after = _unwaived(packs.base), _unwaived(packs.head)
    return {
        (rule, urn)
        for (rule, urn, strength), count in before.items()
        if after[rule, urn, strength] < count or _strength(packs.head, rule) < _strength(packs.base, rule)
    }


def find_new(packs: Packs) -> Iterator[Row]:
    """Yield the unwaived violations that only the head's policies report, or at a stricter level.

    The engine may ask the pack several times about the whole stack, but a violation is yielded once.
    """
    before, after = _unwaived(packs.base), _unwaived(packs.head)
    for violation in {tuple(row.items()): row for row in packs.head.violations}.values():
        is_stricter = _strength(packs.head, violation["policy"]) > _strength(packs.base, violation["policy"])
        if not waiver_match(violation) and (
            is_stricter or any(after[place] > before[place] for place in _places(violation))
        ):
            yield violation


def apply_approval(finding: Finding, owner: str) -> Finding:
    """Return a finding as waived if an owner has approved it, and other findings as they are.

    An owner approves a weaker guard, and changes that are unknown because the base does not evaluate.
    """
    needs_owner = finding.policy == WEAKENED or (finding.policy == FAILED and finding.status == EXISTING)
    if not owner or not needs_owner:
        return finding
    return replace(finding, waiver=f"approved by {owner}", verdict=model.WAIVED, blocks=False)


def weakened(stack: str, name: str, message: str, shown: str = "") -> Finding:
    """Return a finding about a rule or a file, which blocks until an owner approves it.

    The sentence begins with the name, in quotation marks if it needs some, or with the text to be shown.
    """
    return Finding(
        stacks=[stack],
        policy=WEAKENED,
        name=name,
        message=one_line(f"{shown or quote_name(name)}: {message}"),
        level="mandatory",
        blocks=True,
    )


def _strength(pack: Pack, rule: str) -> int:
    return STRENGTH[pack.levels.get(rule, "disabled")]


def _unwaived(pack: Pack) -> Counter[tuple[str, str, int]]:
    """Return the number of unwaived violations of each rule and resource that are at least so strong."""
    return Counter(
        place for violation in pack.violations if not waiver_match(violation) for place in _places(violation)
    )


def _places(violation: Row) -> Iterator[tuple[str, str, int]]:
    """Yield the rule and the resource of a violation with each rank up to that of its own level.

    The engine stops a deployment by the level of the violation, not by that of the rule (pulumi/pulumi,
    pkg/resource/deploy/step_generator.go: analyzeAll, AnalyzeResources).
    """
    for strength in range(1, STRENGTH[violation["level"]] + 1):
        yield violation["policy"], violation["urn"], strength


def _latest(waivers: Waivers) -> dict[Entry, Waiver]:
    """Return the waiver that expires last by policy and target: a finding has this one (Waivers.of)."""
    latest: dict[Entry, Waiver] = {}
    for waiver in sorted(waivers.waivers, key=lambda waiver: waiver.expires, reverse=True):
        for policies, targets in waiver.match:
            for policy in policies:
                for target in targets:
                    latest.setdefault((policy, target), waiver)
    return latest

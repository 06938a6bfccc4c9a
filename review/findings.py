"""What is found: what policies say, what goes and why, where prod is weaker, what is no longer shared."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from review import model
from review.engine_run import ROOT, UNCHECKED, Observed, Resource, Stack, Step
from review.model import EXISTING, FIXED, NEW, RULES, UNKNOWN, Finding, Place, listed, title
from review.plain_data import is_map, plain, value_at
from review.properties import properties
from review.render import renderings
from sandbox.summary import LATER, Row

WAIVER = re.compile(r"^(waived until [^\n]*)\n", re.MULTILINE)
SAID = re.compile(r"^([\w.\[\]\"/-]+) (?:is|are|has) '?([^\s';,]+)'?", re.MULTILINE)  # property and value
Named = Mapping[tuple[str, str], Resource]  # resources by type and name


def policies(stack: Stack, base: Observed | None) -> Iterator[Finding]:
    """All findings of a stack; without a base nobody judged before, so what is not waived is told as new."""
    before, after = ({_key(each): each for each in side.said.violations} if side else {}
                     for side in (base, stack.head))  # fmt: skip
    counted = not any(each["level"] == UNKNOWN for each in after.values())
    for key, verdict in after.items():
        if verdict["policy"] != UNCHECKED or counted:
            old, waived = before.get(key), bool(_waived(verdict))
            changed = bool(_waived(old)) != waived if old else bool(base) or not waived
            fresh = verdict["level"] != UNKNOWN and changed
            yield _finding(verdict, stack, NEW if fresh else EXISTING)
    for key, verdict in before.items():
        told = verdict["policy"] == UNCHECKED or verdict["level"] == UNKNOWN or _waived(verdict)
        if key not in after and not told and stack.head and not stack.head.errors:
            yield _finding(verdict, stack, FIXED)


def _key(verdict: Row) -> tuple[str, ...]:
    said = re.sub(r"'[^']*'|\d+", "…", WAIVER.sub("", verdict["message"]))  # without the values it quotes
    return verdict["policy"], verdict["urn"], said, UNKNOWN if verdict["level"] == UNKNOWN else ""


def _waived(verdict: Row) -> str:
    return found[1] if (found := WAIVER.search(verdict["message"])) else ""


def _finding(verdict: Row, stack: Stack, status: str) -> Finding:
    rule, urn, level = renderings.RULES.get(verdict["policy"]), verdict["urn"], verdict["level"]
    about: dict[str, Any] = {"name": "the stack", "severity": verdict["severity"]}
    if rule:
        controls = [f"{rule.framework}: {control}" for control in rule.controls]
        about |= {"controls": controls, "remediation": rule.remediation, "url": rule.url}
        about["severity"] = verdict["severity"] or (str(rule.severity.value) if rule.severity else "")
    known = (rule.description, rule.remediation) if rule else ()
    lines = WAIVER.sub("", verdict["message"]).splitlines()
    message = "\n".join(line for line in lines if line.strip() and line.strip() not in known)
    unknown = level == UNKNOWN or verdict["policy"] == UNCHECKED
    word = UNKNOWN if unknown else model.WAIVED if _waived(verdict) else model.VIOLATION
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
        blocks=word == model.VIOLATION and level == "mandatory" and status == NEW, **about,
    )  # fmt: skip


def risk(step: Step, stack: Stack) -> Finding | None:
    """Why a resource is replaced or deleted, and what that means; None if it follows another such one."""
    if step.op not in ("replace", "delete"):
        return None
    old = step.old or step.resource
    chain, setting = _chain(step, stack) if step.op == "replace" else ([step], None)
    loss, kept = RULES["stateful"].get(old.type, ""), bool(old.state.get("retainOnDelete"))
    blocks = bool(loss) and not kept
    if not loss and ((chain[1:] and chain[1].op == "replace") or stack.gone_with(step)):
        return None
    for rule in RULES["stateful-when"]:
        loss = rule["says"] if rule["type"] == old.type and old.inputs.get(rule["property"]) is True else loss
    if loss and kept:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    elif loss and old.state.get("protect"):
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    why = _deletion(step, stack) if step.op == "delete" else [_why(each) for each in chain]
    said = [f"Because: {' ← '.join(why)}"]
    unset = step.op == "replace" and not setting
    said += ["Set by: unknown, no value identifies a settings key"] if unset else []
    dependents = {title(each) for each in stack.reached(old.urn) if each.type != ROOT}
    said.append(f"Depends on it: {listed(sorted(dependents)) or 'nothing'}")
    said += [f"Data: {loss}"] if loss else []
    return Finding(
        stacks=[stack.name], policy=f"{'stateful-' if loss else ''}{step.op}d", message="\n".join(said),
        type=old.type, name=old.name, places=step.resource.places,
        level="mandatory" if blocks else "advisory", setting=setting, blocks=blocks,
    )  # fmt: skip


def _chain(step: Step, stack: Stack) -> tuple[list[Step], Place | None]:
    """From a replaced resource to where its change began, and the settings key there."""
    chain: dict[str, Step] = {}
    begin, setting = step, None
    while begin and not setting and begin.resource.urn not in chain:
        chain[begin.resource.urn] = begin
        own = properties(begin, stack)
        forced = (each.setting for each in own if each.forces or not begin.forced_by)
        setting = next(filter(None, forced), None)
        # Without a difference of its own it goes because something that it depends on goes.
        paths = begin.forced_by or begin.diff or begin.resource.sources
        found = [each for path in paths for each in stack.sources(begin, path)]
        begin = min(found, key=lambda each: each.op != "replace", default=None)
    return [*chain.values()], setting


def _why(step: Step) -> str:
    if step.op == "create":
        return f"{title(step.resource)} is new"
    said: list[str] = []
    for path in step.forced_by or sorted(step.diff):
        old, new = (value_at(each.inputs, path) if each else None for each in (step.old, step.new))
        short = all(isinstance(each, str | int) and len(str(each)) < 80 for each in (old, new))
        said.append(f"{path} {old} → {new}" if short and old != new else path)
    return f"{title(step.resource)} is {step.op}d: {', '.join(said) or 'something it depends on is replaced'}"


def _deletion(step: Step, stack: Stack) -> list[str]:
    gone, parent = step.resource, stack.gone_with(step)
    said = [f"{title(gone)} is no longer declared"]
    said += [f"its component {parent.name} is gone"] if parent else []
    for come in (each.resource for each in stack.steps.values() if each.op == "create"):
        keys = gone.inputs.keys() | come.inputs.keys()
        alike = sum(gone.inputs.get(key) == come.inputs.get(key) for key in keys) >= 0.75 * len(keys)
        if come.type == gone.type and alike:
            said[0] += f", and {come.name} is new and the same: a rename without an alias?"
            break
    return said


def weaker(prod: Stack, stg: Stack) -> Iterator[Finding]:
    """What is weaker in prod than in stg, and whether the change made it so."""
    before = {*_weak(prod.old, stg.old)} if prod.old and stg.old else None
    for each in _weak(prod.new, stg.new):
        kind, name, path, value, message = each
        new = before is not None and each not in before
        now, old = (side.get((kind, name)) for side in (prod.new, prod.old))
        was = plain(value_at(old.inputs, path)) if old else None
        yield Finding(
            stacks=["prod"], type=kind, name=name, places=now.places if now else [], message=message,
            policy="prod-weaker-than-stg", level="mandatory" if new else "advisory", blocks=new,
            status=NEW if new else EXISTING, setting=prod.file.origin(path, was, value, name),
        )  # fmt: skip


def _weak(prod: Named, stg: Named) -> Iterator[tuple[str, str, str, str, str]]:
    for rule in RULES["strength"]:
        kind, path = rule["type"], rule.get("path", "")
        there, other = (sum(each == kind for each, _ in side) for side in (prod, stg))
        if not path and there < other:
            yield "", "the stack", "", "", f"{rule['what']}: {there} of {kind} in prod and {other} in stg"
        for (each, name), resource in stg.items() if path else ():
            if each == kind and rule.get("where", {}).items() <= resource.inputs.items():
                weak = value_at(prod[kind, name].inputs, path) if (kind, name) in prod else None
                strong = value_at(resource.inputs, path)
                sizes = _measure(weak, rule), _measure(strong, rule)
                if sizes[0] is not None and sizes[1] is not None and sizes[0] < sizes[1]:
                    one, two = (size if is_map(value) else plain(value) or "absent"
                                for value, size in zip((weak, strong), sizes, strict=True))  # fmt: skip
                    said = f"{rule['what']}: {path} is {one} in prod and {two} in stg"
                    yield kind, name, path, str(one), said


def _measure(value: Any, rule: Mapping[str, Any]) -> float | None:
    """How strong a value is: a number, or the oldest TLS version that a server's configuration allows."""
    lines = re.findall(r"ssl_protocols([^;]*);", str(value))
    if versions := re.findall(r"TLSv(1(?:\.\d)?)", " ".join(lines)):
        return min(map(float, versions))
    number = isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value))
    size = rule.get("means", {}).get(plain(value) or "absent", float(value) if number else None)
    return -size if size is not None and rule.get("less") else size


def apart(stacks: Sequence[Stack], neutral: Callable[[str, str], str]) -> Iterator[Finding]:
    """What was the same in two stacks and no longer is: properties, or whether a resource is there."""
    paths = {(step.resource.key, path): step.resource.places for stack in stacks for step in stack.changed
             for path in (step.diff if step.op in ("update", "replace") else ("",))}  # fmt: skip
    for key, path in sorted(paths):
        known: list[tuple[str, ...]] = []
        for stack in stacks:
            ones = stack.old.get(key), stack.new.get(key)
            texts = [plain(value_at(each.inputs, path)) or "(absent)" if each and path else
                     f"{'' if each else 'not '}there" for each in ones]  # fmt: skip
            if stack.old and (not path or all(ones)) and LATER not in "".join(texts):
                known.append((stack.name, *(neutral(text, stack.name) for text in texts)))
        if any(one[1] == two[1] and one[2] != two[2] for one, two in combinations(known, 2)):
            told = ", ".join(
                f"{renderings.brief(after, before)} in {stack}" for stack, before, after in known
            )
            yield Finding(
                stacks=[each[0] for each in known], type=key[0], name=key[1], places=paths[key, path],
                policy="stacks-no-longer-the-same", message=f"{path or 'it'} is {told}",
            )  # fmt: skip

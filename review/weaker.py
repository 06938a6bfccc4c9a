"""Where prod is weaker than stg, and what a change makes different between stacks."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from review.masks import is_map
from review.model import EXISTING, NEW, RULES, Finding
from review.observed import Resource
from review.phrases import brief
from review.properties import value_at
from review.settings import plain
from review.stack import Stack
from sandbox.summary import LATER

WEAKER, APART = "prod-weaker-than-stg", "stacks-no-longer-the-same"
Named = Mapping[tuple[str, str], Resource]  # resources by type and name


def weaker(prod: Stack, stg: Stack) -> Iterator[Finding]:
    """What is weaker in prod than in stg, and whether the change made it so."""
    before = {*_weak(prod.old, stg.old)} if prod.old and stg.old else None
    for each in _weak(prod.new, stg.new):
        kind, name, path, value, message = each
        new = before is not None and each not in before
        now, old = (side.get((kind, name)) for side in (prod.new, prod.old))
        was = plain(value_at(old.inputs, path)) if old else None
        yield Finding(
            stacks=["prod"], type=kind, name=name, places=now.places if now else [], policy=WEAKER,
            level="mandatory" if new else "advisory", status=NEW if new else EXISTING, blocks=new,
            message=message, setting=prod.file.origin(path, was, value, name),
        )  # fmt: skip


def _weak(prod: Named, stg: Named) -> Iterator[tuple[str, str, str, str, str]]:
    """Type, name, property, its value in prod, and what is to be said."""
    for rule in RULES["strength"]:
        kind, path, absent = rule["type"], rule.get("path", ""), rule.get("absent")
        there, other = (sum(each == kind for each, _ in side) for side in (prod, stg))
        if not path and there < other:
            said = f"{rule['what']}: {there} of {kind} in prod and {other} in stg"
            yield "", "the stack", "", "", said
        for (each, name), resource in stg.items() if path else ():
            if each == kind and rule.get("where", {}).items() <= resource.inputs.items():
                weak = value_at(prod[kind, name].inputs, path) if (kind, name) in prod else None
                strong = value_at(resource.inputs, path)
                sizes = absent if weak is None else _measure(weak), _measure(strong)
                if sizes[0] is not None and sizes[1] is not None and sizes[0] < sizes[1]:
                    one, two = (size if is_map(value) else "absent" if value is None else plain(value)
                                for value, size in zip((weak, strong), sizes, strict=True))  # fmt: skip
                    yield (
                        kind,
                        name,
                        path,
                        str(one),
                        f"{rule['what']}: {path} is {one} in prod and {two} in stg",
                    )


def _measure(value: Any) -> float | None:
    """How strong a value is: a number, or the oldest TLS version that a server's configuration allows."""
    lines = re.findall(r"ssl_protocols([^;]*);", str(value))
    if versions := re.findall(r"TLSv(1(?:\.\d)?)", " ".join(lines)):
        return min(map(float, versions))
    number = isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value))
    return float(value) if number else None


def apart(stacks: Sequence[Stack], neutral: Callable[[str, str], str]) -> Iterator[Finding]:
    """Resources and properties that were the same in two stacks, and are no longer."""
    # Of what comes or goes, whether it is there.
    paths = {(step.resource.key, path): step for stack in stacks for step in stack.changed
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
            told = ", ".join(f"{brief(after, before)} in {stack}" for stack, before, after in known)
            said = f"{path or 'it'} is {told}"
            yield Finding(
                stacks=[each[0] for each in known], type=key[0], name=key[1], policy=APART,
                places=paths[key, path].places, message=said,
            )  # fmt: skip

"""What goes away, why, and whether data goes with it; how resources hang together."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from review.model import Risk, Setting, short
from review.observed import ROOT, Observed, Resource, Step
from review.properties import properties, top, value_at
from review.settings import StackFile

TOP = "(stack)"
"""In place of a component where a resource has none."""

RULES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())


class Graph:
    """All resources of a stack, the head's where it has them."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.resources = resources

    def component(self, urn: str) -> str:
        """The name of the outermost component that a resource is in, or its own."""
        name = TOP
        while urn in self.resources and self.resources[urn].type != ROOT:
            name = self.resources[urn].name if self.resources[urn].component else name
            urn = self.resources[urn].state.get("parent") or ""
        return name

    @cached_property
    def _dependents(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for urn, resource in self.resources.items():
            for source in resource.dependencies:
                found.setdefault(source, []).append(urn)
        return found

    def reached(self, urn: str) -> Iterable[Resource]:
        """All that depends on a resource, directly or not."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = set(self._dependents.get(waiting.pop(), ())) - seen
            seen |= more
            waiting += more
        return (self.resources[each] for each in seen - {urn})


def source(step: Step, name: str, steps: Mapping[str, Step], ops: tuple[str, ...]) -> Step | None:
    """The changed resource that a property's value comes from; one that is replaced before another."""
    changed = [
        steps[urn] for urn in step.resource.sources.get(name, ()) if urn in steps and steps[urn].op in ops
    ]
    return min(changed, key=lambda each: (each.op != "replace", each.resource.urn), default=None)


def risk(step: Step, seen: Observed, graph: Graph, file: StackFile) -> Risk:
    """Why a resource is replaced or deleted, and what that means."""
    old = step.old or step.resource
    chain, setting = _chain(step, seen, graph, file)
    stateful, kept = old.type in RULES["stateful"], bool(old.state.get("retainOnDelete"))
    loss = RULES["stateful"].get(old.type, "")
    for rule in RULES["stateful-when"]:
        loss = rule["says"] if rule["type"] == old.type and old.inputs.get(rule["property"]) is True else loss
    if stateful and kept:
        loss = "It stays where it is, without Pulumi (retainOnDelete); nothing is lost."
    elif stateful and old.state.get("protect"):
        loss += " It is protected: `pulumi up` refuses until the protection is taken off."
    dependents = {f"{each.name} ({short(each.type)})" for each in graph.reached(old.urn) if each.type != ROOT}
    return Risk(
        list(step.forced_by), chain, setting, sorted(dependents), stateful, loss, blocks=stateful and not kept
    )


def _chain(step: Step, seen: Observed, graph: Graph, file: StackFile) -> tuple[list[str], Setting | None]:
    """From a resource to where its change began, and the settings key there."""
    if step.op == "delete":
        return _deletion(step, seen), None
    chain: list[str] = []
    visited: set[str] = set()
    begin: Step | None = step
    while begin and begin.resource.urn not in visited:
        step = begin
        visited.add(step.resource.urn)
        chain.append(f"{step.resource.name} ({short(step.resource.type)}) {_why(step)}")
        # Without a difference of its own it goes because something that it depends on goes.
        names = step.forced_by or tuple(step.diff) or tuple(step.resource.sources)
        ops = ("replace", "create", "update")
        begin = next(filter(None, (source(step, top(name), seen.steps, ops) for name in names)), None)
    found = properties(step, lambda _: "", file, graph.component(step.resource.urn))
    return chain, next(
        (each.setting for each in found if each.setting and (each.forces or not step.forced_by)), None
    )


def _why(step: Step) -> str:
    if step.op == "create":
        return "is new"
    said: list[str] = []
    for path in step.forced_by or sorted(step.diff):
        pair = [value_at(each.inputs, path) if each else None for each in (step.old, step.new)]
        told = (
            all(isinstance(each, str | int) and len(str(each)) < 80 for each in pair) and pair[0] != pair[1]
        )
        said.append(f"{path} {pair[0]} → {pair[1]}" if told else path)
    verb = "is replaced" if step.op == "replace" else "is updated"
    return f"{verb}: {', '.join(said) or 'something it depends on is replaced'}"


def _deletion(step: Step, seen: Observed) -> list[str]:
    gone = step.resource
    said = [f"{gone.name} ({short(gone.type)}) is no longer declared"]
    parent = seen.steps.get(gone.state.get("parent") or "")
    if parent and parent.op == "delete" and parent.resource.component:
        said.append(f"its component {parent.resource.name} is gone")
    come = (
        each.resource
        for each in seen.steps.values()
        if each.op == "create" and each.resource.type == gone.type
    )
    if same := next((each for each in come if _alike(gone, each)), None):
        said[0] += f", and {same.name} is new and the same: a rename without an alias?"
    return said


def _alike(old: Resource, new: Resource) -> bool:
    """Whether two resources are one under two names: at least three quarters of the inputs are equal."""
    keys = old.inputs.keys() | new.inputs.keys()
    return sum(old.inputs.get(key) == new.inputs.get(key) for key in keys) >= 0.75 * len(keys)

"""A stack as it was looked at: its resources on both sides, what is done with each, what depends on what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from review.model import OPS
from review.observed import ROOT, Observed, Resource, Step
from review.properties import value_at
from review.settings import StackFile, plain
from sandbox.summary import LATER


@dataclass
class Stack:
    """`base` and `head` are runs of the engine, None where there is no such stack; `before` has the base's
    resources by URN; `trouble` says why it was not looked at to the end."""

    name: str
    head: Observed | None = None
    base: Observed | None = None
    before: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    file: StackFile = field(default_factory=lambda: StackFile("", {}, {}))
    trouble: str = ""

    def __post_init__(self) -> None:
        # Where the base does not evaluate, nothing can be compared.
        self.alone = bool(self.base and self.base.errors)
        before: Mapping[str, Resource] = {} if self.alone else self.before
        self.steps = self.head.steps if self.head else {}
        self.resources = {**before, **{urn: step.resource for urn, step in self.steps.items()}}
        self.old = {one.key: one for one in before.values()}
        self.new = {one.resource.key: one.resource for one in self.steps.values() if one.op != "delete"}
        done = () if self.alone else self.steps.values()
        # But for providers and the stack itself.
        self.changed = [one for one in done if one.op in OPS and not one.resource.type.startswith("pulumi:")]
        self._dependents: dict[str, set[str]] = {}
        # The head no longer depends on what it has deleted; the base says who did.
        for resource in (*before.values(), *self.resources.values()):
            for source in resource.dependencies:
                self._dependents.setdefault(source, set()).add(resource.urn)

    def component(self, urn: str) -> str:
        """The name of the outermost component that a resource is in, or is; `(stack)` where there is none."""
        name = "(stack)"
        while urn in self.resources and self.resources[urn].type != ROOT:
            name = self.resources[urn].name if self.resources[urn].component else name
            urn = self.resources[urn].state.get("parent") or ""
        return name

    def reached(self, urn: str) -> Iterable[Resource]:
        """All that depends on a resource, directly or not."""
        seen, waiting = {urn}, [urn]
        while waiting:
            more = self._dependents.get(waiting.pop(), set()) - seen
            seen |= more
            waiting += more
        return (self.resources[each] for each in seen - {urn})

    def gone_with(self, step: Step) -> Resource | None:
        """The component that is deleted with a resource of it."""
        parent = self.steps.get(step.resource.state.get("parent") or "")
        return parent.resource if parent and parent.op == "delete" and parent.resource.component else None

    def sources(self, step: Step, path: str) -> list[Step]:
        """The changed resources that a property's value comes from, those that are replaced first.

        The engine names them for a whole property. Those count that gave the old value; where nobody is known
        to have, and the new value is not known either, all that are new.
        """
        name = path.partition(".")[0].partition("[")[0]
        near = [self.steps[urn] for urn in sorted(step.resource.sources.get(name, ())) if urn in self.steps]
        near = sorted((each for each in near if each.op in OPS), key=lambda each: each.op != "replace")
        old, new = (plain(value_at(side.inputs, path)) or "" if side else "" for side in (step.old, step.new))
        gave = [each.old.gave(old) if each.old else 0 for each in near]
        sure = [each for each, much in zip(near, gave, strict=True) if 0 < much == max(gave)]
        return sure or [each for each in near if each.op != "update" and LATER in new]

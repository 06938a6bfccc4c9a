"""How resources hang together: components, dependents, and the way a change travels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from review.observed import ROOT, Resource, Step

TOP = "(stack)"
"""In place of a component where a resource has none."""


@dataclass(frozen=True)
class Graph:
    """All resources of a stack, the head's where it has them."""

    resources: Mapping[str, Resource]

    def component(self, urn: str) -> str:
        """The name of the outermost component that a resource is in, or its own."""
        name = TOP
        while urn in self.resources and self.resources[urn].type != ROOT:
            found = self.resources[urn]
            if found.component:
                name = found.name
            urn = found.parent
        return name

    def upstream(self, urn: str) -> tuple[str, ...]:
        found = self.resources.get(urn)
        return found.dependencies if found else ()

    def dependents(self) -> Mapping[str, list[str]]:
        """Who depends on each resource, directly."""
        found: dict[str, list[str]] = {}
        for urn, resource in self.resources.items():
            for source in resource.dependencies:
                found.setdefault(source, []).append(urn)
        return found


def reached(urn: str, downstream: Mapping[str, Iterable[str]]) -> list[str]:
    """All that depends on a resource, directly or not."""
    seen: dict[str, None] = {}
    waiting = [urn]
    while waiting:
        for each in downstream.get(waiting.pop(), ()):
            if each not in seen and each != urn:
                seen[each] = None
                waiting.append(each)
    return list(seen)


def source(step: Step, name: str, steps: Mapping[str, Step]) -> Step | None:
    """The changed resource that a property's value comes from; one that is replaced before another."""
    resource = step.new or step.old
    urns = resource.by_property.get(name, []) if resource else []
    changed = [
        steps[urn] for urn in urns if urn in steps and steps[urn].op in ("replace", "create", "update")
    ]
    return min(changed, key=lambda each: (each.op != "replace", each.resource.urn), default=None)

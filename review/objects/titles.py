"""Titles of resources with the same name and type, to which a report adds the parents of the resources."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from review.model import title
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.progress import is_root, one_line, short


class Side(NamedTuple):
    """A resource in the base or the head of a stack."""

    stack: Stack
    step: Step
    resource: Resource

    @property
    def title(self) -> tuple[str, str]:
        """The title in its project."""
        return self.stack.project, one_line(title(self.resource))

    @property
    def parents(self) -> Iterator[Resource]:
        """The resources around this one on its side, the innermost first."""
        in_base = self.resource is self.step.old
        urn = self.resource.parent
        while urn and not is_root(urn):
            step = self.stack.step_of(urn) if in_base else self.stack.steps.get(urn)
            parent = (step.old if in_base else step.new) if step else None
            if parent is None:
                return
            yield parent
            urn = parent.parent


def tell_apart(stacks: Iterable[Stack]) -> None:
    """Give all resources titles that are unique in base and head of the stacks of a project.

    The types of all parents are a part of a URN, so a program may declare several resources of one name and
    type below parents of other types. Names and types of all parents are added to the title of such a
    resource or, if they are the same, too, the URN, which is always unique.
    """
    sides = [
        Side(stack, step, resource)
        for stack in stacks
        for step in stack.steps.values()
        for resource in (step.old, step.new)
        if resource
    ]
    for side in [*_ambiguous(sides)]:
        side.resource.parents = " in ".join(
            f"{parent.name} ({one_line(short(parent.type))})" for parent in side.parents
        )
    for side in [*_ambiguous(sides)]:
        side.resource.parents = one_line(side.resource.key[1])


def _ambiguous(sides: Iterable[Side]) -> Iterator[Side]:
    """Yield the resources whose title another one has, too. Base and head of a step are one resource."""
    sides_of: dict[tuple[str, str], list[Side]] = {}
    for side in sides:
        sides_of.setdefault(side.title, []).append(side)
    for same in sides_of.values():
        if len({side.step.resource.key for side in same}) > 1:
            yield from same

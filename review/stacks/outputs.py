"""Outputs of a stack that change."""

from itertools import chain

from review.model import Change, Property
from review.objects.value_owners import output_remarks
from review.stacks.stack import Stack
from review.stacks.value_parts import split
from review.values.value_paths import Paths
from sandbox.progress import ROOT_TYPE


def find_changes(stack: Stack) -> list[Change]:
    """Return a change of the stack itself, if its outputs differ between base and head; else an empty list.

    The list is also empty if a side was not evaluated or failed.
    """
    sides = stack.base, stack.head
    before, after = (side.phase.outputs if side and not side.errors else None for side in sides)
    if before is None or after is None or stack.trouble:
        return []
    parts = chain.from_iterable(
        split(_paths(name), before.get(name), after.get(name)) for name in sorted(before | after)
    )
    properties = [
        Property(
            part.path,
            *part.texts,
            forces=False,
            folded="",
            setting=None,
            sources=output_remarks(part, stack),
        )
        for part in parts
    ]
    change = Change(
        stacks=[stack.name],
        type=ROOT_TYPE,
        name=f"{stack.project}-{stack.name.rpartition('/')[2]}",
        op="update",
        component=stack.component_of(""),
        upstream=[],
        properties=properties,
    )
    return [change] if properties else []


def _paths(name: str) -> Paths:
    path = f"output {name}"
    return Paths(path, path, path, path)

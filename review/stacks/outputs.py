"""Outputs of a stack that change."""

from review.model import Change, Property
from review.plain_data import as_texts, is_equal
from review.stacks.stack import Stack
from sandbox.progress import ROOT_TYPE


def find_changes(stack: Stack) -> list[Change]:
    """Return a change of the stack itself, if its outputs differ between base and head; else an empty list.

    The list is also empty if a side was not evaluated or failed.
    """
    sides = stack.base, stack.head
    before, after = (side.phase.outputs if side and not side.errors else None for side in sides)
    if before is None or after is None or stack.trouble:
        return []
    properties = [
        Property(
            f"output {name}",
            *as_texts(before.get(name), after.get(name)),
            forces=False,
            folded="",
            setting=None,
        )
        for name in sorted(before | after)
        if not is_equal(before.get(name), after.get(name))
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

"""Outputs of a stack that change."""

from itertools import chain

from review.model import Change, Property
from review.objects.value_owners import output_remarks
from review.plain_data import mark_nulls, path_of
from review.stacks.properties import KNOWN_LATER
from review.stacks.stack import Stack
from review.stacks.value_parts import show_secrets, split
from review.values.value_paths import Paths
from sandbox.progress import ROOT_TYPE
from sandbox.summary import LATER


def find_changes(stack: Stack) -> list[Change]:
    """Return a change of the stack itself, if its outputs differ between base and head; else an empty list.

    All outputs of a new stack are new. The list is also empty if a side was not evaluated or failed. A real
    preview has no base: its events have the outputs in the state before, and masks for secret ones.
    """
    if not stack.head or stack.head.errors or stack.base_failed or stack.trouble:
        return []
    head = stack.head.phase
    former = {} if stack.predicted else head.former_outputs
    before, after = map(mark_nulls, (stack.base.phase.outputs if stack.base else former, head.outputs))
    parts = chain.from_iterable(
        show_secrets(part, stack.mark_secrets, stack.mark_secrets)
        for name in sorted(before | after)
        for part in split(_paths(name), before.get(name), after.get(name))
    )
    properties = [
        Property(
            part.path,
            *part.texts,
            forces=False,
            folded=KNOWN_LATER if part.after == LATER and not stack.predicted else "",
            setting=None,
            sources=output_remarks(part, stack),
        )
        for part in parts
    ]
    change = Change(
        stacks=[stack.name],
        type=ROOT_TYPE,
        name=f"{stack.project}-{stack.name.rpartition('/')[2]}",
        op="update" if stack.base or former else "create",
        component=stack.component_of(""),
        upstream=[],
        properties=properties,
    )
    return [change] if properties else []


def _paths(name: str) -> Paths:
    path = f"output {path_of('', name)}"
    return Paths(path, path, path, path)

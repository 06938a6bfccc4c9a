"""Outputs of a stack and of its components that change."""

from collections.abc import Iterator
from itertools import chain

from review.model import Change, Property
from review.objects.value_owners import output_remarks
from review.plain_data import mark_nulls, path_of
from review.stacks.engine_run import Step
from review.stacks.properties import KNOWN_LATER, substitute_renewed
from review.stacks.resources import Json
from review.stacks.secret_values import output_path
from review.stacks.stack import Stack
from review.stacks.value_parts import Part, is_unknown, show_secrets, split
from review.values.value_paths import Paths
from sandbox.progress import ROOT_TYPE
from sandbox.summary import LATER


def find_changes(stack: Stack) -> list[Change]:
    """Return changes of the stack and of its components whose outputs differ between base and head.

    Those components are left out that change in other ways as well. All outputs of a new stack are new. The
    list is empty if a side was not evaluated or failed. A real preview has no base: its events have the
    stack's outputs in the state before, and masks for secret ones.
    """
    if not _are_comparable(stack) or not stack.head:
        return []
    before, after = stack.outputs
    change = Change(
        stacks=[stack.name],
        type=ROOT_TYPE,
        name=f"{stack.project}-{stack.name.rpartition('/')[2]}",
        op="update" if stack.base or before else "create",
        component=stack.component_of(""),
        upstream=[],
        properties=[_property(part, stack) for part in _parts(stack, before, after)],
    )
    changed = {id(step) for step in stack.changed}
    others = (
        Change(
            stacks=[stack.name],
            **step.entry,
            op="update",
            component=stack.component_of(step.resource.urn),
            upstream=[],
            properties=find_properties(step, stack),
        )
        for step in stack.steps.values()
        if step.resource.is_component and id(step) not in changed
    )
    return [change for change in (change, *others) if change.properties]


def find_properties(step: Step, stack: Stack) -> list[Property]:
    """Return the outputs of a component that differ between base and head, or the state and a real preview.

    An output is left out if it changes just as the computed outputs of changed resources do, which the report
    has at these, and one that is known later. So are all if nobody has recorded those of the base, in which
    at least the stack has some.
    """
    is_recorded = not stack.base or stack.base.component_outputs
    if not step.new or not step.new.is_component or not is_recorded or not _are_comparable(stack):
        return []
    parts = _parts(stack, step.old.outputs if step.old else {}, step.new.outputs)
    return [_property(part, stack) for part in parts if not _follows(part, stack)]


def _are_comparable(stack: Stack) -> bool:
    return bool(stack.head and not stack.head.errors and not stack.base_failed and not stack.trouble)


def _parts(stack: Stack, before: Json, after: Json) -> Iterator[Part]:
    before, after = map(mark_nulls, (before, after))
    return chain.from_iterable(
        show_secrets(part, stack.mark_secrets, stack.mark_secrets)
        for name in sorted(before | after)
        for part in split(_paths(name), before.get(name), after.get(name))
    )


def _follows(part: Part, stack: Stack) -> bool:
    """Return True if only computed outputs of changed resources differ in a text, or may do so."""
    before, after = part.before, part.after
    if is_unknown(after) and not stack.predicted:
        return before is not None
    if not isinstance(before, str) or not isinstance(after, str) or before == after:
        return False
    return substitute_renewed(before, stack.changed, stack) == after


def _property(part: Part, stack: Stack) -> Property:
    return Property(
        part.path,
        *part.texts,
        forces=False,
        folded=KNOWN_LATER if part.after == LATER and not stack.predicted else "",
        setting=None,
        sources=output_remarks(part, stack),
    )


def _paths(name: str) -> Paths:
    path = output_path(path_of("", name))
    return Paths(path, path, path, path)

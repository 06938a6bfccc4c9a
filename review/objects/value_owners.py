"""Resources of the stack whose IDs, ARNs and other computed outputs are in a changed value.

A review invents these texts, so without the names of the resources they say nothing to a reader.
"""

import re
from collections.abc import Iterator

from review.model import list_first, title
from review.objects.owners import NOT_IN_STACK, OF_AWS, owner_remark
from review.plain_data import as_text
from review.stacks.engine_run import Step
from review.stacks.existing_objects import object_names
from review.stacks.resources import Json, Resource
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import Part
from sandbox.summary import LATER, MASK

BEFORE = "before: "
"""Start of the remark on the base's value."""

Owners = dict[str, Resource]
"""Resources by their URN in the head or, if they are deleted, in the base."""


def owner_remarks(part: Part, step: Step, stack: Stack) -> list[str]:
    """Return whose IDs, ARNs or outputs a change puts into a value, and whose it removes.

    The result is empty if the value comes from the same resources as in the base, or from none on both.
    """
    if step.old is None or step.new is None or part.is_order:
        return []
    before, after = as_text(part.before), as_text(part.after)
    old_path, new_path = part.paths.places
    old = (
        {} if before is None or old_path is None else _owners(before, old_path, step.old, stack, is_old=True)
    )
    new = {} if after is None or new_path is None else _owners(after, new_path, step.new, stack, is_old=False)
    gained, lost = (
        [side[urn] for urn in side if urn not in other] for side, other in ((new, old), (old, new))
    )
    if not old and not new:
        is_object = new_path in object_names(step.new)
        remark = owner_remark(stack, step.new, new_path) if new_path and is_object else ""
        return [remark] if remark else []
    remarks = [list_first([*map(title, owners)], 3) for owners in (gained, lost)]
    if lost and not new and after is not None and _is_foreign(after, stack):
        remarks[0] = NOT_IN_STACK
    return [f"{start}{remark}" for start, remark in zip(("", BEFORE), remarks, strict=True) if remark]


def _owners(text: str, path: str, resource: Resource, stack: Stack, *, is_old: bool) -> Owners:
    """Return the resources to which a text of another one belongs.

    An ID or ARN that no program chooses leads to its resource. Any other text only counts if the property
    depends on the resource, since an output may repeat what the program says elsewhere, too.
    """
    sources = resource.property_dependencies.get(top_name(path), ())
    objects = stack.old_owners if is_old else stack.owners
    named = [
        owner
        for owner in objects.get(text, ())
        if owner.urn in sources or text in stack.invented_texts(owner)
    ]
    steps = [stack.step_of(urn) if is_old else stack.steps.get(urn) for urn in sources]
    others = [owner for step in steps if step and (owner := step.old if is_old else step.new)]
    containing = [owner for owner in others if any(_contains(text, own) for own in _identities(owner, stack))]
    return {_urn(owner, stack): owner for owner in (*named, *containing) if owner is not resource}


def _urn(resource: Resource, stack: Stack) -> str:
    step = stack.step_of(resource.urn)
    return step.resource.urn if step else resource.urn


def _identities(resource: Resource, stack: Stack) -> Iterator[str]:
    """Yield the texts by which a value shows that it comes from a resource."""
    if stack.predicted:
        yield from stack.invented_texts(resource)
    else:
        outputs: Json = resource.state.get("outputs") or {}
        names = resource.state.get("id"), outputs.get("arn")
        yield from (name for name in names if isinstance(name, str) and name)


def _contains(text: str, word: str) -> bool:
    return word in text and bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text))


def _is_foreign(text: str, stack: Stack) -> bool:
    """Return True for a known text that is the ID, ARN or name of no resource in the head."""
    return LATER not in text and MASK not in text and OF_AWS not in text and text not in stack.owners

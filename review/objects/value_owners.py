"""Resources and look-ups whose IDs, ARNs and other computed outputs are in a new or changed value.

A review invents these texts, so without the names of their sources they say nothing to a reader.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from review.model import title
from review.objects.lookup_answers import find_lookups
from review.objects.owners import NOT_IN_STACK, OF_AWS, owner_remark
from review.plain_data import as_text
from review.stacks.engine_run import EngineRun, Step
from review.stacks.existing_objects import object_names
from review.stacks.resources import Json, Resource
from review.stacks.stack import Stack, top_name
from review.stacks.value_parts import Part
from sandbox.summary import LATER, MASK

BEFORE = "before: "
"""Start of the name of a source that only the base's value has."""

Sources = dict[str, str]
"""Titles of resources by their URN in the head or, if they are deleted, in the base; and look-ups by their
names. All are in the order in which the value has them.
"""


def owner_remarks(part: Part, step: Step, stack: Stack) -> list[str]:
    """Return whose IDs, ARNs, outputs or answers a change puts into a value, and whose it removes.

    The result is empty if the value comes from the same resources as in the base, or from none on both.
    """
    if step.old is None or step.new is None or part.is_order:
        return []
    before, after = as_text(part.before), as_text(part.after)
    old_path, new_path = part.paths.places
    old, new = (
        {} if text is None or path is None else _sources(text, path, side, stack, is_old=is_old)
        for text, path, side, is_old in (
            (before, old_path, step.old, True),
            (after, new_path, step.new, False),
        )
    )
    if not old and not new:
        is_object = new_path in object_names(step.new)
        remark = owner_remark(stack, step.new, new_path) if new_path and is_object else ""
        return [remark] if remark else []
    # A value that depends on such a resource may be computed from it, although it does not show it.
    urns = step.new.property_dependencies.get(top_name(new_path or ""), ())
    is_computed = any(urn in old for urn in urns)
    return _remarks(old, new, None if is_computed else after, stack)


def output_remarks(part: Part, stack: Stack) -> list[str]:
    """Return the same for a part of an output of the stack, which may have the outputs of any resource."""
    before, after = as_text(part.before), as_text(part.after)
    old, new = (
        {} if text is None else _invented_sources(text, resources.values(), run, stack)
        for text, resources, run in ((before, stack.old, stack.base), (after, stack.new, stack.head))
    )
    return _remarks(old, new, None, stack)


def new_value_remarks(path: str, value: Any, resource: Resource, stack: Stack, *, owner: str) -> list[str]:
    """Return whose IDs, ARNs, outputs or answers are in an input of a created resource.

    `owner` is the remark on the object that the input names, or an empty string.
    """
    text = as_text(value) or ""
    if owner:
        return [owner, *(find_lookups(text, stack.head) if owner == NOT_IN_STACK else ())]
    urns = resource.property_dependencies.get(top_name(path), ())
    steps = (stack.steps.get(urn) for urn in urns)
    candidates = [*stack.owners.get(text, ()), *(step.new for step in steps if step and step.new)]
    sources = _invented_sources(text, candidates, stack.head, stack)
    return [*sources.values()]


def _remarks(old: Sources, new: Sources, after: str | None, stack: Stack) -> list[str]:
    """Return the sources that only the head's value has, then those that only the base's has.

    If both have the same ones in another order, all are named.
    """
    gained, lost = (
        [side[key] for key in side if key not in other] for side, other in ((new, old), (old, new))
    )
    if not gained and not lost and [*old] != [*new]:
        gained, lost = [*new.values()], [*old.values()]
    if lost and not new and after is not None and _is_foreign(after, stack):
        gained = [NOT_IN_STACK]
    return [*gained, *(f"{BEFORE}{name}" for name in lost)]


def _sources(text: str, path: str, resource: Resource, stack: Stack, *, is_old: bool) -> Sources:
    """Return the resources and the look-ups to which a text of a resource belongs.

    An ID or ARN that no program chooses leads to its resource. Any other text only counts if the property
    depends on the resource, since an output may repeat what the program says elsewhere, too.
    """
    urns = resource.property_dependencies.get(top_name(path), ())
    objects = stack.old_owners if is_old else stack.owners
    named = [
        owner for owner in objects.get(text, ()) if owner.urn in urns or text in stack.invented_texts(owner)
    ]
    steps = [stack.step_of(urn) if is_old else stack.steps.get(urn) for urn in urns]
    others = [owner for step in steps if step and (owner := step.old if is_old else step.new)]
    named = [owner for owner in named if owner is not resource]
    others = [owner for owner in others if owner is not resource]
    run = stack.base if is_old else stack.head
    return _titles(named, stack) | _invented_sources(text, others, run, stack)


def _invented_sources(
    text: str, candidates: Iterable[Resource], run: EngineRun | None, stack: Stack
) -> Sources:
    """Return the candidates whose invented texts are in a text, and the look-ups that have found it."""
    places: list[tuple[int, Resource]] = []
    for owner in candidates:
        own_places = [_find(own, text) for own in _identities(owner, stack)]
        first = min((place for place in own_places if place is not None), default=None)
        if first is not None:
            places.append((first, owner))
    places.sort(key=lambda item: item[0])
    lookups = find_lookups(text, run)
    return _titles([owner for _, owner in places], stack) | dict(zip(lookups, lookups, strict=True))


def _titles(owners: Iterable[Resource], stack: Stack) -> Sources:
    return {_urn(owner, stack): title(owner) for owner in owners}


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


def _find(word: str, text: str) -> int | None:
    """Return the place of a word in a text, or None if the text lacks it."""
    match = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) if word in text else None
    return match.start() if match else None


def _is_foreign(text: str, stack: Stack) -> bool:
    """Return True for a known text that is the ID, ARN or name of no resource in the head."""
    return LATER not in text and MASK not in text and OF_AWS not in text and text not in stack.owners

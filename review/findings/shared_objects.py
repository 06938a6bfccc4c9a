"""New resources whose object on an account or in a cluster belongs to another resource as well."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from review.model import Finding, title
from review.plain_data import as_text
from review.stacks.engine_run import Step
from review.stacks.resources import PROVIDERS, Resource
from review.stacks.stack import Stack

Identity = tuple[str, str, str, str]
"""Package, kind, region and ID of an object."""

VERSION = re.compile(r"V\d+$")
"""End of a type that is another name of the type without this end (pulumi-aws: BucketVersioningV2)."""

LINK = re.compile(r"aws:.*(Attachment|Association|Permission|Subscription)")
"""Types that only connect other resources. A provider can invent their IDs; for equal inputs, AWS has a
single object.
"""

REMEDY = "Declare the object once, and give a renamed resource an alias of its former name"


class _Owner(NamedTuple):
    """A step whose resource has an object, which `up` deletes if `deletes` is True."""

    step: Step
    deletes: bool


def find_shared(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each such resource with a finding, which blocks.

    Pulumi deletes resources after it has created others. So if a resource gets another name without an alias,
    the new resource takes over the object, and the deletion of the old one removes it. Neither the state nor
    the policies show that: for them, the new resource exists.
    """
    if not stack.predicted or stack.base_failed:
        return
    owners: dict[Identity, list[_Owner]] = defaultdict(list)
    for step in stack.steps.values():
        for resource, deletes in _sides(step, stack):
            if identity := _identity(resource, stack):
                owners[identity].append(_Owner(step, deletes))
    for sharing in owners.values():
        for step in (owner.step for owner in sharing if not owner.deletes):
            messages = [_describe(step, owner) for owner in sharing]
            if step.op in ("create", "replace") and any(messages):
                message = next(filter(None, messages))
                finding = stack.blocking_finding("object-shared", step.resource, message, REMEDY)
                yield step.resource.urn, finding


def _sides(step: Step, stack: Stack) -> Iterator[tuple[Resource, bool]]:
    """Yield the resources of a step that have an object after it, or whose object it deletes (True).

    The objects of a replaced provider are in another place.
    """
    if step.op != "delete":
        yield step.resource, False
    provider = stack.steps.get(step.old.provider) if step.old else None
    if step.old and step.op in ("delete", "replace") and not (provider and provider.op == "replace"):
        yield step.old, True


def _describe(step: Step, owner: _Owner) -> str:
    """Describe what happens to the object of a new resource because of an owner; empty if nothing does."""
    if owner.step is step:
        is_lost = owner.deletes and step.created_first
        return "the replacement gets the same object, which `up` deletes afterwards" if is_lost else ""
    name = title(owner.step.resource)
    if owner.deletes:
        return f"it has the object of {name}, which `up` deletes afterwards, and the object with it"
    return f"it has the object of {name}, too; the last change of the two determines the object"


def _identity(resource: Resource, stack: Stack) -> Identity | None:
    """Return the identity of a resource's object; None for a resource without an object of its own."""
    identifier = str(resource.state.get("id") or "")
    is_managed = not resource.is_component and not resource.state.get("external")
    if not identifier or not is_managed or resource.type.startswith(PROVIDERS):
        return None
    if LINK.fullmatch(resource.type):
        inputs = {name: value for name, value in resource.inputs.items() if not name.startswith("__")}
        identifier = as_text(dict(sorted(inputs.items()))) or ""
    provider = stack.resources.get(resource.provider)
    region = resource.inputs.get("region") or (provider and provider.inputs.get("region"))
    package, _, rest = resource.type.partition(":")
    return package, VERSION.sub("", rest.rpartition(":")[2]), as_text(region) or "", identifier

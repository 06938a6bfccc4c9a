"""Names of objects that tell whether two resources have one: an ID, an ARN or a name of the same object."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from review.objects.owners import find_owner
from review.objects.parts import identifying_texts, object_inputs
from review.stacks.resources import Resource
from review.stacks.stack import Stack

ARN = re.compile(r"arn:|\d{12}:")
"""Start of an ARN or of a part of one, which Lambda accepts as well (Lambda API: FunctionName)."""

SECRET = re.compile(r":secret:([^:]+)-\w{6}$")
"""End of the ARN of a secret: its name and six characters (Secrets Manager API, GetSecretValue: SecretId)."""


@dataclass(frozen=True)
class ObjectName:
    """An input that identifies an object, and the URN and the ID of the resource that owns the object."""

    input_name: str
    text: str
    owner: tuple[str, str] | None = None


def identify_object(resource: Resource, stack: Stack, *, in_base: bool) -> tuple[ObjectName, ...]:
    """Return what identifies the object of a resource of base or head, if its type has no table."""
    objects = object_inputs(resource)
    return tuple(
        ObjectName(name, text, _owner(resource, name, stack, in_base=in_base) if name in objects else None)
        for name, text in identifying_texts(resource)
    )


def are_one_object(first: Sequence[ObjectName], second: Sequence[ObjectName]) -> bool:
    """Return True if all names of two resources of one kind in one region are those of one object."""
    return bool(first) and len(first) == len(second) and all(map(_is_one, first, second))


def _owner(resource: Resource, name: str, stack: Stack, *, in_base: bool) -> tuple[str, str] | None:
    """Return the URN in the head and the ID of the resource that an input names.

    A replacement of the owner has another ID, and is another object.
    """
    owner = find_owner(stack, resource, name, in_base=in_base)
    return (stack.head_urn(owner.urn), str(owner.state.get("id"))) if owner else None


def _is_one(first: ObjectName, second: ObjectName) -> bool:
    """Return True if two names are those of one object: an API accepts its ID or name, and its ARN."""
    if first.text == second.text or (first.owner and first.owner == second.owner):
        return True
    return _is_end(first.text, second.text) or _is_end(second.text, first.text)


def _is_end(name: str, arn: str) -> bool:
    """Return True if an ARN is that of a name, an ID or a part of the ARN."""
    if not name or not ARN.match(arn):
        return False
    secret = SECRET.search(arn)
    return arn.endswith((f":{name}", f"/{name}")) or (secret is not None and secret[1] == name)

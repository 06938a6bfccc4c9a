"""Objects that a created resource changes although it does not create them, and to whom it gives access.

An example is a BucketPolicy: the bucket exists, and its policy decides who has access.
"""

import re
from collections.abc import Iterable, Iterator

from review.model import title
from review.stacks.resources import Json, Resource
from review.stacks.value_parts import leaves, parse_json
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.summary import LATER, MASK

NOT_IN_STACK = "no resource of this stack"
"""Remark at the name of an object that another stack, or nobody, has created."""

OBJECT = re.compile(
    r"bucket|role|user|group|cluster|clusterName|function|functionName|topic|queueUrl|repository"
    r"|repositoryName|backupVaultName|projectName|principal|(?!externalId|\w*[aA]ccountId)\w+(Id|Arn)"
)
"""Pattern of the inputs that name an object to which a resource belongs."""

OF_AWS = "::aws:"
"""Part of the ARN of a policy that AWS manages, in place of an account."""

VARIABLE = re.compile(r"\{(\w+)\}")
"""Pattern of an input in the template of an ID."""

BINDING = re.compile(r"(roleRef|subjects\[\d+\])[.](kind|name|namespace)")
"""Pattern of the paths of the role and of the principals of a binding in Kubernetes."""

PRINCIPAL = re.compile(r"(?:^|[.]| › )(?:Not)?Principal\b")
"""Pattern of the paths of those to whom a policy applies (the grammar of the IAM policy language)."""


def object_names(resource: Resource) -> list[str]:
    """Return the inputs that name objects to which a resource belongs; its own name is none."""
    own, variables = _own_name(resource), set[str]()
    if is_described(resource.type):
        variables = {*VARIABLE.findall(resource_type(resource.type).id)}
    return [
        name
        for name, value in resource.inputs.items()
        if isinstance(value, str) and name != own and (name in variables or OBJECT.fullmatch(name))
    ]


def _own_name(resource: Resource) -> str:
    """Return the input with the name of a resource's own object."""
    return resource_type(resource.type).name if is_described(resource.type) else "name"


def find_owners(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the titles of resources by the ID, the ARN and the name of the object of each.

    A resource that belongs to another one's object may have the same ID.
    """
    owners: dict[str, str] = {}
    for resource in resources:
        if resource.is_component or resource.state.get("external"):
            continue
        outputs: Json = resource.state.get("outputs") or {}
        own = _own_name(resource)
        names = resource.state.get("id"), outputs.get("arn"), outputs.get(own), resource.inputs.get(own)
        of_others = {resource.inputs[name] for name in object_names(resource)}
        for name in names:
            if isinstance(name, str) and name not in of_others:
                owners.setdefault(name, title(resource))
    return owners


def find_owner(name: str, value: str, owners: dict[str, str]) -> str:
    """Return the title of the resource whose object an input names, or a remark.

    The result is empty for an unknown value, an object of AWS, and an input that only tells the parts of an
    object apart.
    """
    is_hidden = LATER in value or MASK in value
    if is_hidden or not OBJECT.fullmatch(name) or OF_AWS in value:
        return ""
    return owners.get(value, NOT_IN_STACK)


def find_principals(inputs: Json) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of all to whom policies or a binding among the inputs give access."""
    for name, content in inputs.items():
        document = parse_json(content)
        for path, value in leaves(f"{name} › " if document else name, document or content):
            path = path.replace(" › .", " › ")
            if PRINCIPAL.search(path) or BINDING.fullmatch(path):
                yield path, str(value)

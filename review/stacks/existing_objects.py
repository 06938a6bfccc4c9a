"""Objects that a created resource changes although it does not create them, and to whom it gives access.

An example is a BucketPolicy: the bucket exists, and its policy decides who has access.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from review.plain_data import map_texts, mark_own, value_at
from review.stacks.resources import Json, Resource
from review.stacks.value_parts import leaves
from review.values.secret_marks import without_marks
from review.values.value_paths import property_path
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.summary import MASK

OBJECT = re.compile(
    r"arn|bucket|role|user|group|cluster|clusterName|function|functionName|topic|queueUrl|repository|rule"
    r"|repositoryName|backupVaultName|projectName|principal|(?!externalId|\w*[aA]ccountId)\w+(Id|Arn)"
)
"""Pattern of the inputs that name an object to which a resource belongs."""

VARIABLE = re.compile(r"\{(\w+)\}")
"""Pattern of an input in the template of an ID."""

BINDING = re.compile(r"(roleRef|subjects\[\d+\])[.](kind|name|namespace)")
"""Pattern of the paths of the role and of the principals of a binding in Kubernetes."""

PRINCIPAL = re.compile(r"(?:^|[.\"])(?:Not)?Principal\b")
"""Pattern of the paths of those to whom a policy applies (the grammar of the IAM policy language)."""

_ELEMENT = r"(?:Not)?(?:Principal|Action|Resource|Effect|Condition)"
_ACCESS = r"(?i:cidr|(?:in|e)gress|securityGroup|prefixList|principal|rules)"

ACCESS = re.compile(rf"(?:^|[.\s\"]){_ELEMENT}\b|^(?:roleRef|subjects)\b|{_ACCESS}")
"""Pattern of the paths of values that may decide who has access."""

QUOTED_ACCESS = re.compile(rf"[\"'](?:{_ELEMENT}|\w*{_ACCESS}\w*)[\"']")
"""Pattern of the keys of such values in a text."""

QUOTED_PRINCIPAL = re.compile(r"[\"'](?:Not)?Principal[\"']")
"""Pattern of the key of principals in a text that is no JSON for this program."""


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


def find_owners(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Return resources by the ID, the ARN and the name of the object of each."""
    owners: dict[str, list[Resource]] = {}
    for resource in resources:
        if not resource.is_component and not resource.state.get("external"):
            for name in identifiers(resource):
                owners.setdefault(name, []).append(resource)
    return owners


def identifiers(resource: Resource) -> list[str]:
    """Return the ID, the ARN and the name of a resource's object.

    A resource that belongs to another one's object may have the same ID.
    """
    outputs: Json = resource.state.get("outputs") or {}
    own = _own_name(resource)
    names = resource.state.get("id"), outputs.get("arn"), outputs.get(own), resource.values.get(own)
    # An output that the program marks as secret is an object in a state.
    texts = dict.fromkeys(name for name in names if name and isinstance(name, str))
    of_others = [resource.values[name] for name in object_names(resource)]
    return [text for text in texts if text not in of_others]


def find_principals(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of all to whom policies or a binding among the inputs give access.

    Policies that the program marks as secret count; only the real secrets in them are masked. A text that is
    no document but seems to name principals is yielded as a whole.
    """
    inputs = ((property_path(name), content) for name, content in resource.inputs.items())
    for path, value in (leaf for name, content in inputs for leaf in leaves(name, content)):
        text = value_at(resource.values, path)
        document = None if value == MASK else _parse_policy(text)
        for part, member in leaves("", document) if document else ():
            if PRINCIPAL.search(part):
                yield f"{path} › {part}", without_marks(resource.mark_secrets(str(member)))
        is_text = document is None and bool(QUOTED_PRINCIPAL.search(str(text)))
        if is_text or PRINCIPAL.search(path) or BINDING.fullmatch(path):
            yield path, str(value)


def may_give_access(path: str, *values: Any) -> bool:
    """Return True for a change of values at a path that may decide who has access."""
    return bool(ACCESS.search(path)) or any(QUOTED_ACCESS.search(str(value)) for value in values)


def _parse_policy(text: Any) -> Any:
    """Return the JSON document in a text with all values of repeated keys; None if there is none.

    Spaces around it have no meaning. Which value of a repeated key counts depends on the reader.
    """
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return None
    with suppress(ValueError, RecursionError):
        return map_texts(json.loads(text, object_pairs_hook=_with_repeated_keys), mark_own)
    return None


def _with_repeated_keys(pairs: list[tuple[str, Any]]) -> Json:
    """Return an object in which a number follows each repeated key."""
    members: Json = {}
    counts = Counter[str]()
    for key, value in pairs:
        counts[key] += 1
        members[key if key not in members else f"{key} ({counts[key]})"] = value
    return members

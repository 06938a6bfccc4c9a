"""New settings of objects that belong to no resource of the stack, such as a policy of a foreign bucket."""

import re
from collections.abc import Iterator, Sequence
from string import Formatter

from review.model import Finding, list_first
from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.providers.resource_types import is_described, resource_type
from sandbox.wire import schema

SETTING = re.compile(
    r"(Acl|Block|Configuration|Controls|Encryption|Lock|Logging|Notifications?|Policy|Rotation|Versioning)"
    r"([vV]\d+)?$"
)
"""Ends of the types without a table of which an object has one: a policy, a configuration."""

OBJECT = re.compile(
    r"(?!policy)(.*(Arn|Id|Name|Url)|arn|bucket|function|group|key|queue|repository|role|topic|user|vault)"
)
"""Names of required inputs that name an object (pulumi-aws)."""

ENVIRONMENT = frozenset({"account", "region"})
"""Variables of an ID that the environment determines, in place of an input."""

REMEDY = "Declare the setting in the stack that has the object"


def find_foreign_objects(stack: Stack, unevaluated: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each new setting of such an object, and a finding, which blocks.

    An object has one policy, for example. So a new one takes the place of the policy that another stack or a
    person has set, and no report on that stack shows it. `unevaluated` has the other stacks of the account
    that the review does not evaluate: they may have the settings of the whole account.
    """
    if not stack.predicted or stack.base_failed:
        return
    for step in stack.steps.values():
        new = step.new
        if not new or new.package != "aws" or new.is_component or step.op not in ("create", "replace"):
            continue
        if is_described(new.type) and _variables(new) <= ENVIRONMENT and step.op == "create":
            if unevaluated:
                message = (
                    f"it is a setting of the whole account, which {list_first(unevaluated)} may set as well; "
                    "this review does not evaluate that stack"
                )
                yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)
            continue
        name = _object_input(new)
        value = new.inputs.get(name)
        is_changed = not step.old or step.old.inputs.get(name) != value
        if isinstance(value, str) and is_changed and not _has_object(stack, new, name, value):
            message = (
                f"{name}: no resource of this stack is {value}; if another stack or a person has set this "
                "for the object, the new resource replaces it"
            )
            yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)


def _variables(resource: Resource) -> set[str]:
    """Return the variables in the template of a type's ID."""
    return {name for _, name, _, _ in Formatter().parse(resource_type(resource.type).id) if name}


def _object_input(resource: Resource) -> str:
    """Return the input that names the object of a setting; empty for other resources."""
    if is_described(resource.type):
        facts = resource_type(resource.type)
        [name, *others] = _variables(resource) or {""}
        is_setting = facts.id == f"{{{name}}}" and name != facts.name and not others
        return name if is_setting else ""
    if not SETTING.search(resource.type):
        return ""
    try:
        inputs = schema.properties(schema.args_class(resource.type))
    except (schema.UnknownTypeError, ValueError):
        return ""
    return next((name for name, prop in inputs.items() if prop.required and OBJECT.fullmatch(name)), "")


def _has_object(stack: Stack, setting: Resource, name: str, value: str) -> bool:
    """Return True if a resource of the stack is the object that a setting names.

    The name of its type begins like that of the setting or of the input: a Bucket has a BucketPolicy, and a
    Repository the LifecyclePolicy with the input `repository`.
    """
    _, module, kind = kind_of(setting.type)
    for resource in stack.new.values():
        _, own_module, own_kind = kind_of(resource.type)
        begins_alike = kind.startswith(own_kind) or name.lower().startswith(own_kind.lower())
        if resource is setting or own_module != module or own_kind == kind or not begins_alike:
            continue
        if not resource.state.get("external") and value in {text for _, text in resource.texts}:
            return True
    return False

"""New settings and parts of objects that belong to no resource of the stack, such as a foreign policy."""

from collections.abc import Iterator, Sequence

from review.model import Finding, list_first, title
from review.objects.new_objects import makes_new_object
from review.objects.owners import find_owner, has_other_object
from review.objects.parts import is_of_account, is_of_organization, object_inputs
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack

TAKES_OVER = (
    "allowOverwrite",
    "allowReassociation",
    "forceAliasCreation",
    "forceOverwriteReplicaSecret",
    "overwrite",
    "replaceExistingAssociation",
)
"""Inputs with which a new resource takes over what exists, such as a DNS record, a parameter, the address of
another machine or the name with which another user signs in (pulumi-aws).
"""

REMEDY = "Declare the setting in the stack that has the object"


def find_foreign_objects(stack: Stack, unevaluated: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each new setting or part of such an object, and a finding, which blocks.

    An object has one policy, for example. So a new one takes the place of the policy that another stack or a
    person has set, and no report on that stack shows it. `unevaluated` has the other stacks of the account
    that the review does not evaluate: they may have the settings of the whole account.
    """
    if not stack.predicted or stack.base_failed:
        return
    for step in stack.steps.values():
        new = step.new
        is_changed = step.op in ("create", "replace", "update")
        if (
            new
            and is_changed
            and not new.is_component
            and (message := _describe(stack, step, new, unevaluated))
        ):
            yield new.urn, stack.blocking_finding("object-shared", new, message, REMEDY)


def _describe(stack: Stack, step: Step, new: Resource, unevaluated: Sequence[str]) -> str:
    """Describe the foreign object that a resource changes; empty if there is none."""
    before = step.old.values if step.old else {}
    for taking_over in TAKES_OVER:
        takes_over = new.package == "aws" and new.values.get(taking_over) is True
        if takes_over and makes_new_object(step):
            return f"{taking_over}: the new resource takes over what exists already, whoever has created it"
    is_other = step.op == "create" or has_other_object(step, stack)
    if is_other and is_of_organization(new):
        return (
            "it is a setting of the whole organization; if another stack or a person has set it, the new "
            "resource replaces it"
        )
    if is_of_account(new):
        is_shared = is_other and bool(unevaluated)
        return (
            f"it is a setting of the whole account, which {list_first(unevaluated)} may set as well; "
            "this review does not evaluate that stack"
            if is_shared
            else ""
        )
    for name in object_inputs(new):
        value = new.values.get(name)
        is_named = isinstance(value, str) and (is_other or before.get(name) != value)
        if is_named and not find_owner(stack, new, name):
            if namesake := find_owner(stack, new, name, in_order=False):
                return (
                    f"{name}: it does not depend on {title(namesake)}, which is new and has the name "
                    f"{new.inputs[name]}; if somebody else has such an object, it changes that one. Take the "
                    "name from an output of the new resource"
                )
            return (
                f"{name}: no resource of this stack is {new.inputs[name]}; the new resource changes this "
                "object, and may replace what another stack or a person has set for it"
            )
    return ""

"""Steps after which a resource has another object on an account or in a cluster than before."""

from review.objects.parts import identity, names_of_object
from review.objects.records import record_name
from review.stacks.engine_run import Step
from review.stacks.resources import PROVIDERS
from review.stacks.stack import Stack, top_name
from sandbox.providers.resource_types import is_described
from sandbox.providers.target import HARMLESS

KUBERNETES = "kubernetes"
"""Package whose table has all properties that replace an object of any type."""


def makes_new_object(step: Step) -> bool:
    """Return True if `up` creates an object for a resource, or changes another one than before.

    The review updates a resource without a table in place. A provider replaces it if its name or the object
    to which it belongs differs. A DNS record with another name or type is another record, although Cloudflare
    changes it in place.
    """
    if step.op in ("create", "replace"):
        return True
    if step.op != "update" or not step.old or not step.new:
        return False
    before, after = (
        (identity(side), names_of_object(side), record_name(side)) for side in (step.old, step.new)
    )
    return before != after


def may_be_replacement(step: Step, stack: Stack) -> bool:
    """Return True for an update that a provider may make as a replacement.

    The simulated provider of a type without a row in sandbox/providers updates everything in place. Which
    properties replace a resource is neither in the SDKs' classes nor in most of their documentation.
    """
    if not stack.predicted or step.op != "update" or not step.old or not step.new:
        return False
    kind = step.resource.type
    if step.resource.is_component or kind.startswith(PROVIDERS) or step.resource.package == KUBERNETES:
        return False
    return not is_described(kind) and any(top_name(path) not in HARMLESS for path in step.diff)

"""Steps after which a resource has another object on an account or in a cluster than before."""

from review.objects.parts import identity, names_of_object
from review.objects.records import record_name
from review.stacks.engine_run import Step


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

"""Values that the program hides from a preview whose providers predict every value."""

from collections.abc import Iterator

from review.model import NEW, UNKNOWN, Finding, list_first
from review.stacks.properties import leaves
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER


def find_unknown(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource of the head with such a value, and a finding, which blocks.

    Neither the policies nor a reader can judge such a value. A secret is not shown, so only a policy that
    could not decide reveals that it is unknown.
    """
    if not stack.predicted or not stack.head:
        return
    undecided: dict[str, list[str]] = {}
    for row in stack.head.phase.violations:
        if row["level"] == UNKNOWN:
            undecided.setdefault(row["urn"], []).append(row["message"])
    for step in stack.steps.values():
        if step.new and (values := _unknown_paths(step.new) or undecided.get(step.new.urn)):
            yield (
                step.new.urn,
                Finding(
                    stacks=[stack.name],
                    policy="value-unknown",
                    type=step.new.type,
                    name=step.new.name,
                    locations=step.new.locations,
                    message=f"unknown, although the review's providers know all values: {list_first(values)}",
                    level="mandatory",
                    status=NEW,
                    remediation="Make the value known in previews, or add a waiver to "
                    "review/waivers.yaml for an owner's approval.",
                    blocks=True,
                ),
            )


def _unknown_paths(resource: Resource) -> list[str]:
    return [
        path
        for name, content in resource.inputs.items()
        for path, value in leaves(name, content)
        if LATER in str(value)
    ]

"""Values that the program hides from a preview whose providers predict every value.

A resource that the program only reads (`get`) has the values that the program names, since nothing exists in
a review. On an account, the values of the real resource take their place.
"""

from collections.abc import Iterator

from review.model import NEW, UNKNOWN, Finding, list_first
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.value_parts import leaves
from sandbox.progress import one_line
from sandbox.summary import LATER

STASH = "pulumi:index:Stash"
"""Type whose output stays what the input was at the creation. The base of a review is always created anew, so
once the program has another input, the output in a review is not that in the real state (pulumi/pulumi,
pkg/resource/deploy/builtins.go).
"""


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
        overwritten = step.resource.urn in stack.head.overwritten
        if step.new and (message := _hidden(step, undecided.get(step.new.urn, []), overwritten=overwritten)):
            yield (
                step.new.urn,
                Finding(
                    stacks=[stack.name],
                    policy="value-unknown",
                    type=step.new.type,
                    name=step.new.name,
                    locations=step.new.locations,
                    message=one_line(message),
                    level="mandatory",
                    status=NEW,
                    remediation="Make the value known in previews, or add a waiver to "
                    "review/waivers.yaml for an owner's approval.",
                    blocks=True,
                ),
            )


def _hidden(step: Step, undecided: list[str], *, overwritten: bool) -> str:
    """Describe the values that the program hides; empty if it hides none."""
    resource = step.resource
    if values := _unknown_paths(resource) or undecided:
        return f"unknown, although the review's providers know all values: {list_first(values)}"
    if _is_new_read(step):
        return f"reads {resource.state.get('id')} (get): the review has only values that the program names"
    if resource.type == STASH and not step.old:
        return "a stash keeps the value of its creation, which a later review does not know"
    if overwritten:
        return "the program replaces its outputs, so a state would not have the values of the real resource"
    return ""


def _is_new_read(step: Step) -> bool:
    """Return True if the head reads a resource that the base does not read, or with other values."""
    old, new = step.old, step.new
    # The operation is another one if the base manages the resource (`read-replacement` for another ID).
    if not new or not new.state.get("external"):
        return False
    return not old or (old.state.get("id"), old.inputs) != (new.state.get("id"), new.inputs)


def _unknown_paths(resource: Resource) -> list[str]:
    return [
        path
        for name, content in resource.inputs.items()
        for path, value in leaves(name, content)
        if LATER in str(value)
    ]

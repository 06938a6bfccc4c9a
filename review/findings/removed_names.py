"""Physical names that the program no longer sets."""

from collections.abc import Iterator
from dataclasses import replace

from review.model import Finding
from review.plain_data import as_text, is_list
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.stateful import data_loss

DEFAULTS = "__defaults"
"""Key of the inputs that a provider has set itself, such as a generated name (pulumi-terraform-bridge)."""


def find_removed_names(stack: Stack) -> Iterator[tuple[str, Finding]]:
    """Yield the URN of each resource whose name is no longer set, and a finding; it blocks for one with data.

    pulumi-terraform-bridge keeps the name of an existing resource (pkg/tfbridge/info/autonaming.go,
    ComputeAutoNameDefault: "Reuse the value from prior state if available"), so no input differs. Only the
    mark in `__defaults` does. The simulated providers mark names only; real ones have other defaults as well.
    """
    if not stack.predicted:
        return
    for step in stack.steps.values():
        resource = step.resource
        for name, value in _removed_names(step):
            message = (
                f"{name}: the program no longer sets {value}; the existing resource keeps this name, "
                "but one that is created again, such as in a restored stack, gets a generated name"
            )
            finding = stack.blocking_finding("name-no-longer-set", resource, message, f"Set {name} again")
            if not data_loss(resource.type, resource.inputs):
                finding = replace(finding, level="advisory", blocks=False, remediation=f"Set {name} again.")
            yield resource.urn, finding


def _removed_names(step: Step) -> Iterator[tuple[str, str]]:
    """Yield each property that the program set in the base, and the provider in the head, with its value."""
    old, new = step.old, step.new
    if not old or not new:
        return
    for name in sorted(_generated(new) - _generated(old)):
        value = as_text(old.inputs.get(name))
        if value and value == as_text(new.inputs.get(name)):
            yield name, value


def _generated(resource: Resource) -> set[str]:
    names = resource.inputs.get(DEFAULTS)
    return {as_text(name) or "" for name in names} if is_list(names) else set()

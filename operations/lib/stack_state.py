"""Resources in a stack's state."""

import json
from typing import Any

from operations.lib.command_line import ROOT, Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError

Resource = dict[str, Any]
"""A resource as the state has it: urn, type, id, inputs, outputs, parent and more; secrets are encrypted."""


def resources(runner: CommandRunner, options: Options) -> list[Resource]:
    """Return the resources in the stack's state; each follows those on which it depends.

    Raises RefusedError if the state cannot be read.
    """
    if options.target == "sandbox":
        # Imported here, since a real stack does not need the sandbox.
        from sandbox.workspace import state
        from sandbox.workspace.stacks import find_stack

        return state.read(find_stack(ROOT, options.stack), "resources")
    try:
        text = runner.read("pulumi", "stack", "export", "--stack", options.stack)
    except FailedError as error:
        raise RefusedError(f"{error}\nLog in to Pulumi's state (README, Real stacks)") from None
    try:
        return json.loads(text)["deployment"].get("resources") or []
    except (KeyError, ValueError):
        raise FailedError(f"pulumi stack export --stack {options.stack} printed no deployment") from None


def name_of(urn: str) -> str:
    """Return the logical name at the end of a resource's URN; it may contain `::`."""
    return urn.split("::", 3)[-1]

"""Access to outputs that are missing if a resource's creation failed or timed out."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi


class MissingOutputError(pulumi.RunError):
    """Error for a missing output that another resource needs."""


def require_output(
    output: pulumi.Output[Any], *path: str | int, resource: str, meaning: str
) -> pulumi.Output[Any]:
    """Return the value at a path inside an output.

    In a preview, a missing value becomes unknown, so that the preview can plan the repair. In `pulumi up`, a
    missing value raises MissingOutputError. An unknown value stays unknown, and other parts of the output may
    be unknown.

    In the error message, `resource` names the resource and `meaning` names the value, such as "the address of
    the load balancer".
    """

    def pick(value: Any) -> Any:
        part = at_path(value, path)
        if part is not None and part != "":
            return part
        if pulumi.runtime.is_dry_run():
            return unknown()
        raise MissingOutputError(
            f"{resource}: {meaning} is missing, since an earlier `pulumi up` failed before the resource was"
            " ready. Run `pulumi refresh`, which reads the current state, then `pulumi up`. If it is still"
            " missing, repair the resource first; its events and conditions name the cause."
        )

    return output.apply(pick, run_with_unknowns=True)


def at_path(value: Any, path: Sequence[str | int]) -> Any:
    """Return the value at a path of attributes, keys and indices, or None if part of the path is missing.

    Below an unknown value, everything is unknown.
    """
    for step in path:
        if value is None or isinstance(value, pulumi.output.Unknown):
            return value
        if isinstance(step, int):
            items = cast(Sequence[Any], value)
            value = items[step] if step < len(items) else None
        elif isinstance(value, Mapping):
            value = cast(Mapping[str, Any], value).get(step)
        else:
            value = getattr(value, step, None)
    return value


def unknown() -> pulumi.Output[Any]:
    """Return an unknown output, like the outputs of a resource that does not exist yet."""
    return pulumi.Output.from_input(pulumi.UNKNOWN)

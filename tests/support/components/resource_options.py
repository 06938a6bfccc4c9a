"""Options of the children of a component: what mocks are not told."""

from collections.abc import Iterable
from typing import cast

import pulumi

Options = dict[tuple[str, str], pulumi.ResourceOptions]
"""By type and logical name."""


def recording(options: Options) -> pulumi.ResourceOptions:
    """Options for a component that write down those of each child."""

    def record(args: pulumi.ResourceTransformationArgs) -> None:
        options[args.type_, args.name] = args.opts

    return pulumi.ResourceOptions(transformations=[record])


def predecessors(opts: pulumi.ResourceOptions, kind: str) -> set[str]:
    """Logical names of the resources of one class that the resource has to wait for."""
    waits = cast(Iterable[pulumi.Resource], opts.depends_on or [])
    return {resource._name for resource in waits if type(resource).__name__ == kind}  # pyright: ignore[reportPrivateUsage]

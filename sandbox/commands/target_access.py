"""The targets of the providers, with the means to search and configure them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.wire.targets import Targets

FindUnrecorded = Callable[[Targets, Iterable[dict[str, Any]], list[dict[str, Any]]], dict[str, str]]
"""A function that finds the resources that interrupted creations left; see providers.server."""


@dataclass(frozen=True)
class TargetAccess:
    """The targets of a command, with the functions and settings with which the providers use them."""

    targets: Targets | None
    find_unrecorded: FindUnrecorded | None
    settings: Mapping[str, str]
    """The settings of the installed plugins, for the copy of the stack file."""

    @property
    def has_targets(self) -> bool:
        """True if the providers create resources; False with TARGETS=none."""
        return self.targets is not None or self.find_unrecorded is None

"""The interfaces between the engine's protocol and the APIs of the providers.

A `Package` has the rules of a provider that hold for every API: the inputs that it accepts, the names that it
makes up, the properties that it cannot change in place. A `Target` is the API: a local one
(`AwsTarget(url)`, `KubernetesTarget(kubeconfig)`, `CloudflareTarget(url)`, `DatadogTarget(url)`), or a
made-up one (`plan.Plan`). Every command creates its targets. A target has no state: several threads use it
at the same time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import ProviderError
from sandbox.providers.diff import Change, reaches
from sandbox.providers.resource_types import digits, resource_type
from sandbox.wire import schema
from sandbox.wire.values import (
    UNKNOWN,
    Json,
    added_properties,
    known,
    mark_secrets,
    merge,
    plain,
    unknown_leaves,
)


@dataclass(frozen=True)
class Resource:
    """A resource as the program declares it."""

    urn: str
    type: str
    inputs: Json
    """Secrets are marked; in a preview some values are unknown."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings of its provider instance."""
    id: str = ""
    """The target's ID; empty until the resource is created."""
    ignored: Sequence[str] = ()
    """Paths whose changes the program ignores (`ignore_changes`)."""
    timeout: float = 0
    """Seconds of its `custom_timeouts` for this operation; 0: the provider's default."""
    report: Callable[[str], None] = field(default=lambda text: None, compare=False)
    """A function that reports to the engine what the operation waits for."""

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def known(self) -> Json:
        """The inputs with a known value, without secret marks."""
        return known(self.inputs)


@dataclass(frozen=True)
class LiveResource:
    """A resource as it exists in the target."""

    id: str
    inputs: Json
    outputs: Json
    """The inputs, and the properties that the target added."""
    unready_reason: str = ""
    """The reason why a resource that was read is not ready; the next update waits for it again."""


class NotReadyError(ProviderError):
    """A resource was created or updated and does not become ready; the state keeps it with the reason."""

    def __init__(self, live: LiveResource, reason: str) -> None:
        super().__init__(reason)
        self.live = live


class Package:
    """The rules of a provider for its resource types, with the defaults of every provider."""

    def __init__(self, name: str) -> None:
        self.name = name

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Return the inputs with the provider's defaults; `before` are the inputs in the state."""
        return resource.inputs

    def faults(self, resource: Resource) -> Iterator[str]:
        """Yield the reasons for which the provider would refuse the inputs, each with its path."""
        return schema.faults(resource.type, resource.inputs)

    def forces_replacement(self, resource: Resource, change: Change) -> bool:
        """Return True if a change cannot be made in place."""
        return any(reaches(change, path.split(".")) for path in resource_type(resource.type).replaced_by)

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Return True if the old resource must be deleted before its replacement is created."""
        return False


class Target(ABC):
    """An API that holds resources."""

    @abstractmethod
    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        """Return the resources that an interrupted `create` of this resource left.

        A tag, a field manager or the name identifies them. `known` are IDs to leave out, such as the ID of
        the resource that is being replaced.
        """

    @abstractmethod
    def create(self, resource: Resource) -> LiveResource:
        """Create the resource."""

    @abstractmethod
    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        """Return the resource as it is now, spelled as in the program; None if it is gone.

        `state` are its outputs in the state.
        """

    @abstractmethod
    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        """Change the resource in place.

        `before` is the resource in the state; after a killed run, the one in the target.
        """

    @abstractmethod
    def delete(self, resource: Resource) -> None:
        """Delete the resource; do nothing if it does not exist."""

    def plan(self, resource: Resource) -> Json:
        """Return the outputs of a previewed create; the properties that the target would add are unknown."""
        outputs = schema.properties(schema.resource_class(resource.type))
        computed = {name: UNKNOWN for name, prop in outputs.items() if prop.required}
        return merge(merge(unknown_leaves(resource_type(resource.type).outputs), computed), resource.inputs)

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        """Return the outputs of a previewed update; the properties that the target added stay the same."""
        computed = added_properties(plain(before.outputs), plain(before.inputs))
        return mark_secrets(merge(computed, plain(resource.inputs)), before.outputs)

    def immutable(self, resource: Resource, changes: Sequence[Change]) -> Sequence[str]:
        """Return the paths (`spec.clusterIP`) that the target cannot change in place.

        The provider calls this if inputs differ.
        """
        return ()

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        """Return the paths that replace the resource although no input differs.

        The provider calls this in every diff.
        """
        return ()

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Answer a look-up; raise ProviderError if the target has no answer."""
        raise ProviderError(
            f"the sandbox has no answer to the look-up {token}; it knows no look-up of this provider"
        )


def made_up_name(resource: Resource, seed: bytes, length: int = 7) -> str:
    """Return a name as providers make it up: the logical name and some digits."""
    return f"{resource.name}-{digits(resource.urn + seed.hex(), length)}"

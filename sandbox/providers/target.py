"""The seam between the engine's protocol and what is behind a provider.

A `Package` knows what is true of a provider whatever is behind it: what it accepts, how it names things, what
it cannot change in place. A `Target` is what is behind it: a file of ours, or a real API on this machine.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from sandbox.providers import schema
from sandbox.providers.diff import Change, reaches
from sandbox.providers.kinds import digits, kind
from sandbox.providers.values import Json, known, merge, unknown_leaves


class Refused(Exception):
    """What the real API would not do; the message is the user's."""


@dataclass(frozen=True)
class Resource:
    """A resource as a program wants it."""

    urn: str
    type: str
    inputs: Json
    """Secrets are marked; in a preview some values are unknown."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings of its provider instance."""
    id: str = ""
    """The target's; empty until it is created."""

    @property
    def name(self) -> str:
        """Its logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def known(self) -> Json:
        """The inputs that have a value, without marks."""
        return known(self.inputs)


@dataclass(frozen=True)
class Live:
    """A resource as the target has it."""

    id: str
    inputs: Json
    outputs: Json
    """The inputs and what the target added."""


class Package:
    """What a provider knows of its resource types; this much is the same for all of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> str:
        """The installed SDK's, since the engine warns of a provider that is older."""
        return metadata.version(f"pulumi_{self.name}")

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """The inputs with what the provider fills in; `before` are those in the state."""
        return resource.inputs

    def faults(self, resource: Resource) -> Iterator[str]:
        """What the provider would refuse, each fault with its path."""
        return schema.faults(resource.type, resource.inputs)

    def forces_replacement(self, resource: Resource, change: Change) -> bool:
        """Whether a change cannot be made in place."""
        return any(reaches(change, path.split(".")) for path in kind(resource.type).replaced_by)

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Whether two cannot be there at once, so that the old one goes before the new one comes."""
        return False


class Target(ABC):
    """Where resources are."""

    @abstractmethod
    def find(self, resource: Resource) -> list[Live]:
        """What was created for the URN and is there."""

    @abstractmethod
    def create(self, resource: Resource) -> Live: ...

    @abstractmethod
    def read(self, resource: Resource, state: Json) -> Live | None:
        """The resource by its id; its inputs and `state`, the outputs, are as the engine knows them."""

    @abstractmethod
    def update(self, resource: Resource) -> Live: ...

    @abstractmethod
    def delete(self, resource: Resource) -> None:
        """Delete it; one that is not there is deleted already."""

    @abstractmethod
    def computed(self, resource: Resource, before: Json) -> Json:
        """What the target adds to the inputs, which are known; `before` is what it had added until now."""

    def plan(self, resource: Resource) -> Json:
        """The outputs of a create that is only previewed: what the target adds is unknown."""
        added = self.computed(Resource(resource.urn, resource.type, resource.known, resource.config), {})
        return merge(unknown_leaves(added), resource.inputs)

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Answer a look-up."""
        raise Refused(f"the sandbox has no answer to the look-up {token}; it knows none of this provider")


def made_up_name(resource: Resource, seed: bytes, length: int = 7) -> str:
    """A name for what has none, as providers make them: the logical name and some digits."""
    return f"{resource.name}-{digits(resource.urn + seed.hex(), length)}"

"""The seam between the engine's protocol and what is behind a provider.

A `Package` knows what is true of a provider whatever is behind it: what it accepts, how it names things, what
it cannot change in place. A `Target` is what is behind it: a real API on this machine (`AwsTarget(url)`,
`KubernetesTarget(kubeconfig)`, `CloudflareTarget(url)`, `DatadogTarget(url)`), or none (`plan.Plan`).
A target is made anew with every command and used by several threads at once; it keeps nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import RefusedError
from sandbox.providers.diff import Change, reaches
from sandbox.providers.resource_types import digits, resource_type
from sandbox.wire import schema
from sandbox.wire.values import UNKNOWN, Json, added, known, mark, merge, plain, unknown_leaves


@dataclass(frozen=True)
class Resource:
    """A resource as a program wants it."""

    urn: str
    type: str
    inputs: Json  # secrets are marked; in a preview some values are unknown
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])  # the settings of its provider instance
    id: str = ""  # the target's; empty until it is created
    ignored: Sequence[str] = ()  # paths whose changes the program ignores (`ignore_changes`)
    timeout: float = 0  # seconds of its `custom_timeouts` for what is being done; 0: the provider's own
    say: Callable[[str], None] = field(default=lambda text: None, compare=False)
    """Tells the engine what is being waited for."""

    @property
    def name(self) -> str:
        """Its logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def known(self) -> Json:
        """The inputs that have a value, without marks."""
        return known(self.inputs)


@dataclass(frozen=True)
class LiveResource:
    """A resource as the target has it."""

    id: str
    inputs: Json
    outputs: Json  # the inputs and what the target added
    lacks: str = ""  # why it is not ready, if it was read and is not; the next update waits for it again


class NotReadyError(RefusedError):
    """It was created or updated, and does not get as far as it should: it is kept, and so is the reason."""

    def __init__(self, live: LiveResource, reason: str) -> None:
        super().__init__(reason)
        self.live = live


class Package:
    """What a provider knows of its resource types; this much is the same for all of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """The inputs with what the provider fills in; `before` are those in the state."""
        return resource.inputs

    def faults(self, resource: Resource) -> Iterator[str]:
        """What the provider would refuse, each fault with its path."""
        return schema.faults(resource.type, resource.inputs)

    def forces_replacement(self, resource: Resource, change: Change) -> bool:
        """Whether a change cannot be made in place."""
        return any(reaches(change, path.split(".")) for path in resource_type(resource.type).replaced_by)

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Whether two cannot be there at once, so that the old one goes before the new one comes."""
        return False


class Target(ABC):
    """Where resources are."""

    @abstractmethod
    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        """What an interrupted `create` of just this resource left: by a tag, a manager, else by name.

        `known`: ids of what else it may be, such as what it is to replace; that is left alone.
        """

    @abstractmethod
    def create(self, resource: Resource) -> LiveResource: ...

    @abstractmethod
    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        """What is there now, in the program's spelling; `state`: the outputs until now. None: it is gone."""

    @abstractmethod
    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        """Change it in place; `before` is what the engine's state has of it (after a kill: what is there)."""

    @abstractmethod
    def delete(self, resource: Resource) -> None:
        """Delete it; one that is not there is deleted already."""

    def plan(self, resource: Resource) -> Json:
        """The outputs of a create that is only previewed: what the target would add is unknown."""
        outputs = schema.properties(schema.resource_class(resource.type))
        computed = {name: UNKNOWN for name, prop in outputs.items() if prop.required}
        return merge(merge(unknown_leaves(resource_type(resource.type).outputs), computed), resource.inputs)

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        """The outputs of an update that is only previewed; what the target added stays as it is."""
        kept = added(plain(before.outputs), plain(before.inputs))
        return mark(merge(kept, plain(resource.inputs)), before.outputs)

    def immutable(self, resource: Resource, differ: Sequence[Change]) -> Sequence[str]:
        """Paths (`spec.clusterIP`) that the target says it cannot change in place; asked if some differ."""
        return ()

    def spoilt(self, resource: Resource) -> Sequence[str]:
        """Paths for which it has to be replaced although nothing differs; asked in every diff."""
        return ()

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Answer a look-up."""
        raise RefusedError(
            f"the sandbox has no answer to the look-up {token}; it knows none of this provider"
        )


def made_up_name(resource: Resource, seed: bytes, length: int = 7) -> str:
    """A name for what has none, as providers make them: the logical name and some digits."""
    return f"{resource.name}-{digits(resource.urn + seed.hex(), length)}"

"""The interfaces between the engine's protocol and the APIs of the providers.

A `Package` has the rules of a provider that do not depend on the API: which inputs it accepts, which names it
generates, and which properties it cannot change in place. A `Target` is the API, either a local API
(`AwsTarget(url)`, `KubernetesTarget(kubeconfig)`, `CloudflareTarget(url)`, `DatadogTarget(url)`) or a
simulated API (`plan.Plan`). Each command creates new targets. Several threads use a target at the same
time, so it has no state, except for what a simulated API notes about the objects of a run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.diff import KINDS, Change, Kind, reaches
from sandbox.providers.resource_types import digits, is_described, resource_type, table
from sandbox.stateful import data_loss
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

INTERNAL = "__internal"
"""Key of the settings that only the engine reads, such as the mapping of a plugin's environment variables
(pulumi/pulumi, pkg/resource/deploy/providers/registry.go).
"""

DEFAULTS = "__defaults"
"""Key of the inputs that a provider has set itself, such as a generated name (pulumi-terraform-bridge).

No program may set it, neither for a resource nor for a provider: a report does not show it.
"""

ENGINE_SETTINGS = frozenset({"version", "pluginDownloadURL", INTERNAL})
"""Keys that the engine itself adds to a provider's settings."""

HARMLESS = frozenset({"tags", "tagsAll"})
"""Properties that no provider replaces a resource for."""

CHECKSUMS = "pluginChecksums"
"""Key in INTERNAL with the checksums of the plugin, without which the engine does not install it."""


@dataclass(frozen=True)
class Resource:
    """A resource as declared by the program."""

    urn: str
    type: str
    inputs: Json
    """The inputs. Secrets are marked, and in a preview some values are unknown."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings of the resource's provider instance."""
    id: str = ""
    """The ID in the target; empty until the resource is created."""
    ignored: Sequence[str] = ()
    """Paths at which the program ignores changes (`ignore_changes`)."""
    timeout: float = 0
    """The `custom_timeouts` for this operation, in seconds; 0 means the provider's default."""
    report: Callable[[str], None] = field(default=lambda text: None, compare=False)
    """A function that tells the engine what the operation waits for."""
    seed: str = ""
    """The text from which a simulated API derives the ID; if it is empty, the URN is used."""

    @property
    def name(self) -> str:
        """The logical name, which may contain `::`."""
        return self.urn.split("::", 3)[-1]

    @property
    def known(self) -> Json:
        """The inputs without unknown values and without secret marks."""
        return known(self.inputs)


@dataclass(frozen=True)
class LiveResource:
    """A resource as it exists in the target."""

    id: str
    inputs: Json
    outputs: Json
    """The inputs and the properties that the target added."""
    unready_reason: str = ""
    """The reason why the resource was not ready when it was read, or empty. The next update waits again."""


class NotReadyError(ProviderError):
    """An error: a resource was created or updated, but is not ready. The state records it with the reason."""

    def __init__(self, live: LiveResource, reason: str) -> None:
        super().__init__(reason)
        self.live = live


class Package:
    """The rules of a provider for its resource types. This base class has the rules of every provider."""

    def __init__(self, name: str) -> None:
        self.name = name

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Return the inputs with the provider's defaults; `before` has the inputs in the state."""
        return resource.inputs

    def faults(self, resource: Resource) -> Iterator[str]:
        """Yield the faults for which the provider would refuse the inputs, each with its path."""
        return schema.faults(resource.type, resource.inputs)

    def faults_after(self, resource: Resource, before: Json) -> Iterator[str]:
        """Yield the faults of the inputs that replace those in the state, which `before` has."""
        return self.faults(resource)

    def replacing_paths(self, resource: Resource) -> Iterator[tuple[str, Sequence[Kind]]]:
        """Yield the path of each property that cannot be changed in place, with these kinds of changes."""
        for path in resource_type(resource.type).replaced_by:
            yield path, KINDS

    def forces_replacement(self, resource: Resource, change: Change) -> bool:
        """Return True if a change cannot be made in place."""
        return any(
            change.kind in kinds and reaches(change, path.split("."))
            for path, kinds in self.replacing_paths(resource)
        )

    def may_replace(self, resource: Resource, change: Change) -> bool:
        """Return True if a change could replace a resource with data whose type the tables do not describe.

        That a type has no row says nothing about its inputs. Only tags can certainly be changed in place.
        """
        is_undescribed = bool(data_loss(resource.type, {})) and not is_described(resource.type)
        return is_undescribed and change.path[0] not in HARMLESS

    def could_replace(self, resource: Resource, name: str) -> bool:
        """Return True if any change of an input could replace a resource, also of a part of this input.

        Of a type that the tables do not describe, this is every input but tags.
        """
        if any(path.partition(".")[0] == name for path, _ in self.replacing_paths(resource)):
            return True
        return not is_described(resource.type) and name not in HARMLESS

    def replaced_settings(self, before: Json, after: Json) -> Sequence[str]:
        """Return the provider's settings whose change replaces the provider, and so all its resources."""
        return ()

    def unexplained_settings(self, before: Json, after: Json) -> Sequence[str]:
        """Return the changed settings whose effect on the provider's resources nobody has described.

        Such a setting may lead to another account, organization or server. The package's table lists the
        harmless settings under `settings`.
        """
        explained = {*table(self.name)["settings"]["harmless"], *self.replaced_settings(before, after)}
        return sorted(changed_settings(before, after) - explained - ENGINE_SETTINGS)

    def tagging_settings(self) -> Collection[str]:
        """Return the settings that change the tags of all resources, without a change of their inputs."""
        return {*table(self.name)["settings"].get("tagging", ())}

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Return True if the old resource must be deleted before its replacement is created."""
        return False


class Target(ABC):
    """An API that holds resources."""

    def configure(self, config: Mapping[str, Any]) -> None:  # noqa: B027  (most targets accept any settings)
        """Check settings with the API; raise ProviderError if the real provider would refuse them."""

    @abstractmethod
    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        """Return the resources that an interrupted `create` of this resource left.

        They are identified by a tag, a field manager or the name. `known` contains IDs to leave out, such as
        the ID of the resource that is being replaced.
        """

    @abstractmethod
    def create(self, resource: Resource) -> LiveResource:
        """Create the resource."""

    @abstractmethod
    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        """Return the current resource, written as the program writes it; None if it does not exist.

        `state` has the outputs in the state.
        """

    @abstractmethod
    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        """Change the resource in place.

        `before` is the resource in the state or, after a killed run, the resource in the target.
        """

    @abstractmethod
    def delete(self, resource: Resource) -> None:
        """Delete the resource; do nothing if it does not exist."""

    def plan(self, resource: Resource) -> Json:
        """Return the outputs of a create in a preview. Properties that the target would add are unknown."""
        outputs = schema.properties(schema.resource_class(resource.type))
        computed = {name: UNKNOWN for name, prop in outputs.items() if prop.required}
        return merge(merge(unknown_leaves(resource_type(resource.type).outputs), computed), resource.inputs)

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        """Return the outputs of an update in a preview. Properties that the target added stay the same."""
        computed = added_properties(plain(before.outputs), plain(before.inputs))
        return mark_secrets(merge(computed, plain(resource.inputs)), before.outputs)

    def immutable(self, resource: Resource, changes: Sequence[Change]) -> Sequence[str]:
        """Return the paths, such as `spec.clusterIP`, that the target cannot change in place.

        The provider calls this method if inputs differ.
        """
        return ()

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        """Return paths for which the resource must be replaced even if no input differs.

        The provider calls this method in every diff.
        """
        return ()

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Return the result of a look-up; raise ProviderError if the target does not support it."""
        raise ProviderError(
            f"the sandbox cannot answer the look-up {token}; it answers no look-up of this provider"
        )


def changed_settings(before: Json, after: Json) -> set[str]:
    """Return the names of a provider's settings that differ; unknown values are left out.

    The engine first asks with unknown values, to find what depends on a replaced resource. Then it asks again
    with the values that the preview predicts.
    """
    before, after = all_settings(before), all_settings(after)
    unequal = {name for name in before | after if before.get(name) != after.get(name)}
    return {name for name in unequal if after.get(name) is not UNKNOWN}


def all_settings(settings: Mapping[str, Any]) -> Json:
    """Return the settings of a provider, and those that only the engine reads, as `__internal.NAME`.

    A program may set both under one name. The settings of ENGINE_SETTINGS are the engine's in both places.
    """
    members = {name: value for name, value in settings.items() if name != INTERNAL}
    internal = settings.get(INTERNAL)
    for name, value in cast(Json, internal).items() if isinstance(internal, dict) else ():
        if name != CHECKSUMS and name not in ENGINE_SETTINGS:
            members[f"{INTERNAL}.{name}"] = value
    return members


def made_up_name(resource: Resource, seed: bytes, length: int) -> str:
    """Return a generated name in the form that providers use: the logical name and `length` hex digits."""
    return f"{resource.name}-{digits(resource.urn + seed.hex(), length)}"

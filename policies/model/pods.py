"""The pods in a Kubernetes resource, whatever its kind: templates, lists, patches, all containers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policies.engine.rule import Resource
from policies.model.property_values import UnknownValueError, Value

# Where the pod (metadata and spec) of each kind is.
PLACES = {
    "Pod": "",
    "PodTemplate": "template",
    "Deployment": "spec.template",
    "StatefulSet": "spec.template",
    "DaemonSet": "spec.template",
    "ReplicaSet": "spec.template",
    "ReplicationController": "spec.template",
    "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
}

_TYPES = {
    "core/v1": ("Pod", "PodTemplate", "ReplicationController"),
    "apps/v1": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
    "apps/v1beta2": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
    "apps/v1beta1": ("Deployment", "StatefulSet"),
    "extensions/v1beta1": ("Deployment", "DaemonSet", "ReplicaSet"),
    "batch/v1": ("Job", "CronJob"),
    "batch/v1beta1": ("CronJob",),
    "batch/v2alpha1": ("CronJob",),
}


def kubernetes(group: str, *kinds: str) -> frozenset[str]:
    """The types of these kinds, with their List and Patch variants."""
    return frozenset(
        f"kubernetes:{group}:{kind}{variant}" for kind in kinds for variant in ("", "List", "Patch")
    )


POD_SHAPED = frozenset(name for group, kinds in _TYPES.items() for name in kubernetes(group, *kinds))

DECLARED = tuple(sorted(kind for kind in POD_SHAPED if not kind.endswith("Patch")))
"""What declares pods of its own."""

_TOKEN = re.compile(r"kubernetes:[^:]+:(\w+?)(List|Patch)?")


@dataclass(frozen=True)
class Object:
    """One Kubernetes object: a resource, or an element of a List."""

    kind: str
    value: Value


def objects(resource: Resource) -> list[Object]:
    """The object that a resource declares, or all of a List's."""
    match = _TOKEN.fullmatch(resource.type)
    if match is None:
        return []
    kind, variant = match.groups()
    if variant != "List":
        return [Object(kind, resource.props)]
    return [Object(item["kind"].text() or kind, item) for item in resource["items"].items()]


def patches(resource: Resource) -> bool:
    """Whether the resource sets some fields of an object that somebody else declares."""
    return resource.type.startswith("kubernetes:") and resource.type.endswith("Patch")


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    field: str
    """containers, initContainers or ephemeralContainers."""
    value: Value

    @property
    def name(self) -> str:
        """Its name, for messages."""
        return (self.value["name"].text() if self.value["name"].known else None) or self.value.path

    @cached_property
    def sidecar(self) -> bool:
        """Whether it is an init container that keeps running."""
        return self.field == "initContainers" and self.value["restartPolicy"].text() == "Always"


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of one."""

    kind: str
    """The kind of the object that it belongs to."""
    owner: Value
    """That object."""
    value: Value
    """The pod: metadata and spec."""

    @property
    def spec(self) -> Value:
        return self.value["spec"]

    @property
    def metadata(self) -> Value:
        return self.value["metadata"]

    @cached_property
    def windows(self) -> bool:
        """Whether its containers run on Windows, to which several controls do not apply."""
        return self.spec.at("os.name").text() == "windows"

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All containers, init and ephemeral ones included."""
        fields = ("initContainers", "containers", "ephemeralContainers")
        return tuple(Container(field, item) for field in fields for item in self.spec[field].items())

    def values(self, *fields: str) -> Iterator[Value]:
        """The containers' values; only those of `fields` when given."""
        return (found.value for found in self.containers if not fields or found.field in fields)


def pods(resource: Resource) -> list[Pod]:
    """The pods that a resource declares; read once, for all rules."""
    found: Any = resource.memo.get("pods")
    if found is None:
        try:
            found = [_pod(item) for item in objects(resource) if item.kind in PLACES]
        except UnknownValueError as unknown:
            found = unknown
        resource.memo["pods"] = found
    if isinstance(found, UnknownValueError):
        raise UnknownValueError(found.path)
    return found


def _pod(item: Object) -> Pod:
    place = PLACES[item.kind]
    return Pod(item.kind, item.value, item.value.at(place) if place else item.value)

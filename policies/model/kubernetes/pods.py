"""The pods of Kubernetes resources of every kind, including templates, lists and patches."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from policies.engine.rule import Resource, cached
from policies.model.property_values import UnknownValueError, Value

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
"""By kind, the path of the part with the pod's metadata and spec."""

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
    """Return the types of these kinds, with their List and Patch variants."""
    return frozenset(
        f"kubernetes:{group}:{kind}{variant}" for kind in kinds for variant in ("", "List", "Patch")
    )


POD_SHAPED = frozenset(name for group, kinds in _TYPES.items() for name in kubernetes(group, *kinds))

DECLARED = tuple(sorted(kind for kind in POD_SHAPED if not kind.endswith("Patch")))
"""Types that declare pods."""

_TOKEN = re.compile(r"kubernetes:[^:]+:(\w+?)(List|Patch)?")


@dataclass(frozen=True)
class Object:
    """One Kubernetes object: a resource, or an element of a List."""

    kind: str
    value: Value


def objects(resource: Resource) -> list[Object]:
    """Return the object that a resource declares, or the objects of a List."""
    match = _TOKEN.fullmatch(resource.type)
    if match is None:
        return []
    kind, variant = match.groups()
    if variant != "List":
        return [Object(kind, resource.props)]
    return [Object(item["kind"].text() or kind, item) for item in resource["items"].items()]


def patches(resource: Resource) -> bool:
    """Return True if the resource only patches an object that is declared elsewhere."""
    return resource.type.startswith("kubernetes:") and resource.type.endswith("Patch")


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    field: str
    """containers, initContainers or ephemeralContainers."""
    value: Value

    @property
    def name(self) -> str:
        """The name of the container for messages; its path if it has no known name."""
        return (self.value["name"].text() if self.value["name"].known else None) or self.value.path

    @cached_property
    def sidecar(self) -> bool:
        """True if this is an init container that keeps running."""
        return self.field == "initContainers" and self.value["restartPolicy"].text() == "Always"


@dataclass(frozen=True)
class Pod:
    """A pod or a pod template."""

    kind: str
    """The kind of the object that contains the pod."""
    owner: Value
    """The object that contains the pod."""
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
        """True if the containers run on Windows, where several controls do not apply."""
        return self.spec.at("os.name").text() == "windows"

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """The containers, including init and ephemeral containers."""
        fields = ("initContainers", "containers", "ephemeralContainers")
        return tuple(Container(field, item) for field in fields for item in self.spec[field].items())

    def values(self, *fields: str) -> Iterator[Value]:
        """Yield the values of the containers; `fields` limits them to certain container lists."""
        return (container.value for container in self.containers if not fields or container.field in fields)


def pods(resource: Resource) -> list[Pod]:
    """Return the pods that a resource declares; raise UnknownValueError if a preview does not know them."""
    declared = _pods(resource)
    if isinstance(declared, UnknownValueError):
        raise UnknownValueError(declared.path)
    return declared


@cached
def _pods(resource: Resource) -> list[Pod] | UnknownValueError:
    try:
        return [_pod(item) for item in objects(resource) if item.kind in PLACES]
    except UnknownValueError as unknown:
        return unknown


def _pod(item: Object) -> Pod:
    place = PLACES[item.kind]
    return Pod(item.kind, item.value, item.value.at(place) if place else item.value)

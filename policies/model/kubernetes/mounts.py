"""The ConfigMaps and Secrets that the pods of a stack mount."""

from collections.abc import Iterator

from policies.engine.rule import Resource, Stack, Unknown, cached
from policies.model.kubernetes.label_selectors import Index, labels_of
from policies.model.kubernetes.pods import POD_SHAPED, Object, Pod, kubernetes, objects, patches, pods
from policies.model.property_values import UnknownValueError, Value

FILES = sorted(kubernetes("core/v1", "ConfigMap", "Secret"))
"""The types of objects whose entries a pod mounts as files."""

_VOLUME = (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName"))
_PROJECTED = (("ConfigMap", "configMap", "name"), ("Secret", "secret", "name"))
"""Kinds, with the field of a volume or of a part of a projected volume, and the field of its name (Kubernetes
API reference, Volume)."""


class Mounts:
    """The pods of a stack by their labels, and the stack's ConfigMaps and Secrets by name."""

    def __init__(self, stack: Stack) -> None:
        self.unknown: list[Unknown] = []
        """Resources whose pods or labels are unknown."""
        self.pods: list[tuple[Resource, Pod]] = []
        self._by_label = Index[tuple[Resource, Pod]]()
        for resource in stack.of(sorted(POD_SHAPED)):
            if not patches(resource):
                self._add(resource)
        self._by_name = Index[tuple[Resource, Object]]()
        self._by_urn: dict[str, list[tuple[Resource, Object]]] = {}
        for resource in stack.of(FILES):
            for item in _objects(resource):
                name = item.value.at("metadata.name")
                self._by_urn.setdefault(resource.urn, []).append((resource, item))
                if name.known:
                    self._by_name.add(item.value, [(item.kind, name.text())], (resource, item))

    def _add(self, resource: Resource) -> None:
        try:
            for pod in pods(resource):
                self.pods.append((resource, pod))
                labels = labels_of(pod.metadata["labels"])
                self._by_label.add(pod.owner, labels.items(), (resource, pod))
        except UnknownValueError as unknown:
            self.unknown.append(Unknown(unknown.path, resource.urn))

    def selected_by(self, service: Value) -> list[tuple[Resource, Pod]]:
        """Return the pods that a Service selects."""
        wanted = labels_of(service.at("spec.selector"))
        first = next(iter(wanted.items()), None)
        return [
            (resource, pod)
            for resource, pod in (self._by_label.at(service, first) if first else ())
            if wanted.items() <= labels_of(pod.metadata["labels"]).items()
        ]

    def files(self, resource: Resource, pod: Pod) -> Iterator[tuple[Resource, Object]]:
        """Yield the stack's ConfigMaps and Secrets that a pod mounts; dependencies replace unknown names."""
        mounted = {mount["name"].text() for value in pod.values() for mount in value["volumeMounts"].items()}
        for volume in pod.spec["volumes"].items():
            if volume["name"].text() in mounted:
                for kind, name in _names(volume):
                    yield from self._named(resource, pod, kind, name)

    def mounted_with(self, item: Object) -> tuple[list[list[Object]], list[Unknown]]:
        """Return what each pod mounts that mounts this object, and unknown values of other pods."""
        together: list[list[Object]] = []
        unknown_values = list(self.unknown)
        for resource, pod in self.pods:
            try:
                mounted = [other for _, other in self.files(resource, pod)]
            except UnknownValueError as unknown:
                unknown_values.append(Unknown(unknown.path, resource.urn))
            else:
                if item in mounted:
                    together.append(mounted)
        return together, unknown_values

    def _named(
        self, resource: Resource, pod: Pod, kind: str, name: Value
    ) -> Iterator[tuple[Resource, Object]]:
        if name.known:
            yield from self._by_name.at(pod.owner, (kind, name.text()))
            return
        entries = (entry for urn in sorted(resource.reached) for entry in self._by_urn.get(urn, ()))
        reached = [entry for entry in entries if entry[1].kind == kind]
        if not reached:
            raise UnknownValueError(name.path)
        yield from reached


def _objects(resource: Resource) -> list[Object]:
    try:
        return objects(resource)
    except UnknownValueError:
        return []  # the rules on these objects report the unknown value


def _names(volume: Value) -> Iterator[tuple[str, Value]]:
    """Yield the kind and the name of each object in a volume."""
    sources = [(volume, _VOLUME), *((part, _PROJECTED) for part in volume.at("projected.sources").items())]
    for source, fields in sources:
        for kind, field, name in fields:
            if not source[field].absent:
                yield kind, source[field][name]


@cached
def mounts(stack: Stack) -> Mounts:
    """Return the mounts of a stack."""
    return Mounts(stack)

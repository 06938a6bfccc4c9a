"""The ConfigMaps that the pods of a stack mount."""

from collections.abc import Iterator

from policies.engine.rule import Resource, Stack, Unknown, cached
from policies.model.kubernetes.label_selectors import Index, labels_of
from policies.model.kubernetes.pods import POD_SHAPED, Object, Pod, kubernetes, objects, patches, pods
from policies.model.property_values import UnknownValueError, Value

CONFIG_MAPS = sorted(kubernetes("core/v1", "ConfigMap"))


class Mounts:
    """The pods of a stack by their labels, and the stack's ConfigMaps by name."""

    def __init__(self, stack: Stack) -> None:
        self.unknown: list[Unknown] = []
        """Resources whose pods or labels are unknown."""
        self.pods: list[tuple[Resource, Pod]] = []
        self._by_label = Index[tuple[Resource, Pod]]()
        for resource in stack.of(sorted(POD_SHAPED)):
            if not patches(resource):
                self._add(resource)
        self._by_name = Index[tuple[Resource, Value]]()
        self._by_urn: dict[str, list[tuple[Resource, Value]]] = {}
        for resource in stack.of(CONFIG_MAPS):
            for item in _objects(resource):
                name = item.value.at("metadata.name")
                self._by_urn.setdefault(resource.urn, []).append((resource, item.value))
                if name.known:
                    self._by_name.add(item.value, [("", name.text())], (resource, item.value))

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

    def config_maps(self, resource: Resource, pod: Pod) -> Iterator[tuple[Resource, Value]]:
        """Yield the stack's ConfigMaps that a pod mounts; dependencies stand in for unknown names."""
        mounted = {mount["name"].text() for value in pod.values() for mount in value["volumeMounts"].items()}
        for volume in pod.spec["volumes"].items():
            if volume["name"].text() in mounted:
                for name in _names(volume):
                    yield from self._named(resource, pod, name)

    def mounted_with(self, config_map: Value) -> tuple[list[list[Value]], list[Unknown]]:
        """Return the ConfigMaps of each pod that mounts this ConfigMap, and unknown values of other pods."""
        together: list[list[Value]] = []
        unknown_values = list(self.unknown)
        for resource, pod in self.pods:
            try:
                mounted = [value for _, value in self.config_maps(resource, pod)]
            except UnknownValueError as unknown:
                unknown_values.append(Unknown(unknown.path, resource.urn))
            else:
                if config_map in mounted:
                    together.append(mounted)
        return together, unknown_values

    def _named(self, resource: Resource, pod: Pod, name: Value) -> Iterator[tuple[Resource, Value]]:
        if name.known:
            yield from self._by_name.at(pod.owner, ("", name.text()))
            return
        reached = [entry for urn in sorted(resource.reached) for entry in self._by_urn.get(urn, ())]
        if not reached:
            raise UnknownValueError(name.path)
        yield from reached


def _objects(resource: Resource) -> list[Object]:
    try:
        return objects(resource)
    except UnknownValueError:
        return []  # the rules on ConfigMaps report the unknown value


def _names(volume: Value) -> Iterator[Value]:
    yield from (
        source["configMap"]["name"]
        for source in (volume, *volume.at("projected.sources").items())
        if not source["configMap"].absent
    )


@cached
def mounts(stack: Stack) -> Mounts:
    """Return the mounts of a stack."""
    return Mounts(stack)

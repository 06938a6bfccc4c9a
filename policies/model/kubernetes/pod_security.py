"""Shared code of the rules on the Pod Security Standards v1.34, baseline and restricted."""

from collections.abc import Callable, Iterable, Iterator

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Rule,
    Topic,
    Unknown,
    Verdicts,
)
from policies.model.kubernetes.pods import POD_SHAPED, Pod, pods
from policies.model.property_values import UnknownValueError, Value

PSS = Topic(
    framework="Kubernetes Pod Security Standards v1.34",
    tags=("kubernetes", "pod-security"),
    url="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
)


PROFILES = ("RuntimeDefault", "Localhost")


Part = tuple[Callable[[Value], Verdicts], Value]
"""A check and a value of a pod. Values are checked separately: an unknown value ends only its own check."""

PodCheck = Callable[[Pod], Iterator[Part]]
"""A function that yields, for one control, the checks of a pod with their values."""


def standard(
    name: str, control: str, severity: Severity, remediation: str, *checkov: str
) -> Callable[[PodCheck], Rule]:
    """Create a decorator that turns a check of one pod into a rule on every pod of a resource."""

    def decorate(check: PodCheck) -> Rule:
        def evaluate(resource: Resource, _: Options) -> Verdicts:
            for pod in pods(resource):
                try:
                    for part, value in check(pod):
                        # This inlines `guarded`, which would create a generator for each of dozens of parts.
                        try:
                            yield from part(value)
                        except UnknownValueError as unknown:
                            yield Unknown(unknown.path)
                except UnknownValueError as unknown:
                    yield Unknown(unknown.path)

        evaluate.__doc__ = check.__doc__
        return PSS.rule(
            f"pod-security-{name}",
            types=POD_SHAPED,
            severity=severity,
            controls=(f"PSS {control}", *checkov),
            remediation=remediation,
        )(evaluate)

    return decorate


def contexts(pod: Pod, field: str) -> Iterator[Value]:
    """Yield a field of the security contexts of the pod and of its containers."""
    yield pod.spec.at(f"securityContext.{field}")
    yield from (value.at(f"securityContext.{field}") for value in pod.values())


def parts(values: Iterable[Value], check: Callable[[Value], Verdicts]) -> Iterator[Part]:
    """Combine one check with each of the values."""
    return ((check, value) for value in values)


def added(pod: Pod) -> Iterator[Value]:
    """Yield the capabilities that the containers add; containers on Windows have no capabilities."""
    if not pod.windows:
        for value in pod.values():
            added = value.at("securityContext.capabilities.add")
            yield from added.items() if added.known else [added]


def volumes(pod: Pod) -> Iterator[Value]:
    """Yield the volumes of a pod."""
    return iter(pod.spec["volumes"].items())


VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)


def is_allowed_volume(volume: Value) -> bool:
    """Return True if the restricted standard allows the type of a volume.

    A volume without a type is an emptyDir (Kubernetes API reference v1.34, core/v1 Volume and VolumeSource).
    """
    volume.get()
    if any(not volume[name].absent for name in VOLUMES):
        return True
    entries = volume.entries()
    return bool(entries) and all(name == "name" or value.absent for name, value in entries.items())

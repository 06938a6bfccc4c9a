"""Functions that check every container of a resource, or every Kubernetes object of a stack."""

from collections.abc import Callable, Iterable

from policies.engine.rule import Finding, Resource, Stack, Unknown, Verdicts
from policies.model.checks import guarded
from policies.model.kubernetes.pods import DECLARED, Container, Object, Pod, objects, pods
from policies.model.property_values import UnknownValueError

ObjectCheck = Callable[[Resource, Object], Verdicts]
PodCheck = Callable[[Resource, Pod], Verdicts]


def check_each_container(
    resource: Resource, check: Callable[[Pod, Container], Verdicts], *fields: str
) -> Verdicts:
    """Check every container of every pod separately; `fields` names the container lists, by default all."""
    for pod in pods(resource):
        try:
            containers = pod.containers
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)
            continue
        for container in containers:
            if not fields or container.field in fields:
                # This inlines `guarded`, which would create a generator for each container and rule.
                try:
                    yield from check(pod, container)
                except UnknownValueError as unknown:
                    yield Unknown(unknown.path)


def check_each_object(stack: Stack, kinds: Iterable[str], check: ObjectCheck) -> Verdicts:
    """Check every object of these types separately."""
    for resource in stack.of(kinds):
        yield from guarded(_objects(resource, check), resource.urn)


def _objects(resource: Resource, check: ObjectCheck) -> Verdicts:
    for item in objects(resource):
        yield from guarded(check(resource, item), resource.urn)


def check_each_pod(stack: Stack, check: PodCheck) -> Verdicts:
    """Check every pod that a stack declares separately; a finding without a URN gets that of the resource."""
    for resource in stack.of(DECLARED):
        for verdict in guarded(_pods(resource, check), resource.urn):
            yield resource.attach(verdict) if isinstance(verdict, Finding) else verdict


def _pods(resource: Resource, check: PodCheck) -> Verdicts:
    for pod in pods(resource):
        yield from guarded(check(resource, pod), resource.urn)

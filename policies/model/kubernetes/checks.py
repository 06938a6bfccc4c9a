"""Functions that check every container of a resource, or every Kubernetes object of a stack."""

from collections.abc import Callable, Iterable

from policies.engine.rule import Resource, Stack, Unknown, Verdicts
from policies.model.checks import guarded
from policies.model.kubernetes.pods import Container, Object, Pod, objects, pods
from policies.model.property_values import UnknownValueError

ObjectCheck = Callable[[Resource, Object], Verdicts]


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

"""Rules on requests and limits of containers."""

from collections.abc import Callable

from pulumi_policy import Severity

from policies.engine.rule import (
    Option,
    Options,
    Resource,
    Rule,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.checks import check_each_container
from policies.model.kubernetes.pods import POD_SHAPED, Container, Pod, pods
from policies.model.kubernetes.quantities import parse
from policies.model.property_values import Value

_RESOURCES = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"


def _positive(value: Value, example: str) -> Verdicts:
    number = parse(value.get())
    if number is None or number <= 0:
        yield expected(value, f"a quantity above zero, such as {example}")


def _resource_rule(name: str, place: str, example: str, control: str, description: str) -> Rule:
    path = f"resources.{place}"

    def check(pod: Pod, container: Container) -> Verdicts:
        own = container.value.at(path)
        if not own.absent or pod.spec.at(path).absent:  # a value of the pod applies to all of its containers
            yield from _positive(own, example)

    def rule(resource: Resource, _: Options) -> Verdicts:
        # An ephemeral container cannot have resources: the API refuses them.
        yield from check_each_container(resource, check, "initContainers", "containers")

    rule.__doc__ = description
    return WORKLOADS.rule(
        name,
        types=POD_SHAPED,
        severity=Severity.HIGH,
        controls=(control, "Guide: resources"),
        url=_RESOURCES,
        remediation=f"Set resources.{place} of the container or of its pod, such as {example}.",
    )(rule)


cpu_request = _resource_rule(
    "workload-cpu-request-missing",
    "requests.cpu",
    "100m",
    "CKV_K8S_10",
    "Require a CPU request for every container.",
)


cpu_limit = _resource_rule(
    "workload-cpu-limit-missing",
    "limits.cpu",
    "200m",
    "CKV_K8S_11",
    "Require a CPU limit for every container.",
)


memory_request = _resource_rule(
    "workload-memory-request-missing",
    "requests.memory",
    "256Mi",
    "CKV_K8S_12",
    "Require a memory request for every container.",
)


memory_limit = _resource_rule(
    "workload-memory-limit-missing",
    "limits.memory",
    "512Mi",
    "CKV_K8S_13",
    "Require a memory limit for every container.",
)


@WORKLOADS.rule(
    "workload-request-above-limit",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("Guide: resources",),
    url=_RESOURCES,
    remediation="Lower the request or raise the limit; Kubernetes refuses a request above its limit.",
)
def request_within_limit(resource: Resource, _: Options) -> Verdicts:
    """Refuse resource requests above the limits of the pod or container."""

    def check(resources: Value) -> Verdicts:
        limits = resources["limits"]

        def within(request: tuple[str, Value]) -> Verdicts:
            name, value = request
            requested, allowed = parse(value.get()), parse(limits[name].get())
            if requested is not None and allowed is not None and requested > allowed:
                yield expected(value, f"at most its limit, {limits[name].shown()}")

        yield from check_each(resources["requests"].entries().items(), within)

    yield from _every_resources(resource, check)


def _every_resources(resource: Resource, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check the `resources` of every pod and container separately."""
    yield from check_each((pod.spec["resources"] for pod in pods(resource)), check)
    yield from check_each_container(resource, lambda _, container: check(container.value["resources"]))


def _is_quantity(value: object) -> bool:
    return (number := parse(value)) is not None and number > 0


def _ceiling(default: str) -> Option:
    return Option(
        default=default,
        schema={"type": "string", "description": "The ceiling, as a Kubernetes quantity."},
        valid=_is_quantity,
        wanted="a Kubernetes quantity above zero",
    )


@WORKLOADS.rule(
    "workload-limit-above-ceiling",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("Guide: resources",),
    url=_RESOURCES,
    remediation="Lower the limit, or raise the ceiling in the policy configuration of the stack.",
    options={"cpu": _ceiling("4"), "memory": _ceiling("8Gi")},
)
def limit_within_ceiling(resource: Resource, options: Options) -> Verdicts:
    """Refuse pod and container limits above the ceiling in the policy configuration."""

    def check(resources: Value) -> Verdicts:
        def below(name: str) -> Verdicts:
            limit = resources["limits"][name]
            number, most = parse(limit.get()), parse(options[name])
            if number is not None and most is not None and number > most:
                yield expected(limit, f"at most {options[name]}")

        yield from check_each(("cpu", "memory"), below)

    yield from _every_resources(resource, check)

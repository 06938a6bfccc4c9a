"""Workloads: namespaces and selectors, and the walk over containers that all their rules share."""

from collections.abc import Callable

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Topic,
    Unknown,
    Verdicts,
    check_each,
    expected,
)
from policies.model.pods import POD_SHAPED, Container, Pod, objects, pods
from policies.model.property_values import UnknownValueError, Value

WORKLOADS = Topic(
    framework="Checkov Kubernetes",
    tags=("kubernetes", "workload"),
    url="https://kubernetes.io/docs/concepts/configuration/overview/",
)


def check_each_container(
    resource: Resource, check: Callable[[Pod, Container], Verdicts], *fields: str
) -> Verdicts:
    """Judges every container of every pod on its own; only those in `fields` when given."""
    for pod in pods(resource):
        try:
            containers = pod.containers
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)
            continue
        for container in containers:
            if not fields or container.field in fields:
                # Not `guarded`: a generator less for each container and rule.
                try:
                    yield from check(pod, container)
                except UnknownValueError as unknown:
                    yield Unknown(unknown.path)


NAMESPACED = POD_SHAPED | frozenset(
    f"kubernetes:{kind}"
    for kind in (
        "core/v1:ConfigMap",
        "core/v1:PersistentVolumeClaim",
        "core/v1:Secret",
        "core/v1:Service",
        "core/v1:ServiceAccount",
        "networking.k8s.io/v1:Ingress",
        "networking.k8s.io/v1:NetworkPolicy",
        "rbac.authorization.k8s.io/v1:Role",
        "rbac.authorization.k8s.io/v1:RoleBinding",
    )
)


@WORKLOADS.rule(
    "workload-default-namespace",
    types=NAMESPACED,
    severity=Severity.LOW,
    controls=("CKV_K8S_21", "CIS Kubernetes 5.7.4"),
    remediation="Set metadata.namespace to a namespace of the workload's own.",
)
def default_namespace(resource: Resource, _: Options) -> Verdicts:
    """No object lives in the default namespace."""

    def check(namespace: Value) -> Verdicts:
        # Without one the provider's own counts; without either, `default` of most kubeconfigs does.
        if (namespace.text() or resource.settings["namespace"].text() or "default") == "default":
            yield expected(namespace, "a namespace of its own")

    yield from check_each((item.value.at("metadata.namespace") for item in objects(resource)), check)


@WORKLOADS.rule(
    "workload-selector-mismatch",
    types=[
        kind
        for kind in POD_SHAPED
        if kind.partition(":")[2].startswith(("apps", "extensions")) and "Patch" not in kind
    ],
    severity=Severity.HIGH,
    controls=("kube-linter mismatching-selector",),
    remediation="Give the pod template the labels that the selector asks for.",
)
def selector_mismatch(resource: Resource, _: Options) -> Verdicts:
    """The selector of a workload matches the labels of its own pods."""
    for pod in pods(resource):
        labels = pod.metadata["labels"]

        def agrees(wanted: tuple[str, Value], labels: Value = labels) -> Verdicts:
            key, value = wanted
            if labels[key].get() != value.get():
                yield expected(labels[key], f"{value.shown()}, as spec.selector.matchLabels has it")

        yield from check_each(pod.owner.at("spec.selector.matchLabels").entries().items(), agrees)

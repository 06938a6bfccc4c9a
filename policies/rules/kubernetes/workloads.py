"""Rules on namespaces and selectors of workloads."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.pods import POD_SHAPED, Object, objects, pods
from policies.model.kubernetes.types import NAMESPACED
from policies.model.property_values import Value

_SYSTEM = {("Service", "kubernetes"), ("ServiceAccount", "default")}
"""Objects of Kubernetes itself in the default namespace, by kind and name (CIS Kubernetes 5.6.4, audit)."""


@WORKLOADS.rule(
    "workload-default-namespace",
    types=NAMESPACED,
    severity=Severity.LOW,
    controls=("CKV_K8S_21", "CIS Kubernetes 5.6.4"),
    remediation="Set metadata.namespace to a namespace of the workload's own.",
)
def default_namespace(resource: Resource, _: Options) -> Verdicts:
    """Refuse objects in the default namespace."""

    def is_system(item: Object) -> bool:
        name = item.value.at("metadata.name")
        return name.known and (item.kind, name.text()) in _SYSTEM

    def check(namespace: Value) -> Verdicts:
        # Without a namespace, the provider's applies; without either, `default` in most kubeconfigs.
        if (namespace.text() or resource.settings["namespace"].text() or "default") == "default":
            yield expected(namespace, "a namespace of its own")

    own = (item for item in objects(resource) if not is_system(item))
    yield from check_each((item.value.at("metadata.namespace") for item in own), check)


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
    """Require workload selectors that match the labels of their own pods."""
    for pod in pods(resource):
        labels = pod.metadata["labels"]

        def agrees(wanted: tuple[str, Value], labels: Value = labels) -> Verdicts:
            key, value = wanted
            if labels[key].get() != value.get():
                yield expected(labels[key], f"{value.shown()}, as in spec.selector.matchLabels")

        yield from check_each(pod.owner.at("spec.selector.matchLabels").entries().items(), agrees)

"""A rule on plain-text secrets in ConfigMaps."""

from collections.abc import Callable

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Verdicts
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.encoded_data import decoded
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import Value
from policies.model.secrets import is_secret


@WORKLOADS.rule(
    "workload-secret-in-config-map",
    types=kubernetes("core/v1", "ConfigMap"),
    severity=Severity.CRITICAL,
    controls=("kube-linter configmap-with-credentials",),
    remediation="Put the value into a Secret, whose readers Kubernetes can limit, and mount it.",
    url="https://kubernetes.io/docs/concepts/configuration/secret/",
)
def config_map(resource: Resource, _: Options) -> Verdicts:
    """Refuse plain-text secrets in ConfigMaps; the name of a key or the form of its value reveals them."""
    for item in objects(resource):
        yield from guarded(_entries(item.value["data"], lambda value: value))
        yield from guarded(_entries(item.value["binaryData"], decoded))


def _entries(data: Value, read: Callable[[Value], Value]) -> Verdicts:
    for name, value in data.entries().items():
        yield from guarded(_entry(name, read(value)))


def _entry(name: str, value: Value) -> Verdicts:
    if not value.absent and is_secret(name, value):
        yield Finding(value.path, "[secret]", "move it to a Secret")

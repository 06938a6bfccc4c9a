"""A rule on the eviction of pods that are not ready."""

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, expected
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import Value


@WORKLOADS.rule(
    "workload-unready-pods-kept",
    types=kubernetes("policy/v1", "PodDisruptionBudget"),
    severity=Severity.LOW,
    controls=("kube-linter pdb-unhealthy-pod-eviction-policy",),
    remediation=(
        "Set spec.unhealthyPodEvictionPolicy to AlwaysAllow; otherwise, unready pods can block every drain."
    ),
    url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy",
)
def unready_pods(resource: Resource, _: Options) -> Verdicts:
    """Require PodDisruptionBudgets to let a drain evict pods that are not ready."""

    def check(value: Value) -> Verdicts:
        if value.text() != "AlwaysAllow":
            yield expected(value, "'AlwaysAllow'")

    yield from check_each(
        (item.value.at("spec.unhealthyPodEvictionPolicy") for item in objects(resource)), check
    )

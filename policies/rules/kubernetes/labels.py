"""A rule on the ownership labels of Kubernetes objects."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Options, Resource, Verdicts
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.checks import guarded
from policies.model.kubernetes.pods import objects
from policies.model.kubernetes.types import NAMESPACED
from policies.model.property_values import Value
from policies.model.tag_checks import missing_keys, required_keys

LABELLED = frozenset(
    kind
    for kind in NAMESPACED
    | {
        f"kubernetes:{name}{variant}"
        for name in (
            "core/v1:LimitRange",
            "core/v1:Namespace",
            "core/v1:ResourceQuota",
            "autoscaling/v2:HorizontalPodAutoscaler",
            "policy/v1:PodDisruptionBudget",
            "rbac.authorization.k8s.io/v1:ClusterRole",
            "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        )
        for variant in ("", "List")
    }
    if not kind.endswith("Patch")
)


@ACROSS_PROVIDERS.rule(
    "labels-missing",
    types=LABELLED,
    severity=Severity.LOW,
    controls=("Design: one source of tags", "Kubernetes: recommended labels"),
    remediation="Add the labels to metadata.labels of the object.",
    url="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": required_keys(
            ["app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"],
            "Labels that every object must have.",
        ),
    },
)
def labels(resource: Resource, options: Options) -> Verdicts:
    """Require ownership labels on every Kubernetes object."""

    def check(metadata: Value) -> Verdicts:
        own = metadata["labels"]
        yield from missing_keys(own, set(own.entries()), options["keys"])

    for item in objects(resource):
        yield from guarded(check(item.value["metadata"]))

"""A rule on owners of Kubernetes objects, with which the cluster deletes them."""

from pulumi_policy import Severity

from policies.engine.rule import ANYTHING, Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.pods import kubernetes
from policies.model.kubernetes.types import RELEASE
from policies.model.property_values import Value

_STATEFUL_SETS = frozenset[str]().union(
    *(kubernetes(f"apps/{version}", "StatefulSet") for version in ("v1", "v1beta2", "v1beta1"))
)


@WORKLOADS.rule(
    "kubernetes-owner-set",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Kubernetes: owner references",),
    remediation="Remove metadata.ownerReferences; only controllers set it, for objects that they create.",
    url="https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/",
)
def owner(resource: Resource, _: Options) -> Verdicts:
    """Refuse owner references of Kubernetes objects: the cluster deletes an object without its owner.

    The program, the state and the next preview still have the object.
    """
    # The garbage collector deletes an object whose owners are all missing, or have other UIDs than the
    # references (Kubernetes 1.34, pkg/controller/garbagecollector/garbagecollector.go, isDangling and
    # attemptToDeleteItem).
    if resource.component or not resource.type.startswith("kubernetes:") or resource.type == RELEASE:
        return
    yield from _owned(resource.props, resource.type)
    # A custom resource may have a kind that ends in List, with metadata of its own.
    if resource.type.endswith("List"):
        yield from guarded(_owned_items(resource))


def _owned_items(resource: Resource) -> Verdicts:
    for item in resource["items"].items():
        yield from _owned(item, resource.type)


def _owned(item: Value, kind: str) -> Verdicts:
    yield from check_each([item["metadata"]], _without_owner)
    if kind in _STATEFUL_SETS:
        yield from guarded(_owned_claims(item.at("spec.volumeClaimTemplates")))


def _owned_claims(templates: Value) -> Verdicts:
    # Claims keep all metadata of their templates (Kubernetes 1.34, pkg/controller/statefulset/
    # stateful_set_utils.go, getPersistentVolumeClaims). Pods keep labels, annotations and finalizers of
    # theirs (pkg/controller/controller_utils.go, GetPodFromTemplate).
    yield from check_each((template["metadata"] for template in templates.items()), _without_owner)


def _without_owner(metadata: Value) -> Verdicts:
    owners = metadata["ownerReferences"]
    if owners.get() not in (None, []):
        yield disallowed(owners)

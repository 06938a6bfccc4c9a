"""Rules on objects with which a stack reaches nodes, deletes data, or takes over requests of others."""

from collections.abc import Iterable

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed, expected
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.pods import Object, kubernetes, objects
from policies.model.property_values import Value

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_REGISTRATION = ("v1", "v1alpha1", "v1beta1")
_ADDRESSES = {"Endpoints": "subsets", "EndpointSlice": "endpoints"}
"""By kind, the property with the addresses to which a Service sends its requests."""
_IN_CLUSTER = (".svc", ".svc.cluster.local")
"""Ends of the names that the cluster's DNS gives to Services (Kubernetes, DNS for Services and Pods)."""


@WORKLOADS.rule(
    "workload-volume-of-node",
    types=kubernetes("core/v1", "PersistentVolume"),
    severity=Severity.HIGH,
    controls=("PSS baseline: HostPath Volumes",),
    remediation="Let a storage class create the volume; a folder of a node gives a pod the node's files.",
    url="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#types-of-persistent-volumes",
)
def volume_of_node(resource: Resource, _: Options) -> Verdicts:
    """Refuse PersistentVolumes that are folders of a node, which pods then mount through a claim."""

    def check(item: Object) -> Verdicts:
        for source in ("hostPath", "local"):
            value = item.value["spec"][source]
            if not value.absent:
                yield disallowed(value, "let a storage class create the volume")

    yield from check_each(objects(resource), check)


@WORKLOADS.rule(
    "workload-volume-reclaimed",
    types=kubernetes("core/v1", "PersistentVolume"),
    severity=Severity.HIGH,
    controls=("Kubernetes: reclaim policies",),
    remediation="Set spec.persistentVolumeReclaimPolicy to Retain, so that the data outlives a claim.",
    url="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
)
def volume_reclaimed(resource: Resource, _: Options) -> Verdicts:
    """Refuse PersistentVolumes whose data the cluster deletes when their claim does not exist any more.

    The volume may be one of others, or of another resource of the program.
    """

    def check(policy: Value) -> Verdicts:
        # The default is Retain (Kubernetes 1.34, pkg/apis/core/v1/defaults.go, SetDefaults_PersistentVolume).
        # Delete and Recycle remove the data (pkg/controller/volume/persistentvolume, reclaimVolume), also if
        # spec.claimRef names a claim that never existed (syncVolume).
        if policy.get() not in (None, "", "Retain"):
            yield expected(policy, "'Retain'")

    yield from check_each(
        (item.value.at("spec.persistentVolumeReclaimPolicy") for item in objects(resource)), check
    )


@WORKLOADS.rule(
    "workload-requests-diverted",
    types=frozenset[str]().union(
        kubernetes("core/v1", "Service", "Endpoints"),
        *(kubernetes(f"discovery.k8s.io/{version}", "EndpointSlice") for version in ("v1", "v1beta1")),
        *(kubernetes(f"admissionregistration.k8s.io/{version}", *_WEBHOOKS) for version in _REGISTRATION),
        *(kubernetes(f"apiregistration.k8s.io/{version}", "APIService") for version in ("v1", "v1beta1")),
        *(
            kubernetes(f"apiextensions.k8s.io/{version}", "CustomResourceDefinition")
            for version in ("v1", "v1beta1")
        ),
    ),
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.1.12",),
    remediation=(
        "Name a Service of the cluster in place of a URL, give an APIService a caBundle, and let a load "
        "balancer provide the addresses of a Service and a selector those of its pods."
    ),
    url="https://kubernetes.io/docs/concepts/security/rbac-good-practices/#control-admission-webhooks",
)
def requests_diverted(resource: Resource, _: Options) -> Verdicts:
    """Refuse webhooks outside of the cluster, APIs without verified TLS, and Services with addresses of
    their own choice: externalIPs, external names, and endpoints that no selector finds.

    Such a webhook reads and changes objects of all namespaces; a Service with an external name or endpoint
    leads it outside as a URL does. Nodes send the traffic for an external IP to the Service's pods, whoever
    owns the address.
    """

    def check(item: Object) -> Verdicts:
        for value, remedy in _diverting(item):
            yield from guarded(_absent(value, remedy))

    yield from check_each(objects(resource), check)


def _diverting(item: Object) -> Iterable[tuple[Value, str]]:
    """Yield the values that an object should not have, each with a remedy."""
    in_cluster = "name a Service of the cluster in clientConfig.service"
    if item.kind in _WEBHOOKS:
        yield from (
            (webhook.at("clientConfig.url"), in_cluster) for webhook in item.value["webhooks"].items()
        )
    elif item.kind == "CustomResourceDefinition":
        yield item.value.at("spec.conversion.webhook.clientConfig.url"), in_cluster
        yield item.value.at("spec.conversion.webhookClientConfig.url"), in_cluster
    elif item.kind == "APIService":
        yield item.value.at("spec.insecureSkipTLSVerify"), "set a caBundle"
    elif item.kind in _ADDRESSES:
        # The control plane writes these objects for a Service with a selector. Every slice with the label
        # kubernetes.io/service-name adds its addresses to that Service (Kubernetes, EndpointSlices).
        yield item.value[_ADDRESSES[item.kind]], "remove it; let the Service select pods"
    else:
        yield item.value.at("spec.externalIPs"), "remove it; a load balancer has addresses of its own"
        # The API server calls webhooks and APIs at this name (k8s.io/apiserver, pkg/util/proxy/proxy.go,
        # ResolveCluster).
        name = item.value.at("spec.externalName")
        if not (name.known and (name.text() or "").rstrip(".").endswith(_IN_CLUSTER)):
            yield name, "name a Service of the cluster, or let programs name the address themselves"


def _absent(value: Value, remedy: str) -> Verdicts:
    if value.get() not in (None, "", False, []):
        yield disallowed(value, remedy)

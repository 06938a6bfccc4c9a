"""Groups of Kubernetes resource types."""

from policies.model.kubernetes.pods import POD_SHAPED, kubernetes

RELEASE = "kubernetes:helm.sh/v3:Release"
"""The type that the Kubernetes provider recognizes by its name (pulumi-kubernetes, helm_release.go)."""

SERVICES = ("kubernetes:core/v1:Service", "kubernetes:core/v1:ServiceList")

INGRESSES = frozenset[str]().union(
    *(
        kubernetes(group, "Ingress")
        for group in ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1")
    )
)

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

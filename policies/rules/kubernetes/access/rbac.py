"""Rules on Roles and their bindings: wildcards, cluster-admin, Secrets, escalation, the default account."""

from collections.abc import Callable, Iterable

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed, expected
from policies.engine.topics import RBAC
from policies.model.checks import guarded
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import Value

GROUPS = tuple(f"rbac.authorization.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
ROLES = frozenset[str]().union(*(kubernetes(group, "Role", "ClusterRole") for group in GROUPS))
BINDINGS = frozenset[str]().union(
    *(kubernetes(group, "RoleBinding", "ClusterRoleBinding") for group in GROUPS)
)

READING = ("get", "list", "watch")
SECRETS = "secrets"
ESCALATING = {
    "escalate": ("roles", "clusterroles"),
    "bind": ("roles", "clusterroles"),
    "impersonate": ("users", "groups", "serviceaccounts", "uids"),
}
"""By verb, the resources on which it gives its holder the permissions of others (CIS Kubernetes, 5.1.8)."""


def _each(value: Value, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check every element of a list separately; the list itself may be unknown."""
    yield from check_each(value.items(), check)


def _each_rule(resource: Resource, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check every rule of every Role separately."""
    for item in objects(resource):
        yield from guarded(_each(item.value["rules"], check))


def _has(values: Iterable[str], *wanted: str) -> bool:
    return not {"*", *wanted}.isdisjoint(values)


@RBAC.rule(
    "rbac-wildcard",
    types=ROLES,
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.1.3", "CKV_K8S_49", "kube-linter wildcard-in-rules"),
    remediation="Name the API groups, resources and verbs; a wildcard grows with every new resource.",
)
def wildcard(resource: Resource, _: Options) -> Verdicts:
    """Refuse wildcards in the API groups, resources, verbs and URLs of Roles and ClusterRoles."""

    def check(rule: Value) -> Verdicts:
        for name in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            yield from guarded(_each(rule[name], element))

    def element(value: Value) -> Verdicts:
        text = value.text() or ""
        if text == "*" or text.startswith("*/"):
            yield disallowed(value, "name what is needed")

    yield from _each_rule(resource, check)


@RBAC.rule(
    "rbac-secrets-readable",
    types=ROLES,
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.1.2", "kube-linter access-to-secrets"),
    remediation="Mount the Secret into the pod that needs it, or name it in resourceNames.",
)
def secrets(resource: Resource, _: Options) -> Verdicts:
    """Refuse Roles that read Secrets without naming them."""

    def check(rule: Value) -> Verdicts:
        resources = rule["resources"]
        reads = _has(rule["verbs"].texts(), *READING) and _has(rule["apiGroups"].texts(), "")
        if reads and _has(resources.texts(), SECRETS) and not rule["resourceNames"].items():
            yield expected(resources, "resources without secrets, or name the Secrets in resourceNames")

    yield from _each_rule(resource, check)


@RBAC.rule(
    "rbac-escalation",
    types=ROLES,
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.1.8", "CKV_K8S_157", "CKV_K8S_158"),
    remediation="Remove the verb, or name in resourceNames the roles or accounts that it is for.",
    url="https://kubernetes.io/docs/concepts/security/rbac-good-practices/#escalate-verb",
)
def escalation(resource: Resource, _: Options) -> Verdicts:
    """Refuse Roles whose holder can gain more permissions by the verbs escalate, bind or impersonate."""

    def check(rule: Value) -> Verdicts:
        if rule["resourceNames"].items():
            return
        resources = rule["resources"].texts()

        def verb(value: Value) -> Verdicts:
            text = value.text() or ""
            if text in ESCALATING and _has(resources, *ESCALATING[text]):
                yield disallowed(value, "remove it, or name the objects in resourceNames")

        yield from check_each(rule["verbs"].items(), verb)

    yield from _each_rule(resource, check)


@RBAC.rule(
    "rbac-cluster-admin-bound",
    types=BINDINGS,
    severity=Severity.CRITICAL,
    controls=("CIS Kubernetes 5.1.1", "kube-linter cluster-admin-role-binding"),
    remediation="Bind a Role with the permissions that the subject needs.",
)
def cluster_admin(resource: Resource, _: Options) -> Verdicts:
    """Refuse bindings to the ClusterRole cluster-admin, which allows everything."""
    for item in objects(resource):
        yield from guarded(_administrator(item.value.at("roleRef.name")))


def _administrator(name: Value) -> Verdicts:
    if name.text() == "cluster-admin":
        yield expected(name, "a role with only the permissions that are needed")


@RBAC.rule(
    "rbac-default-service-account",
    types=BINDINGS,
    severity=Severity.MEDIUM,
    controls=("CIS Kubernetes 5.1.5", "CKV_K8S_42"),
    remediation="Give the pods a ServiceAccount of their own, and bind the role to that account.",
)
def default_account(resource: Resource, _: Options) -> Verdicts:
    """Refuse bindings to the ServiceAccount `default`, which every pod without its own account uses."""

    def check(subject: Value) -> Verdicts:
        if subject["kind"].text() == "ServiceAccount" and subject["name"].text() == "default":
            yield expected(subject["name"], "the ServiceAccount of the pods that need the role")

    for item in objects(resource):
        yield from guarded(_each(item.value["subjects"], check))

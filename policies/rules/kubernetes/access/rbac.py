"""Rules on Roles and their bindings: wildcards, Secrets, escalation, built-in roles, broad subjects."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import RBAC
from policies.model.checks import guarded
from policies.model.kubernetes.pods import Object, kubernetes, objects
from policies.model.property_values import UnknownValueError, UnreadableValueError, Value

GROUPS = tuple(f"rbac.authorization.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
ROLES = frozenset[str]().union(*(kubernetes(group, "Role", "ClusterRole") for group in GROUPS))
BINDINGS = frozenset[str]().union(
    *(kubernetes(group, "RoleBinding", "ClusterRoleBinding") for group in GROUPS)
)

READING = ("get", "list", "watch")
SECRETS = "secrets"
ROLE_GROUP = "rbac.authorization.k8s.io"
_ROLES = {ROLE_GROUP: ("roles", "clusterroles")}
_ADMISSION = {
    "admissionregistration.k8s.io": (
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    )
}
_CHANGES = {
    "": ("pods/ephemeralcontainers", "secrets", "namespaces"),
    "certificates.k8s.io": ("certificatesigningrequests/approval",),
    **_ADMISSION,
}
ESCALATING = {
    "escalate": _ROLES,
    # Kubernetes asks for bind on the role. Checkov's CKV_K8S_157 refuses it on the bindings.
    "bind": {ROLE_GROUP: ("roles", "clusterroles", "rolebindings", "clusterrolebindings")},
    "impersonate": {
        "": ("users", "groups", "serviceaccounts"),
        "authentication.k8s.io": ("uids", "userextras/"),
    },
    # A command in a pod has the permissions of the pod's account. A persistent volume may be a node's folder.
    "create": {
        "": ("serviceaccounts/token", "pods/exec", "pods/attach", "nodes/proxy", "persistentvolumes"),
        **_ADMISSION,
    },
    "get": {"": ("nodes/proxy",)},
    "approve": {"certificates.k8s.io": ("signers",)},
    "update": _CHANGES,
    "patch": _CHANGES,
}
"""By verb and API group, the resources on which the verb gives its holder the permissions of others.

A name that ends with a slash stands for all subresources. Sources: CIS Kubernetes, 5.1.8 to 5.1.13;
Kubernetes, Using RBAC Authorization, User Impersonation, and RBAC Good Practices. The latter explains
webhooks, persistent volumes, and the labels of namespaces for Pod Security.

The answer to a patch contains the whole object, so that an empty patch reads a Secret (kubernetes/kubernetes,
staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, PatchResource).
"""
_WORKLOADS = {
    "": ("pods", "replicationcontrollers"),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "batch": ("cronjobs", "jobs"),
}
_NETWORK_POLICIES = {"networking.k8s.io": ("networkpolicies",)}
_WIDE_CHANGES = {**_WORKLOADS, **_NETWORK_POLICIES}
ESCALATING_CLUSTER_WIDE = {
    "create": {**_WIDE_CHANGES, "": (*_WORKLOADS[""], SECRETS)},
    "update": _WIDE_CHANGES,
    "patch": _WIDE_CHANGES,
    "delete": _NETWORK_POLICIES,
    "deletecollection": _NETWORK_POLICIES,
}
"""By verb and API group, the resources that are as dangerous in all namespaces, or in kube-system.

A pod uses any account, Secret and volume of its namespace, also after a change of its template or image.
Deployers and controllers need these verbs in a namespace, which is the limit (Kubernetes, RBAC Good
Practices, Workload creation). Trivy refuses the network policies and the Secrets (KSV-0056, KSV-0041), CIS
Kubernetes the pods (5.1.4).
"""
SYSTEM_NAMESPACE = "kube-system"
CLUSTER_ADMIN = "cluster-admin"
CLUSTER_WIDE = ("admin", "edit")
"""Built-in roles for a namespace, which read all Secrets of the cluster with a ClusterRoleBinding.

Source: Kubernetes, Using RBAC Authorization, User-facing roles.
"""
EVERYBODY = {
    "Group": re.compile(r"system:(un)?authenticated|system:serviceaccounts(:.*)?"),
    "User": re.compile(r"system:anonymous"),
}
"""By kind, the subjects to which requests belong without a decision about the caller."""
FOR_EVERYBODY = (
    "system:basic-user",
    "system:discovery",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
)
"""The roles that Kubernetes binds to them itself (Using RBAC Authorization, API discovery roles)."""
BINDABLE = (
    *FOR_EVERYBODY,
    "system:aggregate-to-view",
    "system:aggregated-metrics-reader",
    "system:auth-delegator",
    "system:metrics-server",
    "system:monitoring",
    "system:node-proxier",
)
"""The roles with a reserved name that programs bind: those of metrics-server, kube-proxy, extension
servers and monitoring. They neither read Secrets nor change objects.

Sources: kubernetes/kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go;
kubernetes-sigs/metrics-server, manifests/base/rbac.yaml. Other reserved roles read all Secrets
(kube-controller-manager, node) or run commands in every pod (kubelet-api-admin).
"""
BUILT_IN_LABELS = (".k8s.io", ".kubernetes.io", ".amazonaws.com")
"""Ends of the domains in the labels of the roles that Kubernetes and EKS bring along."""
RESERVED = ("system:", "eks:")
"""The prefixes of the roles, users and groups of the control plane and of EKS, such as the group
system:masters, which authorization never refuses. Kubernetes' example of a limited `bind` names the roles
admin, edit and view (Using RBAC Authorization)."""


def _each(value: Value, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check every element of a list separately; the list itself may be unknown."""
    yield from check_each(value.items(), check)


def _each_rule(resource: Resource, check: Callable[[Value], Verdicts]) -> Verdicts:
    """Check every rule of every Role separately."""
    for item in objects(resource):
        yield from guarded(_each(item.value["rules"], check))


def _has(values: Iterable[str], *wanted: str) -> bool:
    return not {"*", *wanted}.isdisjoint(values)


def _covers(resource: str, name: str) -> bool:
    """Return True if an entry of `resources` covers a resource, or a subresource of a name with a slash.

    The only wildcards are `*` and `*/<subresource>` (Kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go).
    """
    if name.endswith("/"):
        return resource == "*" or resource.startswith((name, "*/"))
    _, slash, part = name.partition("/")
    return resource in ("*", name) or (bool(slash) and resource == f"*/{part}")


def _escalates(verb: Value, rule: Value, *, cluster_wide: bool) -> bool:
    """Return True if a verb of a rule gives its holder the permissions of others."""
    tables = (ESCALATING, ESCALATING_CLUSTER_WIDE) if cluster_wide else (ESCALATING,)
    escalating = [entry for table in tables for entry in table.get(verb.text() or "", {}).items()]
    groups, resources = (rule[key].texts() if escalating else [] for key in ("apiGroups", "resources"))
    return any(
        _has(groups, group) and any(_covers(resource, name) for resource in resources for name in names)
        for group, names in escalating
    )


def _is_cluster_wide(item: Object) -> bool:
    """Return True for a ClusterRole, or a Role in the namespace of the control plane."""
    namespace = item.value.at("metadata.namespace")
    # A namespace whose name is not known yet is one that the program creates.
    return item.kind == "ClusterRole" or (namespace.known and namespace.text() == SYSTEM_NAMESPACE)


def _on_secrets(rule: Value, *verbs: str) -> bool:
    """Return True if a rule grants one of the verbs on Secrets, with or without names."""
    granted = _has(rule["verbs"].texts(), *verbs)
    return granted and _has(rule["apiGroups"].texts(), "") and _has(rule["resources"].texts(), SECRETS)


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
        for name in ("apiGroups", "resources", "verbs"):
            yield from guarded(_each(rule[name], element))
        yield from guarded(_each(rule["nonResourceURLs"], url))

    def element(value: Value) -> Verdicts:
        text = value.text() or ""
        if text == "*" or text.startswith("*/"):
            yield disallowed(value, "name what is needed")

    def url(value: Value) -> Verdicts:
        # A star at the end matches every rest (Kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go,
        # NonResourceURLMatches).
        text = value.text() or ""
        if text.endswith("*") and not text.strip("*/"):
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
        if reads and _has(resources.texts(), SECRETS):
            names = rule["resourceNames"].texts()
            # The empty name stands for requests without a name, such as a list of all Secrets.
            if not names or "" in names:
                yield expected(resources, "resources without secrets, or name the Secrets in resourceNames")

    yield from _each_rule(resource, check)


@RBAC.rule(
    "rbac-escalation",
    types=ROLES,
    severity=Severity.HIGH,
    controls=(
        "CIS Kubernetes 5.1.4",
        "CIS Kubernetes 5.1.8",
        "CIS Kubernetes 5.1.9",
        "CIS Kubernetes 5.1.10",
        "CIS Kubernetes 5.1.11",
        "CIS Kubernetes 5.1.12",
        "CIS Kubernetes 5.1.13",
        "CKV_K8S_155",
        "CKV_K8S_157",
        "CKV_K8S_158",
        "Kubernetes: RBAC good practices",
    ),
    remediation="Remove the verb, use a Role of one namespace, or name in resourceNames the objects that it"
    " is for; not cluster-admin and names that begin with system: or eks:.",
    url="https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks",
)
def escalation(resource: Resource, _: Options) -> Verdicts:
    """Refuse Roles whose holder can gain more permissions: by the verbs escalate, bind or impersonate, tokens
    of accounts, commands in pods, the proxy of nodes, the approval of certificates, new persistent volumes,
    or changes of webhook configurations, Secrets or namespaces.

    A rule may name the objects that it is for, except those of the control plane. A ClusterRole, or a Role
    in kube-system, may neither create Secrets nor change workloads and network policies without names. A
    Role that reads a Secret may not create Secrets.
    """

    def check(rule: Value, cluster_wide: bool) -> Verdicts:
        escalating: list[Value] = []

        def verb(value: Value) -> Verdicts:
            if _escalates(value, rule, cluster_wide=cluster_wide):
                escalating.append(value)
            yield from ()

        yield from check_each(rule["verbs"].items(), verb)
        if not escalating:
            return
        names = rule["resourceNames"].items()
        if not names:
            for value in escalating:
                yield disallowed(value, "remove it, or name the objects in resourceNames")
        yield from check_each(names, powerful)

    def powerful(name: Value) -> Verdicts:
        text = name.text()
        # An empty name stands for requests without a name, such as the creation of a role.
        if not text or text == CLUSTER_ADMIN or text.startswith(RESERVED):
            yield expected(name, "a role or account without the permissions of the control plane")

    def token_secrets(rules: list[Value]) -> Verdicts:
        # The control plane writes the token of any account of the namespace into a new Secret of the type
        # kubernetes.io/service-account-token (Kubernetes, Secrets, ServiceAccount token Secrets). The type of
        # a Secret never changes (pkg/apis/core/validation/validation.go, ValidateSecretUpdate). Server-side
        # apply creates a Secret by its name, and returns it (patch.go, createAuthorizerAttributes).
        creating = [rule for rule in rules if _on_secrets(rule, "create")]
        if creating and any(_on_secrets(rule, *READING, "patch") for rule in rules):
            for rule in creating:
                yield disallowed(
                    rule["verbs"], "create the Secret in the program, and let the Role change it by name"
                )

    for item in objects(resource):
        cluster_wide = _is_cluster_wide(item)
        yield from guarded(_each(item.value["rules"], partial(check, cluster_wide=cluster_wide)))
        if not cluster_wide:
            yield from guarded(token_secrets(item.value["rules"].items()))


_Identity = tuple[str, str, str]
_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
"""The user name of a ServiceAccount (Kubernetes, Authenticating, Service account tokens)."""


@dataclass(frozen=True)
class _SecretRole:
    """A role that creates or reads Secrets."""

    urn: str
    item: Object
    place: Hashable
    """The namespace; None for a ClusterRole."""
    creates: bool
    reads: bool


@dataclass(frozen=True)
class _Grant:
    """A role that a binding grants to a subject."""

    role: _SecretRole
    name: Value
    """The name in the binding."""
    urn: str
    """The URN of the binding."""
    place: Hashable
    """The namespace; None for all namespaces."""


@RBAC.stack_rule(
    "rbac-roles-combined",
    about=BINDINGS,
    severity=Severity.HIGH,
    controls=("Kubernetes: RBAC good practices",),
    remediation="Bind one of the two roles only, or create the Secret in the program.",
    url="https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks",
)
def combined(stack: Stack, _: Options) -> Verdicts:
    """Refuse bindings of a Role that creates Secrets if another binding lets the subject read a Secret there.

    Together, both give the tokens of all accounts of the namespace. A Role with both is another finding.
    """
    # Whoever creates pods reads all Secrets of the namespace anyway (Kubernetes, RBAC Good Practices,
    # Workload creation), so such a Role is not judged together with another one.
    roles: list[_SecretRole] = []
    for resource in stack.of(ROLES):
        try:
            roles += _secret_roles(resource)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path, resource.urn)
        except UnreadableValueError:
            continue  # `rbac-escalation` reports it.
    if not any(role.creates for role in roles):
        return
    grants: dict[_Identity, list[_Grant]] = {}
    for resource in stack.of(BINDINGS):
        yield from guarded(_collect_grants(resource, roles, grants), resource.urn)
    for granted in grants.values():
        for grant in granted:
            if reader := next((other for other in granted if _reads_tokens(grant, other)), None):
                name = reader.urn.rpartition("::")[2]
                shown = f"{grant.name.shown()}, and {name} lets the subject read a Secret"
                yield Finding(grant.name.path, shown, "bind one of the two roles only", urn=grant.urn)


def _secret_roles(resource: Resource) -> Iterator[_SecretRole]:
    """Yield the roles of a resource that create or read Secrets."""
    for item in objects(resource):
        rules = item.value["rules"].items()
        creates = any(_on_secrets(rule, "create") for rule in rules)
        reads = any(_on_secrets(rule, *READING, "patch") for rule in rules)
        place = None if item.kind == "ClusterRole" else _place(resource, item)
        if creates or reads:
            yield _SecretRole(resource.urn, item, place, creates, reads)


def _place(resource: Resource, item: Object) -> Hashable:
    """Return the namespace of an object, or the URNs on which an unknown one depends."""
    namespace = item.value.at("metadata.namespace")
    if namespace.known:
        return namespace.text() or "default"
    return frozenset(resource.property_dependencies.get("metadata", ()))


def _collect_grants(
    resource: Resource, roles: Iterable[_SecretRole], grants: dict[_Identity, list[_Grant]]
) -> Verdicts:
    """Add what bindings grant to each subject; yield the subjects that are unknown."""
    for item in objects(resource):
        place = None if item.kind == "ClusterRoleBinding" else _place(resource, item)
        name = item.value.at("roleRef.name")
        bound = [role for role in roles if _is_bound(role, resource, item, place)]
        for subject in item.value["subjects"].items() if bound else ():
            try:
                granted = grants.setdefault(_identity(subject), [])
            except UnknownValueError as unknown:
                yield Unknown(unknown.path, resource.urn)
            else:
                granted += [_Grant(role, name, resource.urn, place) for role in bound]


def _identity(subject: Value) -> _Identity:
    """Return the kind, namespace and name of a subject, in one form for each account.

    The group of all accounts of a namespace is a finding of `rbac-bound-to-everybody`.
    """
    kind, namespace, name = (subject[part].text() or "" for part in ("kind", "namespace", "name"))
    if kind == "User" and (account := _ACCOUNT.fullmatch(name)):
        return "ServiceAccount", account[1], account[2]
    return kind, namespace if kind == "ServiceAccount" else "", name


def _is_bound(role: _SecretRole, resource: Resource, item: Object, place: Hashable) -> bool:
    reference, own_name = item.value["roleRef"], role.item.value.at("metadata.name")
    if reference["kind"].text() != role.item.kind or role.place not in (None, place):
        return False
    if reference["name"].known and own_name.known:
        return reference["name"].text() == own_name.text()
    return role.urn in resource.property_dependencies.get("roleRef", ())


def _reads_tokens(grant: _Grant, other: _Grant) -> bool:
    """Return True if a grant creates Secrets only, and another one reads a Secret in the same namespace."""
    if not grant.role.creates or grant.role.reads or not other.role.reads:
        return False
    return grant.place == other.place or None in (grant.place, other.place)


@RBAC.rule(
    "rbac-cluster-admin-bound",
    types=BINDINGS,
    severity=Severity.CRITICAL,
    controls=("CIS Kubernetes 5.1.1", "kube-linter cluster-admin-role-binding"),
    remediation="Bind a Role with the permissions that the subject needs.",
)
def cluster_admin(resource: Resource, _: Options) -> Verdicts:
    """Refuse bindings to cluster-admin, roles of the control plane, and admin or edit in all namespaces.

    Some roles of the control plane are meant to be bound, such as system:auth-delegator.
    """
    for item in objects(resource):
        wide = CLUSTER_WIDE if item.kind == "ClusterRoleBinding" else ()
        yield from guarded(_administrator(item.value["roleRef"], (CLUSTER_ADMIN, *wide)))


def _administrator(role: Value, powerful: tuple[str, ...]) -> Verdicts:
    name = role["name"].text() or ""
    # The namespace kube-system has Roles with reserved names, too, such as system:controller:token-cleaner.
    reserved = name.startswith(RESERVED) and name not in BINDABLE
    # A Role of a namespace may be called cluster-admin.
    if reserved or (name in powerful and role["kind"].text() != "Role"):
        yield expected(role["name"], "a role with only the permissions that are needed")


@RBAC.rule(
    "rbac-aggregated-role",
    types=ROLES,
    severity=Severity.HIGH,
    controls=("Kubernetes: aggregated ClusterRoles",),
    remediation="Write the rules into the role; or select roles by a label with a domain of your own.",
    url="https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles",
)
def aggregated(resource: Resource, _: Options) -> Verdicts:
    """Refuse ClusterRoles that may take over the rules of built-in roles, such as cluster-admin."""

    def selector(value: Value) -> Verdicts:
        # Labels are combined with and, so one that no built-in role has is enough.
        domains = [key.partition("/")[0] for key in value["matchLabels"].entries() if "/" in key]
        if all(f".{domain}".endswith(BUILT_IN_LABELS) for domain in domains):
            yield disallowed(value, "select by a label with a domain of your own, or write the rules")

    for item in objects(resource):
        yield from guarded(_each(item.value.at("aggregationRule.clusterRoleSelectors"), selector))


@RBAC.rule(
    "rbac-bound-to-everybody",
    types=BINDINGS,
    severity=Severity.HIGH,
    controls=("Kubernetes: RBAC good practices",),
    remediation="Bind the role to the accounts, users or groups that need it.",
)
def everybody(resource: Resource, _: Options) -> Verdicts:
    """Refuse bindings to all authenticated users, anonymous users, or all ServiceAccounts.

    The roles with which clients discover the API are for everybody.
    """

    def check(subject: Value) -> Verdicts:
        broad = EVERYBODY.get(subject["kind"].text() or "")
        if broad and broad.fullmatch(subject["name"].text() or ""):
            yield expected(subject["name"], "an account, a user or a group that needs the role")

    for item in objects(resource):
        role = item.value["roleRef"]
        # A name that is not known yet does not make a broad subject pass.
        if not (role["name"].known and role["name"].text() in FOR_EVERYBODY):
            yield from guarded(_each(item.value["subjects"], check))


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

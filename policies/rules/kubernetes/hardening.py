"""Rules that harden pods beyond the Pod Security Standards."""

import re

from pulumi_policy import EnforcementLevel, Severity

from policies.engine import remediation
from policies.engine.rule import (
    Option,
    Options,
    Resource,
    Stack,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded, must_be_true, must_not_be_true
from policies.model.kubernetes.checks import check_each_container, check_each_pod
from policies.model.kubernetes.label_selectors import Index
from policies.model.kubernetes.pods import DECLARED, POD_SHAPED, Container, Pod, objects, pods
from policies.model.property_values import Value


@WORKLOADS.rule(
    "workload-token-mounted",
    remedy=remediation.no_token,
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_38", "CIS Kubernetes 5.1.6"),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    remediation=(
        "Set automountServiceAccountToken to false in the pod's spec, unless the pod calls the cluster's API."
    ),
)
def token_mounted(resource: Resource, _: Options) -> Verdicts:
    """Refuse pods that explicitly mount an API token, by the setting or in a projected volume.

    Tokens for other audiences are allowed, such as those for AWS.
    """
    for pod in pods(resource):
        yield from check_each([pod.spec["automountServiceAccountToken"]], must_not_be_true)
        yield from guarded(_projected_tokens(pod))


_API_AUDIENCES = ("kubernetes.default", "//oidc.eks.", "//oidc-eks.")
"""Parts of the audiences that the API server accepts: its own names, and the issuer of an EKS cluster
(Kubernetes API reference v1.34, ServiceAccountTokenProjection; kube-apiserver, --api-audiences)."""


def _projected_tokens(pod: Pod) -> Verdicts:
    sources = (
        part for volume in pod.spec["volumes"].items() for part in volume.at("projected.sources").items()
    )
    yield from check_each((part["serviceAccountToken"] for part in sources), _projected_token)


def _projected_token(token: Value) -> Verdicts:
    if token.absent:
        return
    audience = token["audience"].text()
    if not audience or any(part in audience for part in _API_AUDIENCES):  # absent: the API server
        yield disallowed(token, "name the audience that verifies it, or remove it")


_ACCOUNTS = tuple(f"kubernetes:core/v1:ServiceAccount{variant}" for variant in ("", "List", "Patch"))


@WORKLOADS.stack_rule(
    "workload-token-mounted-by-default",
    about=DECLARED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_38", "CIS Kubernetes 5.1.6"),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    remediation=(
        "Set automountServiceAccountToken to false in the pod's spec or its ServiceAccount, unless the pod "
        "calls the cluster's API."
    ),
)
def token_by_default(stack: Stack, _: Options) -> Verdicts:
    """Require pods without automountServiceAccountToken to use a ServiceAccount that sets it to false.

    The value of the pod takes precedence over that of its ServiceAccount.
    """
    accounts = Index[Value]()
    for resource in stack.of(_ACCOUNTS):
        for item in objects(resource):
            name = item.value.at("metadata.name")
            if name.known:
                accounts.add(item.value, [("name", name.text())], item.value)

    def check(_: Resource, pod: Pod) -> Verdicts:
        own, name = pod.spec["automountServiceAccountToken"], pod.spec["serviceAccountName"]
        if not own.absent:
            return
        # `serviceAccount` is the old name of the property (Kubernetes API reference v1.34, PodSpec).
        account = name.text() or pod.spec["serviceAccount"].text() or "default"
        settings = [
            item["automountServiceAccountToken"] for item in accounts.at(pod.owner, ("name", account))
        ]
        if not any(setting.flag() is False for setting in settings):
            yield expected(own, "false, there or in the ServiceAccount")

    yield from check_each_pod(stack, check)


@WORKLOADS.rule(
    "workload-root-filesystem-writable",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_22",),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    remediation=(
        "Set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the program writes."
    ),
)
def read_only_root(resource: Resource, _: Options) -> Verdicts:
    """Require a read-only root file system for every container."""

    def check(pod: Pod, container: Container) -> Verdicts:
        if not pod.windows:
            yield from must_be_true(container.value.at("securityContext.readOnlyRootFilesystem"))

    yield from check_each_container(resource, check)


@WORKLOADS.rule(
    "workload-security-context-missing",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CIS Kubernetes 5.6.3",),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    remediation="Give the pod or each of its containers a securityContext.",
)
def security_context(resource: Resource, _: Options) -> Verdicts:
    """Require a security context for every container, set on the container or on its pod."""

    def check(pod: Pod, container: Container) -> Verdicts:
        own = container.value["securityContext"]
        if not own.entries() and not pod.spec["securityContext"].entries():
            yield expected(own, "at least {runAsNonRoot: true, allowPrivilegeEscalation: false}")

    yield from check_each_container(resource, check)


@WORKLOADS.rule(
    "workload-low-user-id",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_40",),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    remediation=(
        "Set runAsUser to 10000 or more, which no user of the node has; images that fix a lower one need "
        "a waiver."
    ),
    level=EnforcementLevel.ADVISORY,
    options={
        "minimum": Option(
            default=10000,
            schema={"type": "integer", "minimum": 1, "description": "The lowest allowed user ID."},
        )
    },
)
def low_user(resource: Resource, options: Options) -> Verdicts:
    """Require containers to run with a user ID that no user of the node has."""

    def check(pod: Pod, container: Container) -> Verdicts:
        own = container.value.at("securityContext.runAsUser")
        user = pod.spec.at("securityContext.runAsUser") if own.absent else own
        number = user.number()
        if not pod.windows and (number is None or number < options["minimum"]):
            yield expected(user, f"{options['minimum']:.0f} or more")

    yield from check_each_container(resource, check)


_RUNTIME_SOCKET = re.compile(r"(dockerd?|containerd|crio)\.sock$")


@WORKLOADS.rule(
    "workload-docker-socket-mounted",
    types=POD_SHAPED,
    severity=Severity.CRITICAL,
    controls=("CKV_K8S_27",),
    remediation="Remove the volume: access to the container runtime's socket is root access to the node.",
)
def docker_socket(resource: Resource, _: Options) -> Verdicts:
    """Refuse pods that mount the socket of the container runtime."""

    def check(volume: Value) -> Verdicts:
        path = volume.at("hostPath.path")
        if _RUNTIME_SOCKET.search((path.text() or "").rstrip("/")):
            yield disallowed(path, "remove the volume")

    for pod in pods(resource):
        yield from check_each(pod.spec["volumes"].items(), check)


@WORKLOADS.rule(
    "workload-net-raw-kept",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_28",),
    remediation="Drop ALL capabilities, or at least NET_RAW, which lets a container forge packets.",
)
def net_raw(resource: Resource, _: Options) -> Verdicts:
    """Require every container to drop the capability NET_RAW."""

    def check(pod: Pod, container: Container) -> Verdicts:
        drop = container.value.at("securityContext.capabilities.drop")
        if not pod.windows and not {"ALL", "NET_RAW"} & set(drop.texts()):
            yield expected(drop, "['ALL']")

    yield from check_each_container(resource, check)

"""Workloads: resources, images, probes, and what else keeps a pod from harming itself or others."""

import re
from collections.abc import Callable
from decimal import Decimal

from pulumi_policy import EnforcementLevel, Severity

from policies import remedies
from policies.pods import POD_SHAPED, Container, Pod, objects, pods
from policies.quantities import parse
from policies.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Rule,
    Topic,
    Unknown,
    Verdicts,
    each,
    unwanted,
    wrong,
)
from policies.unknowns import UnknownValueError, Value

WORKLOADS = Topic(
    framework="Checkov Kubernetes",
    tags=("kubernetes", "workload"),
    url="https://kubernetes.io/docs/concepts/configuration/overview/",
)
_RESOURCES = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"


def every_container(
    resource: Resource, check: Callable[[Pod, Container], Verdicts], *fields: str
) -> Verdicts:
    """Judges every container of every pod on its own; only those in `fields` when given."""
    for pod in pods(resource):
        try:
            containers = pod.containers
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)
            continue
        for container in containers:
            if not fields or container.field in fields:
                try:
                    yield from check(pod, container)
                except UnknownValueError as unknown:
                    yield Unknown(unknown.path)


def _positive(value: Value, example: str) -> Verdicts:
    number = parse(value.get())
    if number is None or number <= 0:
        yield wrong(value, f"a quantity above zero, such as {example}")


def _resource_rule(name: str, place: str, example: str, control: str, description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        # An ephemeral container cannot have resources: the API refuses them.
        fields = ("initContainers", "containers")
        yield from every_container(
            resource,
            lambda _, container: _positive(container.value.at(f"resources.{place}"), example),
            *fields,
        )

    check.__doc__ = description
    return WORKLOADS.rule(
        name,
        types=POD_SHAPED,
        severity=Severity.HIGH,
        controls=(control, "Guide: resources"),
        url=_RESOURCES,
        remediation=f"Give the container resources.{place}, such as {example}.",
    )(check)


cpu_request = _resource_rule(
    "workload-cpu-request-missing", "requests.cpu", "100m", "CKV_K8S_10", "Every container requests CPU."
)
cpu_limit = _resource_rule(
    "workload-cpu-limit-missing", "limits.cpu", "200m", "CKV_K8S_11", "Every container has a CPU limit."
)
memory_request = _resource_rule(
    "workload-memory-request-missing",
    "requests.memory",
    "256Mi",
    "CKV_K8S_12",
    "Every container requests memory.",
)
memory_limit = _resource_rule(
    "workload-memory-limit-missing",
    "limits.memory",
    "512Mi",
    "CKV_K8S_13",
    "Every container has a memory limit.",
)


@WORKLOADS.rule(
    "workload-request-above-limit",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("Guide: resources",),
    url=_RESOURCES,
    remediation="Lower the request or raise the limit; Kubernetes refuses a request above its limit.",
)
def request_within_limit(resource: Resource, _: Options) -> Verdicts:
    """No container requests more than its limit."""

    def check(_: Pod, container: Container) -> Verdicts:
        requests, limits = container.value.at("resources.requests"), container.value.at("resources.limits")
        for name, request in requests.entries().items():
            asked, allowed = parse(request.get()), parse(limits[name].get())
            if asked is not None and allowed is not None and asked > allowed:
                yield wrong(request, f"at most its limit, {limits[name].shown()}")

    yield from every_container(resource, check)


def _is_quantity(value: object) -> bool:
    return (number := parse(value)) is not None and number > 0


def _ceiling(default: str) -> Option:
    return Option(
        default=default,
        schema={"type": "string", "description": "A Kubernetes quantity."},
        valid=_is_quantity,
        wanted="a Kubernetes quantity above zero",
    )


@WORKLOADS.rule(
    "workload-limit-above-ceiling",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("Guide: resources",),
    url=_RESOURCES,
    remediation="Lower the limit, or raise the ceiling in the policy configuration of the stack.",
    options={"cpu": _ceiling("4"), "memory": _ceiling("8Gi")},
)
def limit_within_ceiling(resource: Resource, options: Options) -> Verdicts:
    """No container's limit is above the ceiling that the stack's policy configuration sets."""
    ceilings: dict[str, Decimal] = {name: parse(options[name]) or Decimal(0) for name in ("cpu", "memory")}

    def check(_: Pod, container: Container) -> Verdicts:
        for name, ceiling in ceilings.items():
            limit = container.value.at(f"resources.limits.{name}")
            number = parse(limit.get())
            if number is not None and number > ceiling:
                yield wrong(limit, f"at most {options[name]}")

    yield from every_container(resource, check)


def tag_of(image: str) -> str:
    """The tag of an image name; `latest` when there is neither tag nor digest."""
    name, _, digest = image.partition("@")
    return name.rpartition("/")[2].partition(":")[2] or ("" if digest else "latest")


@WORKLOADS.rule(
    "workload-image-latest",
    types=POD_SHAPED,
    severity=Severity.HIGH,
    controls=("CKV_K8S_14",),
    url="https://kubernetes.io/docs/concepts/containers/images/",
    remediation=(
        "Name a version or a digest: with `latest` nobody can say what runs, and a rollback rolls nothing"
        " back."
    ),
)
def image_latest(resource: Resource, _: Options) -> Verdicts:
    """Every image is pinned to a version or digest; `latest` and no tag are refused."""

    def check(_: Pod, container: Container) -> Verdicts:
        image = container.value["image"]
        if tag_of(image.text() or "") == "latest":
            yield wrong(
                image, "an image with a version or digest, such as pipe/api:1.4.2 or pipe/api@sha256:…"
            )

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-image-without-digest",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_43",),
    url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    remediation="Add the digest: name:tag@sha256:…; a tag can be moved, a digest cannot.",
    level=EnforcementLevel.ADVISORY,
)
def image_digest(resource: Resource, _: Options) -> Verdicts:
    """Every image is named by its digest."""

    def check(_: Pod, container: Container) -> Verdicts:
        image = container.value["image"]
        if not re.search(r"@sha256:[0-9a-f]{64}$", image.text() or ""):
            yield wrong(image, "the same image by its digest, name@sha256:…")

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-image-pull-not-always",
    remedy=remedies.pull_always,
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_15",),
    url="https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy",
    remediation=(
        "Set imagePullPolicy to Always, so that a node checks its right to the image (AlwaysPullImages)."
    ),
    level=EnforcementLevel.ADVISORY,
)
def image_pull(resource: Resource, _: Options) -> Verdicts:
    """Every image that is not named by digest is pulled again at each start."""

    def check(_: Pod, container: Container) -> Verdicts:
        policy = container.value["imagePullPolicy"]
        # Without a policy Kubernetes pulls `latest` always, anything else when it is not there.
        by_digest = "@sha256:" in (container.value["image"].text() or "")
        if policy.text() != "Always" and not by_digest:
            yield wrong(policy, "'Always'")

    yield from every_container(resource, check)


_PROBES = (
    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
)
_FINITE = ("Job", "CronJob")


def _probe(resource: Resource, name: str) -> Verdicts:
    def check(pod: Pod, container: Container) -> Verdicts:
        probe = container.value[name]
        kinds = ("httpGet", "tcpSocket", "exec", "grpc")
        if pod.kind not in _FINITE and not any(not probe[kind].absent for kind in kinds):
            yield wrong(probe, "an httpGet, tcpSocket, grpc or exec probe")

    yield from every_container(resource, check, "containers")


@WORKLOADS.rule(
    "workload-liveness-probe-missing",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_8",),
    url=_PROBES,
    remediation="Add livenessProbe to the container, so that one that hangs is restarted.",
)
def liveness(resource: Resource, _: Options) -> Verdicts:
    """Every container that runs for ever has a liveness probe."""
    yield from _probe(resource, "livenessProbe")


@WORKLOADS.rule(
    "workload-readiness-probe-missing",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_9",),
    url=_PROBES,
    remediation="Add readinessProbe to the container, so that it gets traffic only when it can serve.",
)
def readiness(resource: Resource, _: Options) -> Verdicts:
    """Every container that runs for ever has a readiness probe."""
    yield from _probe(resource, "readinessProbe")


@WORKLOADS.rule(
    "workload-duplicate-env",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("kube-linter duplicate-env-var",),
    remediation="Keep one of the entries; with server-side apply Kubernetes keeps an arbitrary one.",
)
def duplicate_env(resource: Resource, _: Options) -> Verdicts:
    """No container sets an environment variable twice."""

    def check(_: Pod, container: Container) -> Verdicts:
        seen: set[str] = set()
        for item in container.value["env"].items():
            name = item["name"].text()
            if name is not None and name in seen:
                yield unwanted(item["name"], "remove the second entry")
            seen.add(name or "")

    yield from every_container(resource, check)


_SECRET_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)(_ID)?$",
    re.IGNORECASE,
)


@WORKLOADS.rule(
    "workload-secret-in-env",
    types=POD_SHAPED,
    severity=Severity.CRITICAL,
    controls=("CIS Kubernetes 5.4.1",),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation=(
        "Put the value into a Secret and refer to it with valueFrom.secretKeyRef, or mount it as a file."
    ),
)
def secret_in_env(resource: Resource, _: Options) -> Verdicts:
    """No secret stands as plain text in an environment variable."""

    def check(_: Pod, container: Container) -> Verdicts:
        def variable(item: Value) -> Verdicts:
            value = item["value"]
            named = _SECRET_NAME.search(item["name"].text() or "") is not None
            if not value.absent and (value.secret or (named and value.get() != "")):
                # A value under such a name is not quoted, whether it came marked or not.
                yield Finding(value.path, "[secret]", "move it to a Secret and use valueFrom.secretKeyRef")

        yield from each(container.value["env"].items(), variable)

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-secret-as-env",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_35",),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation="Mount the Secret as a file: environment variables show up in dumps and child processes.",
    level=EnforcementLevel.ADVISORY,
)
def secret_as_env(resource: Resource, _: Options) -> Verdicts:
    """Secrets reach a container as files, not as environment variables."""

    def check(_: Pod, container: Container) -> Verdicts:
        for item in container.value["env"].items():
            if not (reference := item.at("valueFrom.secretKeyRef")).absent:
                yield unwanted(reference, "mount the Secret as a volume")
        for item in container.value["envFrom"].items():
            if not (reference := item["secretRef"]).absent:
                yield unwanted(reference, "mount the Secret as a volume")

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-token-mounted",
    remedy=remedies.no_token,
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_38", "CIS Kubernetes 5.1.6"),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    remediation=(
        "Set automountServiceAccountToken to false in the pod's spec, unless the pod calls the cluster's API."
    ),
)
def token_mounted(resource: Resource, _: Options) -> Verdicts:
    """A pod does not get a token for the cluster's API that it did not ask for."""
    for pod in pods(resource):
        yield from each([pod.spec["automountServiceAccountToken"]], _is_false)


def _is_false(value: Value) -> Verdicts:
    if value.flag() is not False:
        yield wrong(value, "false")


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
    """No container can write to its root file system."""

    def check(pod: Pod, container: Container) -> Verdicts:
        value = container.value.at("securityContext.readOnlyRootFilesystem")
        if not pod.windows and value.flag() is not True:
            yield wrong(value, "true")

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-security-context-missing",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_29", "CKV_K8S_30"),
    url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    remediation="Give the pod or each of its containers a securityContext.",
)
def security_context(resource: Resource, _: Options) -> Verdicts:
    """Every container has a security context, its own or its pod's."""

    def check(pod: Pod, container: Container) -> Verdicts:
        own = container.value["securityContext"]
        if not own.entries() and not pod.spec["securityContext"].entries():
            yield wrong(own, "at least {runAsNonRoot: true, allowPrivilegeEscalation: false}")

    yield from every_container(resource, check)


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
    options={"minimum": Option(default=10000, schema={"type": "integer", "minimum": 1})},
)
def low_user(resource: Resource, options: Options) -> Verdicts:
    """Containers run under a user id that no user of the node has."""

    def check(pod: Pod, container: Container) -> Verdicts:
        own = container.value.at("securityContext.runAsUser")
        user = pod.spec.at("securityContext.runAsUser") if own.absent else own
        number = user.number()
        if not pod.windows and (number is None or number < options["minimum"]):
            yield wrong(user, f"{options['minimum']:.0f} or more")

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-docker-socket-mounted",
    types=POD_SHAPED,
    severity=Severity.CRITICAL,
    controls=("CKV_K8S_27",),
    remediation="Remove the volume: who reaches the container runtime's socket is root on the node.",
)
def docker_socket(resource: Resource, _: Options) -> Verdicts:
    """No pod mounts the socket of the container runtime."""

    def check(volume: Value) -> Verdicts:
        path = volume.at("hostPath.path")
        if re.search(r"(docker|containerd|crio)\.sock$", (path.text() or "").rstrip("/")):
            yield unwanted(path, "remove the volume")

    for pod in pods(resource):
        yield from each(pod.spec["volumes"].items(), check)


@WORKLOADS.rule(
    "workload-net-raw-kept",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_28",),
    remediation="Drop ALL capabilities, or at least NET_RAW, which lets a container forge packets.",
)
def net_raw(resource: Resource, _: Options) -> Verdicts:
    """Every container drops the capability NET_RAW."""

    def check(pod: Pod, container: Container) -> Verdicts:
        drop = container.value.at("securityContext.capabilities.drop")
        if not pod.windows and not {"ALL", "NET_RAW"} & set(drop.texts()):
            yield wrong(drop, "['ALL']")

    yield from every_container(resource, check)


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


@WORKLOADS.rule(
    "workload-default-namespace",
    types=NAMESPACED,
    severity=Severity.LOW,
    controls=("CKV_K8S_21", "CIS Kubernetes 5.7.4"),
    remediation="Set metadata.namespace to a namespace of the workload's own.",
)
def default_namespace(resource: Resource, _: Options) -> Verdicts:
    """No object lives in the default namespace."""

    def check(namespace: Value) -> Verdicts:
        # Without one the provider's own counts, which a pack does not see: absent is judged as default.
        if (namespace.text() or "default") == "default":
            yield wrong(namespace, "a namespace of its own")

    yield from each((item.value.at("metadata.namespace") for item in objects(resource)), check)


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
    """The selector of a workload matches the labels of its own pods."""
    for pod in pods(resource):
        labels = pod.metadata["labels"]
        for key, wanted in pod.owner.at("spec.selector.matchLabels").entries().items():
            if labels[key].get() != wanted.get():
                yield wrong(labels[key], f"{wanted.shown()}, as spec.selector.matchLabels has it")

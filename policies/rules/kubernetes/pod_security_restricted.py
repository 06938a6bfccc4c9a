"""Pod Security Standards v1.34, restricted, with the same verdicts as Kubernetes' admission plugin."""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Verdicts,
    disallowed,
    expected,
)
from policies.model.checks import must_be_false
from policies.model.kubernetes.pod_security import (
    Part,
    added,
    contexts,
    is_allowed_volume,
    parts,
    standard,
    volumes,
)
from policies.model.kubernetes.pods import Pod
from policies.model.property_values import Value


@standard(
    "seccomp-missing",
    "restricted: Seccomp",
    Severity.MEDIUM,
    "Set securityContext.seccompProfile.type of the pod to RuntimeDefault.",
    "CKV_K8S_31",
)
def seccomp_missing(pod: Pod) -> Iterator[Part]:
    """Require a seccomp profile for every container, set on the container or on its pod."""
    common = pod.spec.at("securityContext.seccompProfile")

    def check(value: Value) -> Verdicts:
        # pod-security-seccomp-unconfined checks the profile of the pod.
        if value.absent and common.absent:
            remedy = "set it, or the pod's, to 'RuntimeDefault'"
            yield Finding(f"{value.path}.type", "not set", remedy, absent=True)

    if not pod.windows:
        yield from parts((value.at("securityContext.seccompProfile") for value in pod.values()), check)


@standard(
    "volume-type",
    "restricted: Volume Types",
    Severity.MEDIUM,
    "Use configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected or "
    "secret.",
)
def volume_type(pod: Pod) -> Iterator[Part]:
    """Refuse volume types that the restricted standard does not allow."""

    def check(volume: Value) -> Verdicts:
        if not is_allowed_volume(volume):
            yield disallowed(volume, "use a volume type that the restricted standard allows")

    return parts(volumes(pod), check)


@standard(
    "privilege-escalation",
    "restricted: Privilege Escalation",
    Severity.HIGH,
    "Set securityContext.allowPrivilegeEscalation of the container to false.",
    "CKV_K8S_20",
)
def privilege_escalation(pod: Pod) -> Iterator[Part]:
    """Refuse privilege escalation in containers."""
    if not pod.windows:
        values = (value.at("securityContext.allowPrivilegeEscalation") for value in pod.values())
        yield from parts(values, must_be_false)


@standard(
    "run-as-non-root",
    "restricted: Running as Non-root",
    Severity.HIGH,
    "Set securityContext.runAsNonRoot of the pod to true, and do not set it to false in a container.",
    "CKV_K8S_23",
)
def run_as_non_root(pod: Pod) -> Iterator[Part]:
    """Require every container to run as a user other than root."""
    common = pod.spec.at("securityContext.runAsNonRoot")

    def own(value: Value) -> Verdicts:
        if value.flag() is False:
            yield expected(value, "true")

    def container(value: Value) -> Verdicts:
        if not value.absent:
            yield from own(value)
        elif common.absent:
            yield expected(value, "true, there or in the pod's securityContext")

    yield own, common
    yield from parts((value.at("securityContext.runAsNonRoot") for value in pod.values()), container)


@standard(
    "root-user",
    "restricted: Running as Non-root user",
    Severity.HIGH,
    "Set runAsUser to a number above 0, or remove it.",
    "CKV_K8S_23",
)
def root_user(pod: Pod) -> Iterator[Part]:
    """Refuse pods and containers that run as user 0."""

    def check(value: Value) -> Verdicts:
        if value.number() == 0:
            yield expected(value, "a number above 0")

    return parts(contexts(pod, "runAsUser"), check)


@standard(
    "capabilities-kept",
    "restricted: Capabilities",
    Severity.MEDIUM,
    'Set securityContext.capabilities.drop of the container to ["ALL"].',
    "CKV_K8S_28",
    "CKV_K8S_37",
)
def capabilities_kept(pod: Pod) -> Iterator[Part]:
    """Require every container to drop all capabilities."""

    def check(value: Value) -> Verdicts:
        if "ALL" not in [item.text() for item in value.items()]:
            yield expected(value, "['ALL']")

    if not pod.windows:
        yield from parts((value.at("securityContext.capabilities.drop") for value in pod.values()), check)


@standard(
    "capability-restricted",
    "restricted: Capabilities",
    Severity.MEDIUM,
    "Remove the capability; the restricted standard allows NET_BIND_SERVICE only.",
    "CKV_K8S_25",
    "CKV_K8S_37",
)
def capability_restricted(pod: Pod) -> Iterator[Part]:
    """Refuse added capabilities other than NET_BIND_SERVICE."""

    def check(value: Value) -> Verdicts:
        if value.text() != "NET_BIND_SERVICE":
            yield disallowed(value)

    return parts(added(pod), check)

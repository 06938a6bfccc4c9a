"""Pod Security Standards v1.34, baseline, as Kubernetes' admission plugin evaluates it for restricted pods.

The restricted standard replaces the baseline's checks of hostPath volumes, capabilities and seccomp profiles
(pod-security-admission, OverrideCheckIDs). The replacements exempt Windows pods and allowed kinds of volumes.
So do the rules here.
"""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.rule import (
    Verdicts,
    disallowed,
    expected,
)
from policies.model.checks import must_not_be_true
from policies.model.kubernetes.pod_security import (
    PROFILES,
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

# pod-security-admission/policy/check_*.go, v0.34: the newest version of each list.
CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)


SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)


SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")


_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


@standard(
    "windows-host-process",
    "baseline: HostProcess",
    Severity.CRITICAL,
    "Remove windowsOptions.hostProcess: such a container runs on the node itself.",
)
def host_process(pod: Pod) -> Iterator[Part]:
    """Refuse containers that run as host processes of a Windows node."""
    return parts(contexts(pod, "windowsOptions.hostProcess"), must_not_be_true)


@standard(
    "host-namespace",
    "baseline: Host Namespaces",
    Severity.CRITICAL,
    "Remove hostNetwork, hostPID and hostIPC.",
    "CKV_K8S_17",
    "CKV_K8S_18",
    "CKV_K8S_19",
)
def host_namespace(pod: Pod) -> Iterator[Part]:
    """Refuse pods that share the network, processes or memory of their node."""
    return parts((pod.spec[name] for name in ("hostNetwork", "hostPID", "hostIPC")), must_not_be_true)


@standard(
    "privileged",
    "baseline: Privileged Containers",
    Severity.CRITICAL,
    "Remove securityContext.privileged: such a container is root on the node.",
    "CKV_K8S_16",
)
def privileged(pod: Pod) -> Iterator[Part]:
    """Refuse privileged containers."""
    return parts((value.at("securityContext.privileged") for value in pod.values()), must_not_be_true)


@standard(
    "capability-added",
    "baseline: Capabilities",
    Severity.HIGH,
    "Remove the capability; the standard allows only those that container runtimes give by default.",
    "CKV_K8S_25",
    "CKV_K8S_39",
)
def capability_added(pod: Pod) -> Iterator[Part]:
    """Refuse added capabilities that container runtimes do not grant by default."""
    yield from parts(added(pod), _refuse_other_than_default)


def _refuse_other_than_default(value: Value) -> Verdicts:
    if value.text() not in CAPABILITIES:
        yield disallowed(value)


@standard(
    "host-path",
    "baseline: HostPath Volumes",
    Severity.HIGH,
    "Replace the volume: a hostPath gives the pod files of its node.",
    "CKV_K8S_27",
)
def host_path(pod: Pod) -> Iterator[Part]:
    """Refuse pods that mount a folder of their node."""

    def check(volume: Value) -> Verdicts:
        if not is_allowed_volume(volume) and not volume["hostPath"].absent:
            yield disallowed(volume["hostPath"], "use emptyDir, or a persistent volume claim")

    return parts(volumes(pod), check)


@standard(
    "host-port",
    "baseline: Host Ports",
    Severity.HIGH,
    "Remove hostPort and reach the pod through a Service.",
    "CKV_K8S_26",
)
def host_port(pod: Pod) -> Iterator[Part]:
    """Refuse containers that use a port of their node."""

    def check(port: Value) -> Verdicts:
        if port["hostPort"].get() not in (None, 0):
            yield disallowed(port["hostPort"])

    for value in pod.values():
        yield from parts(iter(value["ports"].items() if value["ports"].known else [value["ports"]]), check)


_PLACES = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
_HOSTS = tuple(f"{place}.{kind}.host" for place in _PLACES for kind in ("httpGet", "tcpSocket"))


@standard(
    "host-probe",
    "baseline: Host Probes / Lifecycle Hooks",
    Severity.MEDIUM,
    "Remove host from the probe or hook: it lets the kubelet send requests to any host.",
)
def host_probe(pod: Pod) -> Iterator[Part]:
    """Refuse probes and hooks that name a host other than the pod itself."""

    def check(host: Value) -> Verdicts:
        if host.text():
            yield disallowed(host)

    return parts((value.at(host) for value in pod.values() for host in _HOSTS), check)


def _require_known_profile(value: Value) -> Verdicts:
    if not value.absent and value["type"].text() not in PROFILES:
        yield expected(value["type"], "'RuntimeDefault' or 'Localhost'")


@standard(
    "apparmor",
    "baseline: AppArmor",
    Severity.MEDIUM,
    "Set appArmorProfile.type to RuntimeDefault or Localhost, or remove it.",
)
def apparmor(pod: Pod) -> Iterator[Part]:
    """Refuse pods and containers with an unconfined AppArmor profile."""

    def annotations(value: Value) -> Verdicts:
        for key, chosen in value.entries().items():
            text = chosen.text() if key.startswith(_APPARMOR) else None
            if text and text != "runtime/default" and not text.startswith("localhost/"):
                yield expected(chosen, "'runtime/default'")

    yield from parts(contexts(pod, "appArmorProfile"), _require_known_profile)
    yield annotations, pod.metadata["annotations"]


@standard(
    "selinux",
    "baseline: SELinux",
    Severity.MEDIUM,
    "Remove user and role, and use one of the container types.",
)
def selinux(pod: Pod) -> Iterator[Part]:
    """Refuse SELinux options other than the standard container types."""

    def check(value: Value) -> Verdicts:
        if (value["type"].text() or "") not in SELINUX_TYPES:
            yield expected(value["type"], "'container_t'")
        for name in ("user", "role"):
            if value[name].text():
                yield disallowed(value[name])

    return parts(contexts(pod, "seLinuxOptions"), check)


@standard(
    "proc-mount",
    "baseline: /proc Mount Type",
    Severity.MEDIUM,
    "Remove securityContext.procMount: unmasked, /proc shows the node.",
)
def proc_mount(pod: Pod) -> Iterator[Part]:
    """Refuse an unmasked /proc in containers."""

    def check(value: Value) -> Verdicts:
        if value.get() not in (None, "Default"):
            yield expected(value, "'Default'")

    return parts((value.at("securityContext.procMount") for value in pod.values()), check)


@standard(
    "sysctl",
    "baseline: Sysctls",
    Severity.MEDIUM,
    "Remove the sysctl: only those that are separate in each pod are safe.",
)
def sysctl(pod: Pod) -> Iterator[Part]:
    """Refuse sysctls that affect other pods of the node."""

    def check(value: Value) -> Verdicts:
        if value["name"].text() not in SYSCTLS:
            yield disallowed(value["name"])

    return parts(iter(pod.spec.at("securityContext.sysctls").items()), check)


@standard(
    "seccomp-unconfined",
    "baseline: Seccomp",
    Severity.HIGH,
    "Set seccompProfile.type to RuntimeDefault.",
)
def seccomp_unconfined(pod: Pod) -> Iterator[Part]:
    """Refuse pods and containers with an unconfined seccomp profile."""
    if not pod.windows:
        yield from parts(contexts(pod, "seccompProfile"), _require_known_profile)

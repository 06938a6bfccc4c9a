"""Pod Security Standards v1.34, baseline and restricted: the verdicts of Kubernetes' own admission plugin."""

from collections.abc import Callable, Iterator

from pulumi_policy import Severity

from policies.pods import POD_SHAPED, Pod, pods
from policies.rule import Finding, Options, Resource, Rule, Topic, Unknown, Verdicts, unwanted, wrong
from policies.unknowns import UnknownValueError, Value

PSS = Topic(
    framework="Kubernetes Pod Security Standards v1.34",
    tags=("kubernetes", "pod-security"),
    url="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
)
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
VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
PROFILES = ("RuntimeDefault", "Localhost")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"

PodCheck = Callable[[Pod], Iterator[Callable[[], Verdicts]]]
"""What there is to judge in a pod, each part for itself, so that one unknown value hides nothing else."""


def _rule(
    name: str, control: str, severity: Severity, remediation: str, *checkov: str
) -> Callable[[PodCheck], Rule]:
    """Makes a rule on every pod of a resource."""

    def decorate(parts: PodCheck) -> Rule:
        def check(resource: Resource, _: Options) -> Verdicts:
            for pod in pods(resource):
                try:
                    for part in parts(pod):
                        yield from _safely(part)
                except UnknownValueError as unknown:
                    yield Unknown(unknown.path)

        check.__doc__ = parts.__doc__
        return PSS.rule(
            f"pod-security-{name}",
            types=POD_SHAPED,
            severity=severity,
            controls=(f"PSS {control}", *checkov),
            remediation=remediation,
        )(check)

    return decorate


def _safely(part: Callable[[], Verdicts]) -> Verdicts:
    try:
        yield from part()
    except UnknownValueError as unknown:
        yield Unknown(unknown.path)


def _contexts(pod: Pod, field: str) -> Iterator[Value]:
    """A field of the security contexts of the pod and of each of its containers."""
    yield pod.spec.at(f"securityContext.{field}")
    yield from (value.at(f"securityContext.{field}") for value in pod.values())


def _parts(values: Iterator[Value], check: Callable[[Value], Verdicts]) -> Iterator[Callable[[], Verdicts]]:
    for value in values:
        yield lambda value=value: check(value)


def _never_true(value: Value) -> Verdicts:
    if value.flag():
        yield wrong(value, "false")


@_rule(
    "windows-host-process",
    "baseline: HostProcess",
    Severity.CRITICAL,
    "Remove windowsOptions.hostProcess: such a container runs on the node itself.",
)
def host_process(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container is a process of its Windows node."""
    yield from _parts(_contexts(pod, "windowsOptions.hostProcess"), _never_true)


@_rule(
    "host-namespace",
    "baseline: Host Namespaces",
    Severity.CRITICAL,
    "Remove hostNetwork, hostPID and hostIPC.",
    "CKV_K8S_17",
    "CKV_K8S_18",
    "CKV_K8S_19",
)
def host_namespace(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod shares its node's network, processes or memory."""
    yield from _parts((pod.spec[name] for name in ("hostNetwork", "hostPID", "hostIPC")), _never_true)


@_rule(
    "privileged",
    "baseline: Privileged Containers",
    Severity.CRITICAL,
    "Remove securityContext.privileged: such a container is root on the node.",
    "CKV_K8S_16",
)
def privileged(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container is privileged."""
    yield from _parts((value.at("securityContext.privileged") for value in pod.values()), _never_true)


@_rule(
    "capability-added",
    "baseline: Capabilities",
    Severity.HIGH,
    "Remove the capability; the standard allows only those that container runtimes give by default.",
    "CKV_K8S_25",
    "CKV_K8S_39",
)
def capability_added(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container adds a capability that runtimes do not give by default."""
    yield from _parts(_added(pod), _default_capability)


def _added(pod: Pod) -> Iterator[Value]:
    if not pod.windows:
        for value in pod.values():
            added = value.at("securityContext.capabilities.add")
            yield from added.items() if added.known else [added]


def _default_capability(value: Value) -> Verdicts:
    if value.text() not in CAPABILITIES:
        yield unwanted(value)


def _sources(pod: Pod) -> Iterator[Value]:
    return iter(pod.spec["volumes"].items())


def _allowed_source(volume: Value) -> bool:
    volume.get()
    return any(not volume[name].absent for name in VOLUMES)


@_rule(
    "host-path",
    "baseline: HostPath Volumes",
    Severity.HIGH,
    "Replace the volume: a hostPath gives the pod files of its node.",
    "CKV_K8S_27",
)
def host_path(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod mounts a folder of its node."""

    def check(volume: Value) -> Verdicts:
        if not _allowed_source(volume) and not volume["hostPath"].absent:
            yield unwanted(volume["hostPath"], "use emptyDir, or a persistent volume claim")

    yield from _parts(_sources(pod), check)


@_rule(
    "host-port",
    "baseline: Host Ports",
    Severity.HIGH,
    "Remove hostPort and reach the pod through a Service.",
    "CKV_K8S_26",
)
def host_port(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container takes a port of its node."""

    def check(port: Value) -> Verdicts:
        if port["hostPort"].get() not in (None, 0):
            yield unwanted(port["hostPort"])

    for value in pod.values():
        yield from _parts(iter(value["ports"].items() if value["ports"].known else [value["ports"]]), check)


@_rule(
    "host-probe",
    "baseline: Host Probes / Lifecycle Hooks",
    Severity.MEDIUM,
    "Remove host from the probe or hook: it lets the kubelet send requests to anywhere.",
)
def host_probe(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No probe or hook names another host than the pod itself."""

    def check(host: Value) -> Verdicts:
        if host.text():
            yield unwanted(host)

    places = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
    for value in pod.values():
        hosts = (value.at(f"{place}.{kind}.host") for place in places for kind in ("httpGet", "tcpSocket"))
        yield from _parts(hosts, check)


@_rule(
    "apparmor",
    "baseline: AppArmor",
    Severity.MEDIUM,
    "Set appArmorProfile.type to RuntimeDefault or Localhost, or remove it.",
)
def apparmor(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod or container leaves its AppArmor profile."""

    def profile(value: Value) -> Verdicts:
        if not value.absent and value["type"].text() not in PROFILES:
            yield wrong(value["type"], "'RuntimeDefault' or 'Localhost'")

    def annotations(value: Value) -> Verdicts:
        for key, chosen in value.entries().items():
            text = chosen.text() if key.startswith(_APPARMOR) else None
            if text and text != "runtime/default" and not text.startswith("localhost/"):
                yield wrong(chosen, "'runtime/default'")

    yield from _parts(_contexts(pod, "appArmorProfile"), profile)
    yield lambda: annotations(pod.metadata["annotations"])


@_rule(
    "selinux",
    "baseline: SELinux",
    Severity.MEDIUM,
    "Remove user and role, and use one of the container types.",
)
def selinux(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod or container leaves the SELinux types of containers."""

    def check(value: Value) -> Verdicts:
        if (value["type"].text() or "") not in SELINUX_TYPES:
            yield wrong(value["type"], "'container_t'")
        for name in ("user", "role"):
            if value[name].text():
                yield unwanted(value[name])

    yield from _parts(_contexts(pod, "seLinuxOptions"), check)


@_rule(
    "proc-mount",
    "baseline: /proc Mount Type",
    Severity.MEDIUM,
    "Remove securityContext.procMount: unmasked, /proc shows the node.",
)
def proc_mount(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container sees an unmasked /proc."""

    def check(value: Value) -> Verdicts:
        if value.get() not in (None, "Default"):
            yield wrong(value, "'Default'")

    yield from _parts((value.at("securityContext.procMount") for value in pod.values()), check)


@_rule(
    "sysctl",
    "baseline: Sysctls",
    Severity.MEDIUM,
    "Remove the sysctl: only those that are separate in each pod are safe.",
)
def sysctl(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod sets a sysctl that others on its node would feel."""

    def check(value: Value) -> Verdicts:
        if value["name"].text() not in SYSCTLS:
            yield unwanted(value["name"])

    yield from _parts(iter(pod.spec.at("securityContext.sysctls").items()), check)


def _named_profile(value: Value) -> Verdicts:
    if not value.absent and value["type"].text() not in PROFILES:
        yield wrong(value["type"], "'RuntimeDefault' or 'Localhost'")


@_rule(
    "seccomp-unconfined",
    "baseline: Seccomp",
    Severity.HIGH,
    "Set seccompProfile.type to RuntimeDefault.",
)
def seccomp_unconfined(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod or container gives up its seccomp profile."""
    if not pod.windows:
        yield from _parts(_contexts(pod, "seccompProfile"), _named_profile)


@_rule(
    "seccomp-missing",
    "restricted: Seccomp",
    Severity.MEDIUM,
    "Set securityContext.seccompProfile.type of the pod to RuntimeDefault.",
    "CKV_K8S_31",
)
def seccomp_missing(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """Every container has a seccomp profile, its own or its pod's."""
    common = pod.spec.at("securityContext.seccompProfile")

    def check(value: Value) -> Verdicts:
        # A bad profile of the pod is the business of pod-security-seccomp-unconfined.
        if value.absent and common.absent:
            remedy = "set it, or the pod's, to 'RuntimeDefault'"
            yield Finding(f"{value.path}.type", "not set", remedy, absent=True)

    if not pod.windows:
        yield from _parts((value.at("securityContext.seccompProfile") for value in pod.values()), check)


@_rule(
    "volume-type",
    "restricted: Volume Types",
    Severity.MEDIUM,
    "Use configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret.",
)
def volume_type(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """Every volume is of a kind that does not reach the node."""

    def check(volume: Value) -> Verdicts:
        if not _allowed_source(volume):
            yield unwanted(volume, "use a volume type that the restricted standard allows")

    yield from _parts(_sources(pod), check)


@_rule(
    "privilege-escalation",
    "restricted: Privilege Escalation",
    Severity.HIGH,
    "Set securityContext.allowPrivilegeEscalation of the container to false.",
    "CKV_K8S_20",
)
def privilege_escalation(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No process of a container can gain more rights than its parent."""

    def check(value: Value) -> Verdicts:
        if value.flag() is not False:
            yield wrong(value, "false")

    if not pod.windows:
        values = (value.at("securityContext.allowPrivilegeEscalation") for value in pod.values())
        yield from _parts(values, check)


@_rule(
    "run-as-non-root",
    "restricted: Running as Non-root",
    Severity.HIGH,
    "Set securityContext.runAsNonRoot of the pod to true, and let no container take it back.",
    "CKV_K8S_23",
)
def run_as_non_root(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """Every container has to run as a user other than root."""
    common = pod.spec.at("securityContext.runAsNonRoot")

    def own(value: Value) -> Verdicts:
        if value.flag() is False:
            yield wrong(value, "true")

    def container(value: Value) -> Verdicts:
        if not value.absent:
            yield from own(value)
        elif common.absent:
            yield wrong(value, "true, there or in the pod's securityContext")

    yield lambda: own(common)
    yield from _parts((value.at("securityContext.runAsNonRoot") for value in pod.values()), container)


@_rule(
    "root-user",
    "restricted: Running as Non-root user",
    Severity.HIGH,
    "Set runAsUser to a number above 0, or remove it.",
    "CKV_K8S_23",
)
def root_user(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No pod or container asks for user 0."""

    def check(value: Value) -> Verdicts:
        if value.number() == 0:
            yield wrong(value, "a number above 0")

    yield from _parts(_contexts(pod, "runAsUser"), check)


@_rule(
    "capabilities-kept",
    "restricted: Capabilities",
    Severity.MEDIUM,
    'Set securityContext.capabilities.drop of the container to ["ALL"].',
    "CKV_K8S_28",
    "CKV_K8S_37",
)
def capabilities_kept(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """Every container drops all capabilities."""

    def check(value: Value) -> Verdicts:
        if "ALL" not in [item.text() for item in value.items()]:
            yield wrong(value, "['ALL']")

    if not pod.windows:
        yield from _parts((value.at("securityContext.capabilities.drop") for value in pod.values()), check)


@_rule(
    "capability-restricted",
    "restricted: Capabilities",
    Severity.MEDIUM,
    "Remove the capability; the restricted standard allows NET_BIND_SERVICE only.",
    "CKV_K8S_25",
    "CKV_K8S_37",
)
def capability_restricted(pod: Pod) -> Iterator[Callable[[], Verdicts]]:
    """No container adds a capability other than NET_BIND_SERVICE."""

    def check(value: Value) -> Verdicts:
        if value.text() != "NET_BIND_SERVICE":
            yield unwanted(value)

    yield from _parts(_added(pod), check)

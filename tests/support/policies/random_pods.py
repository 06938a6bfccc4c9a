"""Random pods, with valid and invalid values in every field that the Pod Security Standards check."""

import random
from copy import deepcopy
from typing import Any

from tests.support.policies.fixtures import POD

_PROFILES = [
    {"type": "RuntimeDefault"},
    {"type": "Localhost", "localhostProfile": "x"},
    {"type": "Unconfined"},
    {},
]
_SELINUX = [
    {},
    {"type": "container_t"},
    {"type": "spc_t"},
    {"user": "u"},
    {"role": "r"},
    {"type": "container_engine_t"},
]
_CAPABILITIES = ["ALL", "NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "NET_RAW", "net_bind_service"]
_VOLUMES = [
    "emptyDir",
    "configMap",
    "hostPath",
    "nfs",
    "secret",
    "projected",
    "image",
    "csi",
    "ephemeral",
    "iscsi",
]
_SYSCTLS = ["kernel.shm_rmid_forced", "net.ipv4.tcp_rmem", "kernel.msgmax", "net.core.somaxconn"]
_APPARMOR = ["", "runtime/default", "localhost/x", "unconfined"]
_HANDLERS: list[dict[str, Any]] = [
    {"httpGet": {"port": 1, "host": "h"}},
    {"tcpSocket": {"port": 1, "host": ""}},
    {"exec": {}},
]


class Maker:
    """Pods from one seed; `often` is the share of pods in which a field differs from the valid pod."""

    def __init__(self, seed: int, often: float) -> None:
        self.random = random.Random(seed)
        self.often = often

    def maybe(self, target: dict[str, Any], key: str, *values: Any) -> None:
        """Set a field to one of the values, remove it, or leave it unchanged, at random."""
        if self.random.random() < self.often:
            value = self.random.choice([*values, None])
            if value is None:
                target.pop(key, None)
            else:
                target[key] = deepcopy(value)

    def context(self, context: dict[str, Any]) -> dict[str, Any]:
        """Change the security context of a pod or container at random."""
        self.maybe(context, "runAsNonRoot", True, False)
        self.maybe(context, "runAsUser", 0, 1, 10001)
        self.maybe(context, "seccompProfile", *_PROFILES)
        self.maybe(context, "appArmorProfile", *_PROFILES)
        self.maybe(context, "seLinuxOptions", *_SELINUX)
        self.maybe(context, "windowsOptions", {}, {"hostProcess": True}, {"hostProcess": False})
        return context

    def container(self, name: str) -> dict[str, Any]:
        container = deepcopy(POD["spec"]["containers"][0])
        container["name"] = name
        container["resources"] = {}
        context = self.context(container["securityContext"])
        self.maybe(context, "privileged", True, False)
        self.maybe(context, "allowPrivilegeEscalation", True, False)
        self.maybe(context, "procMount", "Default", "Unmasked", "")
        lists = [self.random.sample(_CAPABILITIES, self.random.randint(0, 3)) for _ in range(2)]
        self.maybe(context, "capabilities", {"drop": ["ALL"], "add": lists[0]}, {"drop": lists[1]}, {})
        self.maybe(
            container,
            "ports",
            [{"containerPort": 80, "hostPort": 80}],
            [{"containerPort": 80, "hostPort": 0}],
        )
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            self.maybe(container, probe, *_HANDLERS)
        self.maybe(container, "lifecycle", {"preStop": _HANDLERS[0]}, {"postStart": _HANDLERS[1]})
        self.maybe(container, "securityContext", {})
        return container

    def pod(self) -> dict[str, Any]:
        pod = deepcopy(POD)
        spec = pod["spec"]
        self.context(spec["securityContext"])
        self.maybe(spec["securityContext"], "sysctls", *[[{"name": name, "value": "1"}] for name in _SYSCTLS])
        self.maybe(spec, "securityContext", {})
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            self.maybe(spec, name, True, False)
        self.maybe(spec, "os", {"name": "windows"}, {"name": "linux"})
        self.maybe(spec, "hostUsers", True, False)
        kinds = self.random.sample(_VOLUMES, 2)
        self.maybe(
            spec,
            "volumes",
            *[[{"name": "v", kind: {}}] for kind in _VOLUMES],
            [{"name": "v", kinds[0]: {}, kinds[1]: {}}],
        )
        spec["containers"] = [self.container(f"c{index}") for index in range(self.random.randint(1, 2))]
        self.maybe(spec, "initContainers", [self.container("init")])
        self.maybe(spec, "ephemeralContainers", [self.container("debug")])
        prefix = "container.apparmor.security.beta.kubernetes.io/c0"
        self.maybe(pod["metadata"], "annotations", *[{prefix: value} for value in _APPARMOR], {"other": "x"})
        return pod

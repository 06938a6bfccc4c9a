import json
import shutil
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policies.engine.catalog import RULES
from policies.engine.evaluation import evaluate
from tests.support.policies.fixtures import KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource
from tests.support.policies.random_pods import Maker

PSS = [rule for rule in RULES if rule.name.startswith("pod-security-")]
POD_TYPE = kind("Pod")
PROFILE = "set it to 'RuntimeDefault' or 'Localhost'"


def pod(**changes: Any) -> dict[str, Any]:
    return changed(POD, **{f"spec__{key}": value for key, value in changes.items()})


def container(**changes: Any) -> dict[str, Any]:
    return pod(**{f"containers__0__{key}": value for key, value in changes.items()})


@cache
def random_pods() -> list[dict[str, Any]]:
    """Make 3,000 pods, the same ones each time."""
    return [Maker(seed, (0.02, 0.05, 0.15)[seed % 3]).pod() for seed in range(3000)]


@pytest.fixture(scope="session")
def admission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubernetes' own admission plugin, built from its published module."""
    go = shutil.which("go")
    assert go, "Go builds Kubernetes' admission plugin, with which the verdicts are compared"
    binary = tmp_path_factory.mktemp("admission") / "admission"
    source = Path(__file__).parents[4] / "support" / "policies" / "admission"
    subprocess.run([go, "build", "-o", str(binary), "."], cwd=source, check=True)
    return binary


@pytest.fixture(scope="session")
def admitted(admission: Path) -> list[tuple[bool, bool]]:
    """The plugin's verdicts on random pods under the baseline and the restricted standard, by kind."""
    objects = [{"kind": name, **around(name, pod)[0]} for pod in random_pods() for name in ADMITTED]
    lines = "\n".join(json.dumps(item) for item in objects)
    answer = subprocess.run([admission], input=lines, text=True, check=True, stdout=subprocess.PIPE)
    verdicts = [line == "true" for line in answer.stdout.split()]
    return list(zip(verdicts[::2], verdicts[1::2], strict=True))


ADMITTED = ("Pod", "Deployment", "CronJob")
BASELINE = {rule.name for rule in PSS if rule.controls[0].startswith("PSS baseline: ")}


def replaced(pod: dict[str, Any]) -> bool:
    """Return True if checks of the restricted standard may allow what three checks of baseline deny.

    They replace these three. They exempt Windows, and search for an allowed volume instead of a denied one.
    The rules do the same.
    """
    spec = pod["spec"]
    return spec.get("os") == {"name": "windows"} or any(len(item) > 2 for item in spec.get("volumes", ()))


@pytest.mark.drill
@pytest.mark.parametrize("name", ADMITTED)
def test_the_verdicts_agree_with_kubernetes_own_admission_plugin(
    admitted: list[tuple[bool, bool]], name: str
) -> None:
    subjects = [resource(kind(name), around(name, pod)[0]) for pod in random_pods()]
    violated = [{rule.name for rule in PSS if evaluate(rule, subject).findings} for subject in subjects]
    expected = admitted[ADMITTED.index(name) :: len(ADMITTED)]
    restricted = [not rules for rules in violated]
    assert restricted == [allowed for _, allowed in expected]
    assert 500 < sum(restricted) < 2500

    baseline = [not rules & BASELINE for rules in violated]
    comparable = [index for index, pod in enumerate(random_pods()) if not replaced(pod)]
    assert [baseline[index] for index in comparable] == [expected[index][0] for index in comparable]
    assert len(comparable) > 2000
    assert sum(restricted) < sum(baseline) < 2900


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "windows-host-process",
        pod(securityContext__windowsOptions={"hostProcess": True}),
        ["spec.securityContext.windowsOptions.hostProcess is True; set it to false"],
    ),
    (
        "windows-host-process",
        container(securityContext__windowsOptions={"hostProcess": True}),
        ["spec.containers[0].securityContext.windowsOptions.hostProcess is True; set it to false"],
    ),
    ("host-namespace", pod(hostNetwork=True), ["spec.hostNetwork is True; set it to false"]),
    ("host-namespace", pod(hostPID=True), ["spec.hostPID is True; set it to false"]),
    ("host-namespace", pod(hostIPC=True), ["spec.hostIPC is True; set it to false"]),
    (
        "privileged",
        container(securityContext__privileged=True),
        ["spec.containers[0].securityContext.privileged is True; set it to false"],
    ),
    (
        "capability-added",
        container(securityContext__capabilities__add=["CHOWN", "SYS_ADMIN"]),
        ["spec.containers[0].securityContext.capabilities.add[1] is 'SYS_ADMIN'; remove it"],
    ),
    (
        "capability-restricted",
        container(securityContext__capabilities__add=["NET_BIND_SERVICE", "CHOWN"]),
        ["spec.containers[0].securityContext.capabilities.add[1] is 'CHOWN'; remove it"],
    ),
    (
        "capabilities-kept",
        container(securityContext__capabilities__drop=["NET_RAW"]),
        ["spec.containers[0].securityContext.capabilities.drop is ['NET_RAW']; set it to ['ALL']"],
    ),
    (
        "host-path",
        pod(volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "hostPath": {"path": "/"}}]),
        ["spec.volumes[1].hostPath is {'path': '/'}; use emptyDir, or a persistent volume claim"],
    ),
    (
        "volume-type",
        pod(volumes=[{"name": "v", "nfs": {}}]),
        [
            "spec.volumes[0] is {'name': 'v', 'nfs': {}}; use a volume type that the restricted "
            "standard allows"
        ],
    ),
    (
        "host-port",
        container(ports=[{"containerPort": 1}, {"hostPort": 0}, {"hostPort": 80}]),
        ["spec.containers[0].ports[2].hostPort is 80; remove it"],
    ),
    (
        "host-probe",
        container(livenessProbe__httpGet__host="169.254.169.254"),
        ["spec.containers[0].livenessProbe.httpGet.host is '169.254.169.254'; remove it"],
    ),
    (
        "host-probe",
        container(lifecycle={"preStop": {"tcpSocket": {"port": 1, "host": "x"}}}),
        ["spec.containers[0].lifecycle.preStop.tcpSocket.host is 'x'; remove it"],
    ),
    (
        "apparmor",
        container(securityContext__appArmorProfile={"type": "Unconfined"}),
        [f"spec.containers[0].securityContext.appArmorProfile.type is 'Unconfined'; {PROFILE}"],
    ),
    (
        "apparmor",
        changed(
            POD, metadata__annotations={"container.apparmor.security.beta.kubernetes.io/api": "unconfined"}
        ),
        [
            "metadata.annotations[\"container.apparmor.security.beta.kubernetes.io/api\"] is 'unconfined'; "
            "set it to 'runtime/default'"
        ],
    ),
    (
        "selinux",
        pod(securityContext__seLinuxOptions={"type": "spc_t", "user": "u", "role": "r"}),
        [
            "spec.securityContext.seLinuxOptions.type is 'spc_t'; set it to 'container_t'",
            "spec.securityContext.seLinuxOptions.user is 'u'; remove it",
            "spec.securityContext.seLinuxOptions.role is 'r'; remove it",
        ],
    ),
    (
        "proc-mount",
        container(securityContext__procMount="Unmasked"),
        ["spec.containers[0].securityContext.procMount is 'Unmasked'; set it to 'Default'"],
    ),
    (
        "sysctl",
        pod(securityContext__sysctls=[{"name": "net.ipv4.tcp_rmem"}, {"name": "kernel.msgmax"}]),
        ["spec.securityContext.sysctls[1].name is 'kernel.msgmax'; remove it"],
    ),
    (
        "seccomp-unconfined",
        container(securityContext__seccompProfile={"type": "Unconfined"}),
        [f"spec.containers[0].securityContext.seccompProfile.type is 'Unconfined'; {PROFILE}"],
    ),
    (
        "seccomp-missing",
        pod(securityContext__seccompProfile=None),
        [
            "spec.containers[0].securityContext.seccompProfile.type is not set; "
            "set it, or the pod's, to 'RuntimeDefault'"
        ],
    ),
    (
        "privilege-escalation",
        container(securityContext__allowPrivilegeEscalation=None),
        ["spec.containers[0].securityContext.allowPrivilegeEscalation is not set; set it to false"],
    ),
    (
        "privilege-escalation",
        container(securityContext__allowPrivilegeEscalation=True),
        ["spec.containers[0].securityContext.allowPrivilegeEscalation is True; set it to false"],
    ),
    (
        "run-as-non-root",
        pod(securityContext__runAsNonRoot=None),
        [
            "spec.containers[0].securityContext.runAsNonRoot is not set; "
            "set it to true, there or in the pod's securityContext"
        ],
    ),
    (
        "run-as-non-root",
        pod(securityContext__runAsNonRoot=False),
        ["spec.securityContext.runAsNonRoot is False; set it to true"],
    ),
    (
        "run-as-non-root",
        container(securityContext__runAsNonRoot=False),
        ["spec.containers[0].securityContext.runAsNonRoot is False; set it to true"],
    ),
    (
        "root-user",
        pod(securityContext__runAsUser=0),
        ["spec.securityContext.runAsUser is 0; set it to a number above 0"],
    ),
]


@pytest.mark.parametrize(("policy", "props", "expected"), CASES)
def test_one_change_is_named(
    messages_of: MessagesOf, policy: str, props: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of(f"pod-security-{policy}", POD_TYPE, props) == expected


@pytest.mark.parametrize("rule", PSS, ids=lambda rule: rule.name)
@pytest.mark.parametrize("name", KINDS)
def test_every_rule_judges_every_kind_and_every_container(
    messages_of: MessagesOf, rule: Any, name: str
) -> None:
    bad = deepcopy(next(props for policy, props, _ in CASES if rule.name == f"pod-security-{policy}"))
    assert messages_of(rule.name, kind(name), around(name, POD)[0]) == []
    for field in ("containers", "initContainers", "ephemeralContainers"):
        moved = deepcopy(bad)
        moved["spec"][field] = moved["spec"].pop("containers")
        props, spec = around(name, moved)
        [finding] = messages_of(rule.name, kind(name), props)[:1]
        assert finding.startswith(spec.removesuffix(".spec") if spec != "spec" else "")
        assert messages_of(rule.name, kind(name, "List"), {"items": [{"kind": name, **props}]})[0].startswith(
            "items[0]."
        )


@pytest.mark.parametrize(
    ("policy", "props", "path"),
    [
        ("run-as-non-root", pod(securityContext__runAsNonRoot=UNKNOWN), "spec.securityContext.runAsNonRoot"),
        (
            "seccomp-missing",
            pod(securityContext__seccompProfile=UNKNOWN),
            "spec.securityContext.seccompProfile",
        ),
        ("privileged", container(securityContext=UNKNOWN), "spec.containers[0].securityContext"),
        ("volume-type", pod(volumes=UNKNOWN), "spec.volumes"),
        ("volume-type", pod(volumes=[UNKNOWN]), "spec.volumes[0]"),
        ("host-port", container(ports=UNKNOWN), "spec.containers[0].ports"),
        ("host-port", container(ports=[UNKNOWN]), "spec.containers[0].ports[0]"),
        (
            "capability-added",
            container(securityContext__capabilities__add=[UNKNOWN]),
            "spec.containers[0].securityContext.capabilities.add[0]",
        ),
        ("privileged", {"spec": UNKNOWN}, "spec"),
    ],
)
def test_an_unknown_value_is_counted(
    messages_of: MessagesOf, policy: str, props: dict[str, Any], path: str
) -> None:
    assert messages_of(f"pod-security-{policy}", POD_TYPE, props)[-1] == f"unknown: {path}"


def test_windows_pods_are_exempt_where_linux_is_meant(messages_of: MessagesOf) -> None:
    bare = {"name": "api", "image": "a:1", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
    windows = pod(os={"name": "windows"}, securityContext={"runAsNonRoot": True}, containers=[bare])
    for rule in PSS:
        assert messages_of(rule.name, POD_TYPE, windows) == []

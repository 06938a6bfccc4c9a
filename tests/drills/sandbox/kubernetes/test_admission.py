"""Tests that admission control refuses each weakness in the program's own pods."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from sandbox.wire.kubernetes_api import ApiError, Json, condition
from tests.support.sandbox.kubernetes.fixtures import Cluster

WEAKNESSES: dict[str, tuple[str, Any, str]] = {
    "hostNetwork": ("hostNetwork", True, "host namespaces"),
    "hostPID": ("hostPID", True, "host namespaces"),
    "hostIPC": ("hostIPC", True, "host namespaces"),
    "root in the pod": ("securityContext.runAsUser", 0, "runAsUser=0"),
    "unsafe sysctl": ("securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}], "sysctls"),
    "SELinux type": ("securityContext.seLinuxOptions", {"type": "spc_t"}, "seLinuxOptions"),
    "SELinux user": ("securityContext.seLinuxOptions", {"user": "system_u"}, "seLinuxOptions"),
    "AppArmor off in the pod": ("securityContext.appArmorProfile", {"type": "Unconfined"}, "AppArmor"),
    "seccomp off in the pod": ("securityContext.seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
    "Windows host process": ("securityContext.windowsOptions", {"hostProcess": True}, "hostProcess"),
    "hostPath": ("volumes.+", {"name": "x", "hostPath": {"path": "/"}}, "hostPath"),
    "NFS volume": ("volumes.+", {"name": "x", "nfs": {"server": "n", "path": "/"}}, "volume types"),
    "privileged": ("containers.0.securityContext.privileged", True, "privileged"),
    "privilege escalation": (
        "containers.0.securityContext.allowPrivilegeEscalation",
        True,
        "allowPrivilegeEscalation != false",
    ),
    "privilege escalation by default": (
        "containers.0.securityContext.allowPrivilegeEscalation",
        None,
        "allowPrivilegeEscalation != false",
    ),
    "root in the container": ("containers.0.securityContext.runAsUser", 0, "runAsUser=0"),
    "may be root": ("containers.0.securityContext.runAsNonRoot", False, "runAsNonRoot != true"),
    "a capability": ("containers.0.securityContext.capabilities.add", ["NET_ADMIN"], "capabilities"),
    "capabilities kept": ("containers.0.securityContext.capabilities", None, "unrestricted capabilities"),
    "seccomp off in the container": (
        "containers.0.securityContext.seccompProfile",
        {"type": "Unconfined"},
        "seccompProfile",
    ),
    "AppArmor off in the container": (
        "containers.0.securityContext.appArmorProfile",
        {"type": "Unconfined"},
        "AppArmor",
    ),
    "SELinux role in the container": (
        "containers.0.securityContext.seLinuxOptions",
        {"role": "sysadm_r"},
        "seLinuxOptions",
    ),
    "unmasked /proc": ("containers.0.securityContext.procMount", "Unmasked", "procMount"),
    "hostPort": ("containers.0.ports", [{"containerPort": 1, "hostPort": 1}], "hostPort"),
    "a probe of another host": (
        "containers.0.livenessProbe",
        {"tcpSocket": {"host": "169.254.169.254", "port": 80}},
        "probe",
    ),
}
"""For each weakness, a path in the pod's spec, a value for it (None removes it), and a part of the error."""


def pods(declared: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """Yield a Pod for each pod template that the program declares, with the name of the Pod's owner."""
    for name, manifest in declared.items():
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            metadata = {**template["metadata"], "name": "weak", "namespace": "pipe"}
            yield name, {**deepcopy(template), "apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def weaken(spec: Json, path: str, value: Any) -> None:
    """Set the value at a path in a pod's spec. None removes the member; a final `+` appends to a list."""
    *parents, last = path.split(".")
    node: Any = spec
    for part in parents:
        if part not in node and not part.isdigit():
            node[part] = [] if part == "volumes" else {}
        node = node[int(part) if part.isdigit() else part]
    if last == "+":
        node.append(value)
    elif value is None:
        del node[last]
    else:
        node[last] = value


def refusal(cluster: Cluster, pod: Json) -> str:
    """Return the error with which the API server refuses a pod; empty if the pod is accepted."""
    try:
        cluster.api.call("POST", "/api/v1/namespaces/pipe/pods", pod, dryRun="All", fieldValidation="Strict")
    except ApiError as error:
        return str(error)
    return ""


def test_the_programs_own_pods_are_admitted(guarded: Cluster, declared: dict[str, Json]) -> None:
    own_pods = dict(pods(declared))
    assert {"Deployment/pipe-api", "Deployment/pipe-proxy", "CronJob/pipe-backup"} < own_pods.keys()
    assert {name: refusal(guarded, pod) for name, pod in own_pods.items()} == dict.fromkeys(own_pods, "")


@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_a_pod_with_one_weakness_is_refused(
    guarded: Cluster, declared: dict[str, Json], weakness: str
) -> None:
    path, value, message = WEAKNESSES[weakness]
    for name, pod in pods(declared):
        weaken(pod["spec"], path, value)
        assert message in refusal(guarded, pod), name


@pytest.mark.parametrize(
    "weakness",
    [name for name, (path, _, _) in WEAKNESSES.items() if path.startswith("containers.0.security")],
)
def test_an_init_container_with_one_weakness_is_refused(
    guarded: Cluster, declared: dict[str, Json], weakness: str
) -> None:
    path, value, message = WEAKNESSES[weakness]
    tried = 0
    for name, pod in pods(declared):
        if "initContainers" in pod["spec"]:
            weaken(pod["spec"], path.replace("containers", "initContainers"), value)
            assert message in refusal(guarded, pod), name
            tried += 1
    assert tried >= 2


def without(declared: dict[str, Json], path: str) -> Iterator[tuple[str, Json]]:
    """Yield the program's pods, with their names, after removing a member from every security context."""
    for name, pod in pods(declared):
        for kind in ("containers", "initContainers"):
            for index in range(len(pod["spec"].get(kind, ()))):
                weaken(pod["spec"], f"{kind}.{index}.securityContext.{path}", None)
        weaken(pod["spec"], f"securityContext.{path}", None)
        yield name, pod


@pytest.mark.parametrize(
    ("path", "message"), [("runAsNonRoot", "runAsNonRoot != true"), ("seccompProfile", "seccompProfile")]
)
def test_a_pod_without_a_required_setting_is_refused(
    guarded: Cluster, declared: dict[str, Json], path: str, message: str
) -> None:
    for name, pod in without(declared, path):
        assert message in refusal(guarded, pod), name


def test_a_deployment_with_a_weakness_gets_no_pods_and_reports_the_reason(
    guarded: Cluster, declared: dict[str, Json]
) -> None:
    weak = deepcopy(declared["Deployment/pipe-api"])
    weak["metadata"]["name"] = "weak"
    weaken(weak["spec"]["template"]["spec"], "hostPID", True)
    guarded.apply(weak)
    guarded.kubectl("wait", "deployment/weak", "--for=condition=ReplicaFailure", "--timeout=30s")
    deployment = guarded.object("/apis/apps/v1/namespaces/pipe/deployments/weak")
    message = condition(deployment, "ReplicaFailure")["message"]
    assert 'violates PodSecurity "restricted:v1.34": host namespaces (hostPID=true)' in message
    guarded.kubectl("delete", "deployment/weak")


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"limits": {"cpu": "100", "memory": "1Mi"}}, "exceeded quota: quota, requested: limits.cpu=100"),
        ({"limits": {"cpu": "1m", "memory": "1Ti"}}, "exceeded quota: quota, requested: limits.memory=1Ti"),
    ],
)
def test_the_quota_limits_the_resources_of_pods(
    guarded: Cluster, declared: dict[str, Json], resources: Json, message: str
) -> None:
    pod = dict(pods(declared))["Deployment/pipe-api"]
    pod["spec"]["containers"][0]["resources"] = resources
    assert message in refusal(guarded, pod)


def test_a_pod_without_resources_gets_the_defaults_of_the_namespace(
    guarded: Cluster, declared: dict[str, Json]
) -> None:
    pod = dict(pods(declared))["Deployment/pipe-api"]
    del pod["spec"]["containers"][0]["resources"]
    admitted = guarded.api.call("POST", "/api/v1/namespaces/pipe/pods", pod, dryRun="All")
    assert admitted["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "200m", "memory": "256Mi"},
        "requests": {"cpu": "50m", "memory": "64Mi"},
    }


def service(**spec: Any) -> Json:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "x"},
        "spec": {"ports": ports, **spec},
    }


def create(cluster: Cluster, manifest: Json) -> None:
    cluster.api.call("POST", "/api/v1/namespaces/pipe/services", manifest, dryRun="All")


def test_no_port_is_opened_on_the_nodes(guarded: Cluster) -> None:
    with pytest.raises(ApiError, match=r"exceeded quota: quota, requested: services.nodeports=1"):
        create(guarded, service(type="NodePort"))


def test_a_second_load_balancer_is_refused(guarded: Cluster, declared: dict[str, Json]) -> None:
    guarded.apply(declared["Service/pipe-proxy"])
    with pytest.raises(ApiError, match=r"exceeded quota: quota, requested: services.loadbalancers=1"):
        create(guarded, service(type="LoadBalancer", allocateLoadBalancerNodePorts=False))

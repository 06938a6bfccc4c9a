from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import MessagesOf
from tests.support.policies.workloads import AT, DEPLOYMENT_TYPE, deployment, pod


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-root-filesystem-writable",
            {"securityContext__readOnlyRootFilesystem": None},
            "securityContext.readOnlyRootFilesystem is not set; set it to true",
        ),
        (
            "workload-net-raw-kept",
            {"securityContext__capabilities__drop": ["CHOWN"]},
            "securityContext.capabilities.drop is ['CHOWN']; set it to ['ALL']",
        ),
        (
            "workload-low-user-id",
            {"securityContext__runAsUser": 101},
            "securityContext.runAsUser is 101; set it to 10000 or more",
        ),
    ],
)
def test_one_change_to_a_container_is_named(
    messages_of: MessagesOf, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == [f"{AT}.{expected}"]


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ("workload-net-raw-kept", {"securityContext__capabilities__drop": ["NET_RAW"]}),
    ],
)
def test_what_a_rule_allows_passes(messages_of: MessagesOf, policy: str, change: dict[str, Any]) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == []


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-token-mounted",
            {"automountServiceAccountToken": None},
            "automountServiceAccountToken is not set; set it to false",
        ),
        (
            "workload-token-mounted",
            {"automountServiceAccountToken": True},
            "automountServiceAccountToken is True; set it to false",
        ),
        (
            "workload-low-user-id",
            {"securityContext__runAsUser": None},
            "securityContext.runAsUser is not set; set it to 10000 or more",
        ),
        (
            "workload-docker-socket-mounted",
            {"volumes": [{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}]},
            "volumes[0].hostPath.path is '/var/run/docker.sock'; remove the volume",
        ),
        (
            "workload-docker-socket-mounted",
            {"volumes": [{"name": "v", "hostPath": {"path": "/run/containerd/containerd.sock/"}}]},
            "volumes[0].hostPath.path is '/run/containerd/containerd.sock/'; remove the volume",
        ),
    ],
)
def test_one_change_to_a_pod_is_named(
    messages_of: MessagesOf, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, pod(**change)) == [f"spec.template.spec.{expected}"]


def test_the_lowest_user_id_is_configured(messages_of: MessagesOf) -> None:
    props = deployment(securityContext__runAsUser=101)
    assert messages_of("workload-low-user-id", DEPLOYMENT_TYPE, props, minimum=101.0) == []


def test_a_security_context_may_be_the_pod_s(messages_of: MessagesOf) -> None:
    policy = "workload-security-context-missing"
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(securityContext=None)) == []
    neither = pod(securityContext=None)
    del neither["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert messages_of(policy, DEPLOYMENT_TYPE, neither) == [
        f"{AT}.securityContext is not set; set it to at least "
        f"{{runAsNonRoot: true, allowPrivilegeEscalation: false}}"
    ]


@pytest.mark.parametrize(
    "policy", ["workload-root-filesystem-writable", "workload-net-raw-kept", "workload-low-user-id"]
)
def test_controls_of_linux_do_not_apply_to_windows(messages_of: MessagesOf, policy: str) -> None:
    bare = {"name": "api", "image": "a:1"}
    assert (
        messages_of(policy, DEPLOYMENT_TYPE, pod(os={"name": "linux"}, securityContext={}, containers=[bare]))
        != []
    )
    assert (
        messages_of(
            policy, DEPLOYMENT_TYPE, pod(os={"name": "windows"}, securityContext={}, containers=[bare])
        )
        == []
    )

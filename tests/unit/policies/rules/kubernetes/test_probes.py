from typing import Any

import pytest

from tests.support.policies.fixtures import CONTAINER, POD, around, kind
from tests.support.policies.pytest_fixtures import MessagesOf, changed
from tests.support.policies.workloads import AT, DEPLOYMENT_TYPE, deployment, pod


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-liveness-probe-missing",
            {"livenessProbe": None},
            "livenessProbe is not set; set it to an httpGet, tcpSocket, grpc or exec probe",
        ),
        (
            "workload-readiness-probe-missing",
            {"readinessProbe": {"periodSeconds": 1}},
            "readinessProbe is {'periodSeconds': 1}; set it to an httpGet, tcpSocket, grpc or exec probe",
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
        ("workload-liveness-probe-missing", {"livenessProbe": {"exec": {"command": ["true"]}}}),
        ("workload-liveness-probe-missing", {"livenessProbe": {"grpc": {"port": 1}}}),
    ],
)
def test_what_a_rule_allows_passes(messages_of: MessagesOf, policy: str, change: dict[str, Any]) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == []


@pytest.mark.parametrize("name", ["Job", "CronJob"])
def test_a_job_needs_no_probes(messages_of: MessagesOf, name: str) -> None:
    props, _ = around(name, changed(POD, spec__containers__0__livenessProbe=None))
    assert messages_of("workload-liveness-probe-missing", kind(name), props) == []


def test_an_init_container_needs_no_probes(messages_of: MessagesOf) -> None:
    props = pod(initContainers=[changed(CONTAINER, readinessProbe=None)])
    assert messages_of("workload-readiness-probe-missing", DEPLOYMENT_TYPE, props) == []


def test_a_sidecar_runs_for_ever_and_needs_probes(messages_of: MessagesOf) -> None:
    bare = changed(CONTAINER, readinessProbe=None)
    props = pod(initContainers=[{**bare, "restartPolicy": "Always"}])
    assert messages_of("workload-readiness-probe-missing", DEPLOYMENT_TYPE, props) == [
        "spec.template.spec.initContainers[0].readinessProbe is not set; "
        "set it to an httpGet, tcpSocket, grpc or exec probe"
    ]

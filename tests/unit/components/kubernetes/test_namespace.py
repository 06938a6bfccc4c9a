from pathlib import Path
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes import namespace
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.workloads import Topic


@pytest.fixture
def found(recorder: Recorder, naming: Naming, topic: Topic) -> dict[str, Any]:
    return workloads.manifests(workloads.declare(recorder, workloads.namespace, naming, topic))


def test_only_restricted_pods_are_admitted_by_a_pinned_version(found: dict[str, Any]) -> None:
    labels = found["Namespace/pipe"]["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.34"


def test_a_pod_behind_the_load_balancer_is_ready_once_the_load_balancer_says_so(
    found: dict[str, Any],
) -> None:
    assert (
        found["Namespace/pipe"]["metadata"]["labels"]["eks.amazonaws.com/pod-readiness-gate-inject"]
        == "enabled"
    )


def test_the_network_is_closed_in_both_directions(found: dict[str, Any]) -> None:
    assert found["NetworkPolicy/default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_the_quota_is_the_stack_files_and_opens_no_node_port(found: dict[str, Any]) -> None:
    assert found["ResourceQuota/quota"]["spec"]["hard"] == {
        "limits.cpu": "16",
        "limits.memory": "24Gi",
        "pods": "60",
        "services.loadbalancers": "1",
        "services.nodeports": "0",
    }


def test_a_container_without_resources_gets_some(found: dict[str, Any]) -> None:
    [item] = found["LimitRange/defaults"]["spec"]["limits"]
    assert item["type"] == "Container"
    assert item["default"].keys() == item["defaultRequest"].keys() == {"cpu", "memory"}


def test_the_certificate_authorities_are_mounted_from_a_config_map(found: dict[str, Any]) -> None:
    bundle = (Path(namespace.__file__).parent / "assets" / "rds_ca.pem").read_text()
    assert found["ConfigMap/rds-ca"]["data"] == {"rds-ca.pem": bundle}


def test_whatever_uses_the_name_waits_for_the_guards(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    names: list[str] = []

    def program() -> Any:
        made = workloads.namespace(naming, topic)
        made.ca_config_map.apply(names.append)
        made.namespace.apply(names.append)
        return workloads.api(naming, topic, namespace=made.namespace).urn

    evaluate(program)
    assert sorted(names) == ["pipe", "rds-ca"]
    waits_for = recorder.dependencies["kubernetes:core/v1:ServiceAccount", "api"]
    assert {name for _, name in waits_for} == {
        "namespace",
        "namespace-quota",
        "namespace-defaults",
        "namespace-default-deny",
    }

"""Tests of the namespace: admission, quota, defaults, and closed network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes import namespace
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, Topic, evaluate
from tests.support.components.workloads import Objects


@pytest.fixture
def objects(declare_objects: Callable[..., Objects]) -> Objects:
    return declare_objects(workloads.namespace)


def test_only_restricted_pods_with_readiness_gates_are_admitted(objects: Objects) -> None:
    labels = objects["Namespace/pipe"]["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.34"
    assert labels["eks.amazonaws.com/pod-readiness-gate-inject"] == "enabled"


def test_the_network_is_closed_in_both_directions(objects: Objects) -> None:
    assert objects["NetworkPolicy/default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_the_quota_is_that_of_the_stack_file_and_forbids_node_ports(
    declare_objects: Callable[..., Objects],
) -> None:
    quotas = {"quotaCpu": "17", "quotaMemory": "25Gi", "quotaPods": 61}
    objects = declare_objects(workloads.namespace, **quotas)
    assert objects["ResourceQuota/quota"]["spec"]["hard"] == {
        "limits.cpu": "17",
        "limits.memory": "25Gi",
        "pods": "61",
        "services.loadbalancers": "1",
        "services.nodeports": "0",
    }


def test_a_container_without_resources_gets_defaults(objects: Objects) -> None:
    [item] = objects["LimitRange/defaults"]["spec"]["limits"]
    assert item["type"] == "Container"
    assert item["default"].keys() == item["defaultRequest"].keys() == {"cpu", "memory"}


def test_the_certificate_authorities_are_mounted_from_a_config_map(objects: Objects) -> None:
    bundle = (Path(namespace.__file__).parent / "assets" / "rds_ca.pem").read_text()
    assert objects["ConfigMap/rds-ca"]["data"] == {"rds-ca.pem": bundle}


def test_users_of_the_namespace_wait_for_its_guards(recorder: Recorder, naming: Naming, topic: Topic) -> None:
    names: list[str] = []

    def program() -> Any:
        declared = workloads.namespace(naming, topic)
        declared.ca_config_map.apply(names.append)
        declared.namespace.apply(names.append)
        return workloads.api(naming, topic, namespace=declared.namespace).urn

    evaluate(program)
    assert sorted(names) == ["pipe", "rds-ca"]
    waits_for = recorder.dependencies["kubernetes:core/v1:ServiceAccount", "api"]
    assert {name for _, name in waits_for} == {
        "namespace",
        "namespace-quota",
        "namespace-defaults",
        "namespace-default-deny",
    }

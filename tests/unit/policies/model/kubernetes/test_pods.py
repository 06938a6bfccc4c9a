"""Tests of the types that declare pods, of containers, and of the rules on Pod Security."""

from pulumi_policy import Severity

from policies.model.kubernetes.pod_security import contexts, parts, standard
from policies.model.kubernetes.pods import Container, kubernetes, pods
from policies.model.property_marks import from_plain
from policies.model.property_values import Value
from tests.support.policies.pytest_fixtures import UNKNOWN, resource

SPEC = {"initContainers": [{"name": "first"}], "containers": [{"name": "api"}, {"name": "proxy"}]}


def test_a_kind_has_a_list_and_a_patch() -> None:
    assert kubernetes("apps/v1", "Deployment") == {
        "kubernetes:apps/v1:Deployment",
        "kubernetes:apps/v1:DeploymentList",
        "kubernetes:apps/v1:DeploymentPatch",
    }


def test_a_container_without_a_known_name_is_called_by_its_path() -> None:
    containers = Value(from_plain([{"name": "api"}, {}, {"name": UNKNOWN}]), "containers").items()
    assert [Container("containers", value).name for value in containers] == [
        "api",
        "containers[1]",
        "containers[2]",
    ]


def test_containers_can_be_limited_to_some_lists() -> None:
    [pod] = pods(resource("kubernetes:core/v1:Pod", {"spec": SPEC}))
    assert [value["name"].text() for value in pod.values("containers")] == ["api", "proxy"]
    assert [value["name"].text() for value in pod.values()] == ["first", "api", "proxy"]


def test_a_rule_of_the_standard_has_its_name_and_control() -> None:
    rule = standard("example", "baseline: Example", Severity.HIGH, "Do it.", "CKV_K8S_1")(
        lambda pod: parts(contexts(pod, "privileged"), lambda _: iter(()))
    )
    assert (rule.name, rule.controls) == (
        "pod-security-example",
        ("PSS baseline: Example", "CKV_K8S_1"),
    )

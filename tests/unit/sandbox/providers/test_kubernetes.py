"""What pulumi-kubernetes refuses and fills in before any server is asked."""

import base64
from typing import Any

import pytest

from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.wire.values import UNKNOWN, Secret
from tests.support.sandbox.providers.resources import RELEASE, SECRET, VALID, resource

PACKAGE = Kubernetes("kubernetes")
ONE_VERSION = "an exact version such as 3.273.1; a range changes over time"
GOOD: dict[str, Any] = {
    "chart": "datadog",
    "version": "3.273.1",
    "name": "datadog",
    "namespace": "datadog",
    "repositoryOpts": {"repo": "https://helm.datadoghq.com"},
    "values": {"datadog": {"site": "ap1.datadoghq.com"}},
}


def release(**changes: Any) -> list[str]:
    inputs = {**GOOD, **changes}
    given = {key: value for key, value in inputs.items() if value is not None}
    return list(PACKAGE.faults(resource(RELEASE, given)))


def test_a_release_of_one_version_from_a_repository_is_accepted() -> None:
    assert release() == []
    assert release(version=UNKNOWN, values=UNKNOWN) == []
    assert release(chart="oci://public.ecr.aws/datadog/datadog", repositoryOpts=None) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": None}, "version: missing"),
        ({"version": "^3.0.0"}, f'version: "^3.0.0", a string, is not {ONE_VERSION}'),
        (
            {"chart": "Data Dog"},
            'chart: "Data Dog", a string, is not the name of a chart; a-z, 0-9 and - are allowed',
        ),
        (
            {"name": "x" * 54},
            f'name: "{"x" * 54}", a string, is not the name of a release; '
            "at most 53 of a-z, 0-9 and - are allowed",
        ),
        (
            {"repositoryOpts": {"repo": "http://helm.datadoghq.com"}},
            'repositoryOpts.repo: "http://helm.datadoghq.com", a string, '
            "is not an https:// address of a chart repository",
        ),
        (
            {"values": {"datadogs": {}}},
            "values.datadogs: there is no such field; closest: datadog, datadog-crds",
        ),
    ],
)
def test_a_release_that_helm_would_not_find_is_refused(changes: dict[str, Any], fault: str) -> None:
    assert [found.partition("; allowed:")[0] for found in release(**changes)] == [fault]


def test_the_values_of_a_secret_are_secret_whatever_the_program_says() -> None:
    given = VALID[SECRET]
    coded = {key: base64.b64encode(text.encode()).decode() for key, text in given["stringData"].items()}
    assert PACKAGE.complete(resource(SECRET, given), {}, b"")["data"] == Secret(coded)  # as the server has it
    part = {"password": "x", "user": UNKNOWN}
    found = PACKAGE.complete(resource(SECRET, given | {"stringData": part}), {}, b"")
    assert found["stringData"] == Secret(part) and "data" not in found


def custom(api: str) -> list[str]:
    made = {"apiVersion": api, "kind": "NodeClass", "metadata": {"name": "default"}}
    return list(PACKAGE.faults(resource(f"kubernetes:{api}:NodeClass", made)))


@pytest.mark.parametrize("api", ["eks.amazonaws.com/v1", "karpenter.sh/v1", "pipe.dev/v1beta1"])
def test_a_custom_resource_is_left_to_the_server(api: str) -> None:
    assert custom(api) == []


@pytest.mark.parametrize(
    "api", ["apps/v1", "networking.k8s.io/v1", "v1", "autoscaling/v2", "karpenter.sh", "k8s.io/v1"]
)
def test_a_kind_that_kubernetes_does_not_have_is_refused(api: str) -> None:
    (fault,) = custom(api)
    assert "does not exist in Kubernetes 1.34" in fault


@pytest.mark.parametrize("api", ["v1", "karpenter.example.com/v1"])
def test_an_annotation_of_the_providers_that_is_not_heeded_here_is_refused(api: str) -> None:
    heeded = {"pulumi.com/skipAwait": "true", "pipe.dev/waitFor": "it"}

    def faults(annotations: dict[str, str]) -> list[str]:
        metadata = {"name": "it", "annotations": annotations}
        made = {"apiVersion": api, "kind": "ConfigMap", "metadata": metadata}
        return list(PACKAGE.faults(resource("kubernetes:core/v1:ConfigMap", made)))

    fault = "metadata.annotations: the sandbox does not do what pulumi.com/waitFor asks for"
    assert faults(heeded | {"pulumi.com/waitFor": "condition=Ready"}) == [fault]
    assert not faults(heeded)

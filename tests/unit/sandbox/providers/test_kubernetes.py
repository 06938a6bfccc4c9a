"""Tests of the checks and defaults of pulumi-kubernetes that need no server."""

import base64
from typing import Any

import pytest

from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.wire.values import UNKNOWN, Secret
from tests.support.sandbox.providers.resources import RELEASE, SECRET, VALID, resource

PACKAGE = Kubernetes("kubernetes")
EXACT_VERSION = "an exact version such as 3.273.1; a range changes over time"
GOOD: dict[str, Any] = {
    "chart": "datadog",
    "version": "3.273.1",
    "name": "datadog",
    "namespace": "datadog",
    "repositoryOpts": {"repo": "https://helm.datadoghq.com"},
    "values": {"datadog": {"site": "ap1.datadoghq.com"}},
}


def release_faults(**changes: Any) -> list[str]:
    """Return the faults of a valid release after changes to its inputs; None removes an input."""
    inputs = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return list(PACKAGE.faults(resource(RELEASE, inputs)))


def test_a_release_of_an_exact_version_is_accepted() -> None:
    assert release_faults() == []
    assert release_faults(version=UNKNOWN, values=UNKNOWN) == []
    assert release_faults(chart="oci://public.ecr.aws/datadog/datadog", repositoryOpts=None) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": None}, "version: missing"),
        ({"version": "^3.0.0"}, f'version: "^3.0.0", a string, is not {EXACT_VERSION}'),
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
def test_an_invalid_release_is_refused(changes: dict[str, Any], fault: str) -> None:
    faults = release_faults(**changes)
    assert [message.partition("; allowed:")[0] for message in faults] == [fault]


def test_the_values_of_a_secret_are_always_secret() -> None:
    inputs = VALID[SECRET]
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in inputs["stringData"].items()}
    assert PACKAGE.complete(resource(SECRET, inputs), {}, b"")["data"] == Secret(encoded)
    partly_unknown = {"password": "x", "user": UNKNOWN}
    completed = PACKAGE.complete(resource(SECRET, inputs | {"stringData": partly_unknown}), {}, b"")
    assert completed["stringData"] == Secret(partly_unknown) and "data" not in completed


def node_class_faults(api: str) -> list[str]:
    manifest = {"apiVersion": api, "kind": "NodeClass", "metadata": {"name": "default"}}
    return list(PACKAGE.faults(resource(f"kubernetes:{module(api)}:NodeClass", manifest)))


def module(api: str) -> str:
    """Return the part of a type that stands for an apiVersion."""
    return api if "/" in api else f"core/{api}"


@pytest.mark.parametrize("api", ["eks.amazonaws.com/v1", "karpenter.sh/v1", "pipe.dev/v1beta1"])
def test_only_the_server_checks_a_custom_resource(api: str) -> None:
    assert node_class_faults(api) == []


@pytest.mark.parametrize(
    "api", ["apps/v1", "networking.k8s.io/v1", "v1", "autoscaling/v2", "karpenter.sh", "k8s.io/v1"]
)
def test_a_kind_that_kubernetes_lacks_is_refused(api: str) -> None:
    [fault] = node_class_faults(api)
    assert "does not exist in Kubernetes 1.34" in fault


@pytest.mark.parametrize(
    "kind", ["example.com/v1:Harmless", "core/v1:Secret", "v1:ConfigMap", "core/v1:Config"]
)
def test_an_object_of_another_type_is_refused(kind: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}
    assert list(PACKAGE.faults(resource(f"kubernetes:{kind}", manifest))) == [
        'kind: "ConfigMap", a string, makes the object one of the type kubernetes:core/v1:ConfigMap, '
        f"and not kubernetes:{kind}"
    ]


@pytest.mark.parametrize("kind", ["ConfigMap", "ConfigMapPatch"])
def test_an_object_or_a_patch_has_its_own_type(kind: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}
    assert list(PACKAGE.faults(resource(f"kubernetes:core/v1:{kind}", manifest))) == []


@pytest.mark.parametrize(("name", "is_refused"), [("__defaults", True), ("__rules", False)])
def test_only_the_name_of_a_note_of_providers_is_refused_in_a_custom_resource(
    name: str, is_refused: bool
) -> None:
    manifest = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "it"}, name: ["spec"]}
    faults = list(PACKAGE.faults(resource("kubernetes:example.com/v1:Foo", manifest)))
    assert faults == [f"{name}: only providers of other packages set it; remove it"] * is_refused


def test_a_value_of_a_secret_that_another_one_hides_is_refused() -> None:
    def faults(data: Any, texts: Any, former: Any = None) -> list[str]:
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "it"}}
        it = resource(SECRET, manifest | {"data": data, "stringData": texts})
        return [fault.partition(":")[0] for fault in PACKAGE.faults_after(it, {"data": former})]

    assert faults(Secret({"a": "YQ=="}), {"a": Secret(UNKNOWN)}) == ["data.a"]
    assert faults({"b": UNKNOWN, "a": "YQ=="}, {"a": "", "b": "", "c": ""}) == ["data.a", "data.b"]
    assert faults({"a": "YQ=="}, {"b": "a"}) == faults(UNKNOWN, {"a": "a"}) == []
    # The program ignores changes of `data`.
    kept = {"a": "YQ=="}
    assert faults(kept, {"a": "b"}, Secret(kept)) == []
    assert faults({"a": "Yg=="}, {"a": "b"}, Secret(kept)) == ["data.a"]


@pytest.mark.parametrize("api", ["v1", "karpenter.example.com/v1"])
def test_an_annotation_of_the_provider_without_an_effect_here_is_refused(api: str) -> None:
    supported = {"pulumi.com/skipAwait": "true", "pipe.dev/waitFor": "it"}

    def faults(annotations: dict[str, str]) -> list[str]:
        metadata = {"name": "it", "annotations": annotations}
        manifest = {"apiVersion": api, "kind": "ConfigMap", "metadata": metadata}
        return list(PACKAGE.faults(resource(f"kubernetes:{module(api)}:ConfigMap", manifest)))

    fault = "metadata.annotations: the sandbox does not support pulumi.com/waitFor"
    assert faults(supported | {"pulumi.com/waitFor": "condition=Ready"}) == [fault]
    assert not faults(supported)


def test_only_the_provider_sets_the_annotation_of_a_generated_name() -> None:
    def faults(annotations: Any, before: Any) -> list[str]:
        inputs = {"apiVersion": "v1", "kind": "ConfigMap"}
        new = {**inputs, "metadata": {"name": "it", "annotations": annotations}}
        old = {**inputs, "metadata": {"name": "it", "annotations": before}} if before is not None else {}
        return list(PACKAGE.faults_after(resource("kubernetes:core/v1:ConfigMap", new), old))

    fault = "metadata.annotations: only the provider sets pulumi.com/autonamed; remove it"
    for value in ("true", "false", "", UNKNOWN, Secret("true")):
        assert faults({"pulumi.com/autonamed": value}, None) == [fault]
    assert faults({"pulumi.com/autonamed": "true"}, {"pulumi.com/autonamed": "false"}) == [fault]
    # The engine puts the state's metadata in the place of the program's if it ignores changes of them.
    assert faults({"pulumi.com/autonamed": "true"}, {"pulumi.com/autonamed": "true"}) == []
    assert faults({"pulumi.com/skipAwait": "true"}, None) == []
    assert faults(UNKNOWN, {"pulumi.com/autonamed": "true"}) == []

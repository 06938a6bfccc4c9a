"""Tests of the quantities and the metadata that an API server returns."""

from typing import Any

import pytest

from sandbox.providers.kubernetes.package import KubernetesPlan
from sandbox.providers.kubernetes.quantities import canonical, parse
from sandbox.providers.kubernetes.schemas import with_quantities
from sandbox.wire.values import UNKNOWN, Secret
from tests.support.sandbox.providers.resources import resource

QUANTITIES = [
    ("1000m", "1"),
    ("0.5", "500m"),
    (".25", "250m"),
    (1, "1"),
    (0.1, "100m"),
    ("1500", "1500"),
    ("1000", "1k"),
    ("1e3", "1e3"),
    ("1500e3", "1500e3"),
    ("1e-12", "1e-9"),
    ("1E", "1E"),
    ("1024Mi", "1Gi"),
    ("1536Mi", "1536Mi"),
    ("0.5Gi", "512Mi"),
    ("1.1Ki", "1126400m"),
    ("1Ki", "1Ki"),
    ("-1024Mi", "-1Gi"),
    ("0Gi", "0"),
    ("0.0000000001", "1n"),
    ("9999999999E", "9999999999E"),
    ("a lot", "a lot"),
    (True, True),
    (UNKNOWN, UNKNOWN),
]
"""Quantities, and their forms in an object that the server returns."""


@pytest.mark.parametrize(("text", "expected"), QUANTITIES)
def test_a_quantity_has_its_canonical_form(text: Any, expected: Any) -> None:
    assert canonical(text) == expected


def test_a_very_long_text_is_no_quantity() -> None:
    digits = "1" * 10_000
    assert canonical(digits) == digits and parse(digits) is None


def test_only_quantities_change() -> None:
    container = {"name": "api", "image": "1000m", "resources": {"limits": {"memory": Secret("1024Mi")}}}
    template = {"metadata": {"labels": {"limits": "1000m"}}, "spec": {"containers": [container]}}
    spec = {"template": template, "paused": UNKNOWN}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
    expected = container | {"resources": {"limits": {"memory": Secret("1Gi")}}}
    assert with_quantities(manifest, canonical)["spec"] == spec | {
        "template": template | {"spec": {"containers": [expected]}}
    }
    custom = manifest | {"apiVersion": "example.com/v1"}
    assert with_quantities(custom, canonical) == custom
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"limits.cpu": "2000m"}}}
    assert with_quantities(quota, canonical)["spec"] == {"hard": {"limits.cpu": "2"}}


def outputs(version: str, kind: str, **inputs: Any) -> dict[str, Any]:
    """Return the outputs of an object in a review."""
    token = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "api"}, **inputs}
    live = KubernetesPlan(recognizable=True, salt="salt").create(resource(token, manifest))
    assert live.inputs == manifest
    return live.outputs


def test_the_server_adds_to_the_metadata() -> None:
    namespace = outputs("v1", "Namespace", metadata={"name": "api", "labels": {"team": "x"}})
    labels = {"team": "x", "kubernetes.io/metadata.name": "api"}
    assert namespace["metadata"]["labels"] == labels and namespace["spec"] == {"finalizers": ["kubernetes"]}
    deployment = outputs("apps/v1", "Deployment", spec={"replicas": 1})
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"].isdecimal()
    claim = outputs("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]})
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


def test_the_server_gives_the_pods_of_a_job_labels() -> None:
    job = outputs("batch/v1", "Job", spec={"template": {"spec": {"containers": []}}})
    labels, uid = job["spec"]["template"]["metadata"]["labels"], job["metadata"]["uid"]
    assert labels["job-name"] == labels["batch.kubernetes.io/job-name"] == "api"
    assert labels["controller-uid"] == labels["batch.kubernetes.io/controller-uid"] == uid
    assert job["metadata"]["labels"] is UNKNOWN
    manual: dict[str, Any] = {"manualSelector": True, "template": {"spec": {"containers": []}}}
    named = outputs("batch/v1", "Job", metadata={"name": "api", "labels": {"team": "x"}}, spec=manual)
    assert named["metadata"]["labels"] == {"team": "x"}
    assert named["spec"]["template"]["metadata"] is UNKNOWN

"""Tests of all objects in the namespace of every stack.

The policy pack checks pod security, resources, images, probes, secrets and network policies of the same
objects; tests/engine/test_stacks.py runs the pack on every stack.
"""

import importlib
from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from components.common.quantity import parse_quantity
from components.kubernetes.pods import checksum
from components.settings.models.api import Api
from tests.support.components.fixtures import Recorder, evaluate, secret
from tests.support.components.workloads import (
    Manifest,
    containers,
    declare_all,
    manifests,
    pod_templates,
)

SECRETS = ("app-secret", "migrate-secret", "backup-secret")
WORKLOADS = {
    "pipe",
    "pipe-api",
    "pipe-proxy",
    "pipe-image",
    "pipe-database-roles",
    "pipe-migrate",
    "pipe-backup",
    "pipe-restore",
}


# kubernetes_validate reads the same schemas again for each object.
utils: dict[str, Any] = vars(importlib.import_module("kubernetes_validate.utils"))
utils["schema_contents"] = cache(utils["schema_contents"])


@pytest.fixture(params=["dev", "stg", "prod"])
def declared(request: pytest.FixtureRequest) -> Recorder:
    return declare_all(request.param)


def test_every_object_fits_the_schema_and_has_namespace_and_labels(declared: Recorder) -> None:
    objects = manifests(declared)
    assert len(objects) == 42
    for name, manifest in objects.items():
        kubernetes_validate.validate(manifest, "1.34", strict=True)
        metadata: Manifest = manifest["metadata"]
        assert metadata.get("namespace") == (None if name == "Namespace/pipe" else "pipe")
        assert metadata["labels"]["app"] in WORKLOADS
        assert {"team", "tags.datadoghq.com/env", "tags.datadoghq.com/service"} < metadata["labels"].keys()


def test_pods_share_files_by_group_and_get_no_variables_of_services(declared: Recorder) -> None:
    for _, template in pod_templates(declared):
        spec: Manifest = template["spec"]
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"] == 10001
        for volume in spec["volumes"]:
            assert "secret" not in volume or volume["secret"]["defaultMode"] == 0o440


def test_a_pod_requests_the_storage_of_its_large_scratch_volumes(declared: Recorder) -> None:
    """Check requests for ephemeral-storage, since the scheduler does not count an emptyDir's sizeLimit."""
    large = 2 * 1024**3
    checked: set[str] = set()
    for name, template in pod_templates(declared):
        sizes = {
            volume["name"]: parse_quantity(volume["emptyDir"]["sizeLimit"])
            for volume in template["spec"]["volumes"]
            if "emptyDir" in volume
        }
        for container in containers(template):
            size = sum(sizes.get(mount["name"], 0) for mount in container["volumeMounts"])
            if size > large:
                checked.add(name)
                assert parse_quantity(container["resources"]["requests"]["ephemeral-storage"]) >= size
    assert checked == {"CronJob/pipe-backup", "CronJob/pipe-restore"}


def test_services_and_network_policies_name_ports_by_number(declared: Recorder) -> None:
    """Check all ports: the VPC CNI resolves named ports from current pods, which differ during rollouts."""
    specs = [
        manifest["spec"]
        for manifest in manifests(declared).values()
        if manifest["kind"] in ("Service", "NetworkPolicy")
    ]
    rules = [rule for spec in specs for rule in [spec, *spec.get("ingress", ()), *spec.get("egress", ())]]
    ports = [port.get("targetPort", port["port"]) for rule in rules for port in rule.get("ports", ())]
    assert len(ports) > 10
    assert all(isinstance(port, int | float) for port in ports)


def test_no_setting_changes_the_apis_port() -> None:
    """Check that the port is constant, since the rollout of another port would drop requests."""
    assert "port" not in Api.model_fields


def test_every_volume_is_mounted_and_only_bounded_scratch_volumes_are_writable(declared: Recorder) -> None:
    for _, template in pod_templates(declared):
        volumes: dict[str, Manifest] = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        mounts = [mount for container in containers(template) for mount in container["volumeMounts"]]
        assert {mount["name"] for mount in mounts} == set(volumes)
        for mount in mounts:
            volume = volumes[mount["name"]]
            assert mount.get("readOnly", False) or "emptyDir" in volume
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_passwords_are_in_secrets_only(declared: Recorder) -> None:
    for name, manifest in manifests(declared).items():
        if not name.startswith("Secret/"):
            assert not [text for text in SECRETS if text in str(manifest)], name
    for name, inputs in declared.of_type("kubernetes:core/v1:Secret").items():
        assert inputs["stringData"].keys() == secret(None).keys(), f"{name} is not marked secret"


def test_every_pod_starts_after_its_network_policy(declared: Recorder) -> None:
    for typ in ("apps/v1:Deployment", "batch/v1:Job", "batch/v1:CronJob"):
        for name in declared.of_type(f"kubernetes:{typ}"):
            policy = ("kubernetes:networking.k8s.io/v1:NetworkPolicy", name)
            assert policy in declared.dependencies[f"kubernetes:{typ}", name]


def test_a_checksum_depends_on_the_data_and_not_on_its_order(recorder: Recorder) -> None:
    sums: list[str] = []

    def program() -> Any:
        for data in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "1", "b": "3"}):
            checksum(data).apply(sums.append)

    evaluate(program)
    first, same, other = sums
    assert first == same != other
    assert len(first) == 8

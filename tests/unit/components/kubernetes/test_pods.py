"""What holds for every object of the namespace, in every stack."""

from typing import Any

import kubernetes_validate
import pytest

from components.common.image_reference import parse_image_reference
from components.common.naming import Naming
from components.common.quantity import parse_quantity
from components.kubernetes.pods import checksum
from components.settings.models.api import Api
from tests.support.components.fixtures import Recorder, evaluate, secret
from tests.support.components.workloads import (
    Manifest,
    Topic,
    containers,
    declare_all,
    manifests,
    pod_templates,
)

SECRETS = ("app-secret", "migrate-secret", "backup-secret", "master-secret")
WORKLOADS = {"pipe", "pipe-api", "pipe-proxy", "pipe-image", "pipe-migrate", "pipe-backup", "pipe-restore"}
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


@pytest.fixture(params=["dev", "stg", "prod"])
def declared(request: pytest.FixtureRequest, recorder: Recorder, naming: Naming, topic: Topic) -> Recorder:
    return declare_all(recorder, naming, topic, request.param)


def test_every_object_fits_the_published_schema(declared: Recorder) -> None:
    found = manifests(declared)
    assert len(found) == 39
    for manifest in found.values():
        kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_every_object_is_in_the_namespace_and_labelled(declared: Recorder) -> None:
    for name, manifest in manifests(declared).items():
        metadata: Manifest = manifest["metadata"]
        assert metadata.get("namespace") == (None if name == "Namespace/pipe" else "pipe")
        assert metadata["labels"]["app"] in WORKLOADS
        assert {"team", "tags.datadoghq.com/env", "tags.datadoghq.com/service"} < metadata["labels"].keys()


def test_every_pod_is_restricted(declared: Recorder) -> None:
    """Pod Security Standards, restricted, v1.34; CKV_K8S_16-20, 22, 23, 25-31, 37-40."""
    for _, template in pod_templates(declared):
        spec: Manifest = template["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & spec.keys()
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for volume in spec["volumes"]:
            assert volume.keys() - {"name"} <= RESTRICTED_VOLUMES
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            }
            assert all("hostPort" not in port for port in container.get("ports", []))


def test_every_container_has_requests_within_limits(declared: Recorder) -> None:
    """CKV_K8S_10-13."""
    for _, template in pod_templates(declared):
        for container in containers(template):
            resources: dict[str, dict[str, str]] = container["resources"]
            for kind in ("cpu", "memory"):
                assert parse_quantity(resources["requests"][kind]) <= parse_quantity(
                    resources["limits"][kind]
                )


def test_a_pod_is_scheduled_where_its_large_scratch_volumes_fit(declared: Recorder) -> None:
    """The scheduler counts requests for ephemeral-storage, not the sizeLimit of an emptyDir."""
    large = 2 * 1024**3
    judged: set[str] = set()
    for name, template in pod_templates(declared):
        sizes = {
            volume["name"]: parse_quantity(volume["emptyDir"]["sizeLimit"])
            for volume in template["spec"]["volumes"]
            if "emptyDir" in volume
        }
        for container in containers(template):
            room = sum(sizes.get(mount["name"], 0) for mount in container["volumeMounts"])
            if room > large:
                judged.add(name)
                assert parse_quantity(container["resources"]["requests"]["ephemeral-storage"]) >= room
    assert judged == {"CronJob/pipe-backup", "CronJob/pipe-restore"}


def test_every_image_is_pinned_and_asked_for_each_time(declared: Recorder) -> None:
    """CKV_K8S_14, 15."""
    for _, template in pod_templates(declared):
        for container in containers(template):
            assert container["imagePullPolicy"] == "Always"
            assert parse_image_reference(container["image"]).label not in ("", "latest")


def test_what_serves_is_probed(declared: Recorder) -> None:
    """CKV_K8S_8, 9."""
    for name, template in pod_templates(declared):
        for container in containers(template):
            probes = {"startupProbe", "readinessProbe", "livenessProbe"}
            assert probes & container.keys() == (probes if name.startswith("Deployment/") else set())


def test_services_and_network_policies_name_ports_by_number(declared: Recorder) -> None:
    """The VPC CNI resolves a named port by the pods of the moment, which differ during a rollout."""
    objects = manifests(declared).values()
    targets = [
        port["targetPort"] for each in objects if each["kind"] == "Service" for port in each["spec"]["ports"]
    ]
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    ports = [
        port["port"]
        for spec in policies
        for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]
        for port in rule["ports"]
    ]
    assert targets and ports
    assert all(isinstance(port, int | float) for port in [*targets, *ports])


def test_no_setting_moves_the_apis_port() -> None:
    """A change of the port cannot be rolled out without a gap."""
    assert "port" not in Api.model_fields


def test_every_volume_is_mounted_and_every_mount_has_its_volume(declared: Recorder) -> None:
    for _, template in pod_templates(declared):
        mounted = {mount["name"] for container in containers(template) for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]}


def test_only_scratch_volumes_are_writable_and_they_are_bounded(declared: Recorder) -> None:
    for _, template in pod_templates(declared):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for container in containers(template):
            for mount in container["volumeMounts"]:
                volume: Manifest = volumes[mount["name"]]
                assert mount.get("readOnly", False) == ("emptyDir" not in volume)
                assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_secrets_are_files_of_the_group_and_never_variables(declared: Recorder) -> None:
    """CKV_K8S_35."""
    for _, template in pod_templates(declared):
        for volume in template["spec"]["volumes"]:
            assert "secret" not in volume or volume["secret"]["defaultMode"] == 0o440
        for container in containers(template):
            for variable in container.get("env", []):
                assert "secretKeyRef" not in variable.get("valueFrom", {})
            for source in container.get("envFrom", []):
                assert source.keys() == {"configMapRef"}


def test_variables_are_named_once(declared: Recorder) -> None:
    config = manifests(declared)["ConfigMap/pipe-api"]["data"]
    for _, template in pod_templates(declared):
        for container in containers(template):
            names = [variable["name"] for variable in container.get("env", [])]
            names += list(config) if "envFrom" in container else []
            assert len(names) == len(set(names))


def test_passwords_are_in_secrets_only(declared: Recorder) -> None:
    for name, manifest in manifests(declared).items():
        if not name.startswith("Secret/"):
            assert not [word for word in SECRETS if word in str(manifest)], name
    for name, inputs in declared.of_type("kubernetes:core/v1:Secret").items():
        assert inputs["stringData"].keys() == secret(None).keys(), f"{name} is not marked secret"


def test_every_pod_has_a_policy_of_its_own_and_starts_after_it(declared: Recorder) -> None:
    """CKV2_K8S_6."""
    found = manifests(declared)
    for _, template in pod_templates(declared):
        app: str = template["metadata"]["labels"]["app"]
        assert found[f"NetworkPolicy/{app}"]["spec"]["podSelector"] == {"matchLabels": {"app": app}}
    for typ in ("apps/v1:Deployment", "batch/v1:Job", "batch/v1:CronJob"):
        for name in declared.of_type(f"kubernetes:{typ}"):
            policy = ("kubernetes:networking.k8s.io/v1:NetworkPolicy", name)
            assert policy in declared.dependencies[f"kubernetes:{typ}", name]


def test_a_checksum_follows_the_data_and_gives_none_of_it_away(recorder: Recorder) -> None:
    sums: list[str] = []

    def program() -> Any:
        for data in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "1", "b": "3"}):
            checksum(data).apply(sums.append)

    evaluate(program)
    first, same, other = sums
    assert first == same != other
    assert len(first) == 8

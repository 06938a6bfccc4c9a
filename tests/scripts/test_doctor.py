"""doctor.sh on a real control plane whose nodes are KWOK's, and what it makes of what KWOK cannot make."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.diagnosis import ORDER, Facts, findings
from scripts.doctor import report, section
from tests.scripts.api_cluster import PODS
from tests.scripts.world import World
from tests.scripts.world import cluster as cluster
from tests.scripts.world import world as world

NAME = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api"
SECRETS = "/api/v1/namespaces/pipe/secrets"
STATUS = """\
===============
Agent (v7.72.1)
===============
  Status date: 2026-11-24

=========
APM Agent
=========
  Status: {}
  Pid: 1
  Receiver (previous minute)
  ==========================
    From nodejs 20.1, client 5.2.0
      Traces received: 12 (9,100 bytes)

=========
Aggregator
=========
  Checks Metric Sample: 1
"""


def certificate(days: float) -> tuple[str, str]:
    """A certificate that is valid for so many days more, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pipe.dev")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def pod(world: World, name: str, image: str, **spec: Any) -> None:
    container = {"name": "api", "image": image, **spec.pop("container", {})}
    content = {"spec": {"containers": [container], **spec}}
    world.cluster.make(PODS, "v1", "Pod", name, content, {"app": "pipe-api"})


def status(world: World, name: str) -> dict[str, Any]:
    return world.cluster.api.call("GET", f"{PODS}/{name}").get("status", {})


def doctor(world: World) -> str:
    done = world.run("doctor.sh", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def likely(said: str) -> list[str]:
    """The causes that were named, the likeliest first."""
    lines = said.splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith(("Likely cause: ", "Also: "))]


@pytest.fixture
def pods(world: World) -> Iterator[World]:
    yield world
    world.cluster.api.call("DELETE", PODS, gracePeriodSeconds=0)


def test_nothing_is_wrong_with_pods_that_are_well(world: World) -> None:
    said = doctor(world)
    assert "nothing is wrong with the pods, their certificates and their quota" in said
    for nobody_asked in (
        "– kubectl top pods",
        "skipped: usage: not available",  # no metrics server here
        "skipped: no agent's pod in the namespace datadog",
        "– trace agent",
    ):
        assert nobody_asked in said


@pytest.mark.parametrize(
    ("image", "cause", "words"),
    [
        ("missing", "image pull", "ImagePullBackOff"),
        ("crashing", "crash loop", "exit code 1, 3 restarts"),
        ("unready", "failing probe", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ],
)
def test_pods_that_do_not_come_up_are_told_apart(pods: World, image: str, cause: str, words: str) -> None:
    (pods.bin / "logs").write_text("cannot reach the database\n")
    pod(pods, "pipe-api-bad", f"{NAME}:1.0.0-{image}")
    pods.cluster.wait(lambda: status(pods, "pipe-api-bad").get("containerStatuses"))
    said = doctor(pods)
    assert likely(said) == [cause]
    assert "pod/pipe-api-bad" in said and words in said.partition("Likely cause")[2]
    assert ("cannot reach the database" in said) == (cause != "image pull")
    assert cause in pods.record()["results"]


def test_a_pod_that_ran_out_of_memory_is_told_from_one_that_crashes(pods: World) -> None:
    pod(pods, "pipe-api-big", f"{NAME}:1.0.0-crashing")
    pods.cluster.wait(lambda: status(pods, "pipe-api-big").get("containerStatuses"))
    found = status(pods, "pipe-api-big")
    [one] = found["containerStatuses"]
    one["lastState"]["terminated"] |= {"reason": "OOMKilled", "exitCode": 137}
    patch = {"status": {"containerStatuses": [one]}}
    pods.cluster.api.call(
        "PATCH", f"{PODS}/pipe-api-big/status", patch, "application/strategic-merge-patch+json"
    )
    assert likely(doctor(pods)) == ["out of memory"]


def test_a_pod_that_no_node_has_room_for_is_pending(pods: World) -> None:
    pod(pods, "pipe-api-huge", f"{NAME}:1.0.0", container={"resources": {"requests": {"cpu": "900"}}})
    pods.cluster.wait(lambda: status(pods, "pipe-api-huge").get("conditions"))
    said = doctor(pods)
    assert likely(said) == ["pending"] and "Insufficient cpu" in said


def test_a_quota_that_is_used_up_is_the_likely_cause(pods: World) -> None:
    quotas = "/api/v1/namespaces/pipe/resourcequotas"
    pods.cluster.make(quotas, "v1", "ResourceQuota", "pipe", {"spec": {"hard": {"pods": "3"}}}, {})
    try:
        pods.cluster.wait(
            lambda: pods.cluster.api.call("GET", f"{quotas}/pipe").get("status", {}).get("used")
        )
        path = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
        more = {"spec": {"replicas": 5}}
        pods.cluster.api.call("PATCH", path, more, "application/merge-patch+json")
        pods.cluster.wait(
            lambda: "ReplicaFailure" in str(pods.cluster.api.call("GET", path)["status"].get("conditions"))
        )
        said = doctor(pods)
    finally:
        pods.cluster.api.call("DELETE", f"{quotas}/pipe")
    assert likely(said) == ["quota"] and "exceeded quota: pipe" in said


@pytest.mark.parametrize(("days", "cause"), [(9.8, "certificate expires"), (-1.2, "certificate expired")])
def test_a_certificate_is_told_before_it_expires_and_its_key_is_not_read(
    world: World, days: float, cause: str
) -> None:
    made, key = certificate(days)
    data = {
        "tls.crt": base64.b64encode(made.encode()).decode(),
        "tls.key": base64.b64encode(key.encode()).decode(),
    }
    content = {"type": "kubernetes.io/tls", "data": data}
    world.cluster.make(SECRETS, "v1", "Secret", "pipe-proxy-certificate", content, {})
    try:
        said = doctor(world)
    finally:
        world.cluster.api.call("DELETE", f"{SECRETS}/pipe-proxy-certificate")
    assert likely(said) == [cause]
    assert f"secret/pipe-proxy-certificate: {days:.0f} days left" in said
    assert data["tls.key"][:40] not in said and "PRIVATE KEY" not in said


def test_the_part_about_traces_is_cut_from_the_agents_status() -> None:
    part = section(STATUS.format("Running"))
    assert part.startswith("  Status: Running") and "Traces received: 12" in part
    assert "Aggregator" not in part
    assert findings(Facts(traces=part)) == []
    [found] = findings(Facts(traces=section(STATUS.format("Not running or unreachable"))))
    assert found.cause == "trace agent" and "Not running" in found.said


def test_the_likeliest_cause_comes_first_and_the_same_of_several_pods_once() -> None:
    def waiting(name: str, reason: str) -> dict[str, Any]:
        one = {"name": "api", "image": "x:1", "restartCount": 2, "state": {"waiting": {"reason": reason}}}
        return {"metadata": {"name": name}, "spec": {}, "status": {"containerStatuses": [one]}}

    scaled = {
        "metadata": {"name": "pipe-api"}, "spec": {"maxReplicas": 12},
        "status": {"conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]},
    }  # fmt: skip
    evicted = {"metadata": {"name": "c"}, "spec": {}, "status": {"reason": "Evicted", "message": "disk"}}
    config = waiting("d", "CreateContainerConfigError")
    pods = [evicted, waiting("a", "ErrImagePull"), waiting("b", "ErrImagePull"), config]
    found = findings(Facts(pods=pods, autoscalers=[scaled]))
    assert [each.cause for each in found] == ["configuration", "image pull", "evicted", "at the most pods"]
    assert found[1].what == "pod/a, pod/b"
    said = report(found)
    assert said.startswith("Likely cause: configuration\n  pod/d\n")
    assert all(each.cause in ORDER for each in found)


def test_a_certificate_that_cannot_be_read_is_a_finding(world: World) -> None:
    encoded = base64.b64encode(b"no certificate").decode()
    content = {"type": "kubernetes.io/tls", "data": {"tls.crt": encoded, "tls.key": encoded}}
    world.cluster.make(SECRETS, "v1", "Secret", "pipe-proxy-certificate", content, {})
    try:
        said = doctor(world)
    finally:
        world.cluster.api.call("DELETE", f"{SECRETS}/pipe-proxy-certificate")
    assert likely(said) == ["configuration"] and "its certificate cannot be read" in said


def test_a_job_that_failed_is_a_finding_and_one_that_succeeded_is_none() -> None:
    def job(code: int, phase: str) -> dict[str, Any]:
        state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        one = {"name": "migrate", "image": "x:1", "ready": False, "restartCount": 0, "state": state}
        status = {"phase": phase, "containerStatuses": [one]}
        return {"metadata": {"name": "m"}, "spec": {"restartPolicy": "Never"}, "status": status}

    assert [each.cause for each in findings(Facts(pods=[job(1, "Failed")]))] == ["failed job"]
    assert findings(Facts(pods=[job(0, "Succeeded")])) == []

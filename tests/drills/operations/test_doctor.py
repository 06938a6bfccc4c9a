"""doctor.sh on a real control plane whose nodes are KWOK's, and what it makes of what KWOK cannot make."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.server import ThreadedMotoServer

from operations.doctor import report, section
from operations.lib.diagnosis.findings import ORDER, Facts, findings
from tests.support.operations.api_cluster import DEPLOYMENT, PODS
from tests.support.operations.environment import OLD, ROOT, DeployEnvironment
from tests.support.operations.environment import cluster as cluster
from tests.support.operations.environment import world as bare

__all__ = ["bare", "cluster"]

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


def pod(world: DeployEnvironment, name: str, image: str, **spec: Any) -> None:
    container = {"name": "api", "image": image, **spec.pop("container", {})}
    content = {"spec": {"containers": [container], **spec}}
    world.cluster.make(PODS, "v1", "Pod", name, content, {"app": "pipe-api"})


def status(world: DeployEnvironment, name: str) -> dict[str, Any]:
    return world.cluster.api.call("GET", f"{PODS}/{name}").get("status", {})


def doctor(world: DeployEnvironment) -> str:
    """Return the diagnosis; its exit code has to tell whether anything is wrong."""
    done = world.run("doctor.sh", "dev")
    assert done.returncode == ("Likely cause: " in done.stdout), done.stdout + done.stderr
    return done.stdout


DEPLOYMENTS = DEPLOYMENT.rpartition("/")[0]
KINDS = {
    "services": ("/api/v1/namespaces/pipe/services", "v1", "Service"),
    "autoscalers": (
        "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers",
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
    ),
    "budgets": ("/apis/policy/v1/namespaces/pipe/poddisruptionbudgets", "policy/v1", "PodDisruptionBudget"),
    "jobs": ("/apis/batch/v1/namespaces/pipe/cronjobs", "batch/v1", "CronJob"),
}
"""By its own name each kind of object that a request's way needs: path, version, kind."""


def setting(topic: str, key: str) -> Any:
    return yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"][f"pipe:{topic}"][key]


def complete(world: DeployEnvironment) -> None:
    """Make what the program has besides the API's Deployment and its Service."""
    labels, pods = {"app": "pipe-proxy"}, setting("proxy", "replicas")["min"]
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "nginx", "image": setting("proxy", "image")}]},
    }
    spec = {"replicas": pods, "selector": {"matchLabels": labels}, "template": template}
    make = world.cluster.make
    make(DEPLOYMENTS, "apps/v1", "Deployment", "pipe-proxy", {"spec": spec}, labels)
    path, version, kind = KINDS["services"]
    service = {"type": "LoadBalancer", "selector": labels, "ports": [{"name": "https", "port": 443}]}
    make(path, version, kind, "pipe-proxy", {"spec": service}, labels)
    for app in ("pipe-api", "pipe-proxy"):
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}
        path, version, kind = KINDS["autoscalers"]
        bounds = {"minReplicas": 1, "maxReplicas": 9, "scaleTargetRef": target}
        make(path, version, kind, app, {"spec": bounds}, {})
        path, version, kind = KINDS["budgets"]
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": app}}}
        make(path, version, kind, app, {"spec": budget}, {})
    job = {"spec": {"restartPolicy": "Never", "containers": [{"name": "it", "image": "it:1"}]}}
    path, version, kind = KINDS["jobs"]
    for name in ("pipe-backup", "pipe-restore"):
        cron = {"schedule": "0 0 31 2 *", "suspend": True, "jobTemplate": {"spec": {"template": job}}}
        make(path, version, kind, name, {"spec": cron}, {})
    world.cluster.wait(lambda: available(world, "pipe-proxy") == pods)


def balancer(world: DeployEnvironment) -> str:
    """Return the address that the cluster has given to the proxy's Service."""
    status = world.cluster.api.call("GET", f"{KINDS['services'][0]}/pipe-proxy").get("status", {})
    return next((address["hostname"] for address in status.get("loadBalancer", {}).get("ingress") or ()), "")


def available(world: DeployEnvironment, name: str) -> int:
    manifest = world.cluster.api.call("GET", f"{DEPLOYMENTS}/{name}")
    return manifest.get("status", {}).get("availableReplicas", 0)


def incomplete(world: DeployEnvironment) -> None:
    """Delete it again, as far as a test has left it."""
    for path, _, _ in KINDS.values():
        for item in list(world.cluster.api.items(path)):
            if item["metadata"]["name"] != "pipe-api" or "services" not in path:
                world.cluster.api.call("DELETE", f"{path}/{item['metadata']['name']}")
    if world.cluster.api.get(f"{DEPLOYMENTS}/pipe-proxy"):
        world.cluster.api.call("DELETE", f"{DEPLOYMENTS}/pipe-proxy", propagationPolicy="Foreground")


@pytest.fixture(scope="module")
def rds() -> Iterator[Any]:
    """RDS with the stack's database."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client: Any = cast(Any, boto3).client(
        "rds",
        endpoint_url=f"http://{host}:{port}",
        region_name="ap-northeast-1",
        aws_access_key_id="it",
        aws_secret_access_key="it",
    )
    client.create_db_instance(
        DBInstanceIdentifier="pipe-dev-db",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        MasterUsername="it",
        MasterUserPassword="not-a-secret",
        AllocatedStorage=20,
    )
    yield client
    server.stop()


@pytest.fixture
def world(bare: DeployEnvironment, rds: Any) -> Iterator[DeployEnvironment]:
    """The whole service, and nothing wrong with it."""
    [instance] = rds.describe_db_instances()["DBInstances"]
    bare.environment |= {"AWS_ENDPOINT_URL": rds.meta.endpoint_url}
    bare.environment |= {"AWS_ACCESS_KEY_ID": "it", "AWS_SECRET_ACCESS_KEY": "it"}
    bare.environment.pop("CLOUDFLARE_API_TOKEN", None)
    complete(bare)
    bare.cluster.wait(lambda: balancer(bare))
    outputs = {"databaseHost": instance["Endpoint"]["Address"], "loadBalancer": balancer(bare)}
    (bare.bin / "outputs").write_text(json.dumps(outputs))
    yield bare
    incomplete(bare)


def likely(said: str) -> list[str]:
    """The causes that were named, the likeliest first."""
    lines = said.splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith(("Likely cause: ", "Also: "))]


@pytest.fixture
def pods(world: DeployEnvironment) -> Iterator[DeployEnvironment]:
    yield world
    world.cluster.api.call("DELETE", PODS, gracePeriodSeconds=0)


def test_nothing_is_wrong_with_pods_that_are_well(world: DeployEnvironment) -> None:
    said = doctor(world)
    assert "nothing is wrong from the visitor to the database" in said
    assert f"load balancer: {balancer(world)}" in said and "visit: 200" in said
    assert "deployment/pipe-api: 3 of 3 pods available, 3 get requests" in said
    for nobody_asked in (
        "– kubectl top pods",
        "skipped: usage: not available",  # no metrics server here
        "skipped: no agent's pod in the namespace datadog",
        "– trace agent",
    ):
        assert nobody_asked in said


def scaled_to_nothing(world: DeployEnvironment) -> None:
    change = {"spec": {"replicas": 0}}
    world.cluster.api.call("PATCH", DEPLOYMENT, change, "application/merge-patch+json")


def without_api(world: DeployEnvironment) -> None:
    world.cluster.api.call("DELETE", DEPLOYMENT, propagationPolicy="Foreground")
    world.cluster.wait(lambda: world.cluster.api.get(DEPLOYMENT) is None)


def without_proxy(world: DeployEnvironment) -> None:
    world.cluster.api.call("DELETE", f"{DEPLOYMENTS}/pipe-proxy", propagationPolicy="Foreground")


@pytest.mark.parametrize(
    ("change", "cause", "what"),
    [
        (scaled_to_nothing, "scaled to zero", "deployment/pipe-api"),
        (without_api, "missing", "deployment/pipe-api"),
        (without_proxy, "missing", "deployment/pipe-proxy"),
    ],
)
def test_a_site_that_is_down_is_not_called_well(
    world: DeployEnvironment, change: Callable[[DeployEnvironment], None], cause: str, what: str
) -> None:
    world.outside.site = 503
    change(world)
    try:
        said = doctor(world)
        assert likely(said)[0] == cause and "site" in likely(said)
        assert f"Likely cause: {cause}\n  {what}" in said
    finally:
        if change is without_api:
            world.cluster.api.call("DELETE", f"{KINDS['services'][0]}/pipe-api")
            world.cluster.deploy(OLD)


def test_a_database_that_is_stopped_is_the_likely_cause(world: DeployEnvironment, rds: Any) -> None:
    rds.stop_db_instance(DBInstanceIdentifier="pipe-dev-db")
    try:
        said = doctor(world)
    finally:
        rds.start_db_instance(DBInstanceIdentifier="pipe-dev-db")
    assert likely(said) == ["database"] and "its state is stopped" in said


def test_what_could_not_be_asked_is_neither_well_nor_wrong(world: DeployEnvironment) -> None:
    world.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = world.run("doctor.sh", "dev")
    assert done.returncode == 2
    assert "nothing wrong was seen, but these could not be asked:\n  RDS: Could not connect" in done.stderr


def test_a_kubeconfig_of_another_cluster_is_refused(world: DeployEnvironment, tmp_path: Path) -> None:
    """The cluster answers and calls itself dev, too."""
    other = "current-context: it\ncontexts: [{name: it, context: {cluster: it}}]\n"
    other += "clusters: [{name: it, cluster: {server: 'https://other'}}]\n"
    world.answer("pulumi", f'#!/bin/sh\necho "{other}"\n')
    done = world.run("doctor.sh", "dev")
    assert done.returncode == 2
    assert "and the cluster of dev is https://other" in done.stderr


@pytest.mark.parametrize(
    ("image", "cause", "words"),
    [
        ("missing", "image pull", "ImagePullBackOff"),
        ("crashing", "crash loop", "exit code 1, 3 restarts"),
        ("unready", "failing probe", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ],
)
def test_pods_that_do_not_come_up_are_told_apart(
    pods: DeployEnvironment, image: str, cause: str, words: str
) -> None:
    (pods.bin / "logs").write_text("cannot reach the database\n")
    pod(pods, "pipe-api-bad", f"{NAME}:1.0.0-{image}")
    pods.cluster.wait(lambda: status(pods, "pipe-api-bad").get("containerStatuses"))
    said = doctor(pods)
    assert likely(said) == [cause], said
    assert "pod/pipe-api-bad" in said and words in said.partition("Likely cause")[2]
    assert ("cannot reach the database" in said) == (cause != "image pull")
    assert cause in pods.record()["results"]


def test_a_pod_that_ran_out_of_memory_is_told_from_one_that_crashes(pods: DeployEnvironment) -> None:
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


def test_a_pod_that_no_node_has_room_for_is_pending(pods: DeployEnvironment) -> None:
    pod(pods, "pipe-api-huge", f"{NAME}:1.0.0", container={"resources": {"requests": {"cpu": "900"}}})
    pods.cluster.wait(lambda: status(pods, "pipe-api-huge").get("conditions"))
    said = doctor(pods)
    assert likely(said) == ["pending"] and "Insufficient cpu" in said


def test_a_quota_that_is_used_up_is_the_likely_cause(pods: DeployEnvironment) -> None:
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
    world: DeployEnvironment, days: float, cause: str
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
    assert found.cause == "trace agent" and "Not running" in found.evidence


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


def test_a_certificate_that_cannot_be_read_is_a_finding(world: DeployEnvironment) -> None:
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

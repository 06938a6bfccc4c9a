"""Tests of doctor.sh on a real control plane with KWOK's nodes, and of causes that KWOK cannot produce."""

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

from operations.doctor import report
from operations.lib.diagnosis.collectors.kubernetes_objects import section
from operations.lib.diagnosis.findings import ORDER, Facts, findings
from tests.support.drills.aws import aws_api
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
    """Return a certificate that expires in `days` days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pipe.dev")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def pod(world: DeployEnvironment, name: str, image: str, **spec: Any) -> None:
    container = {"name": "api", "image": image, **spec.pop("container", {})}
    content = {"spec": {"containers": [container], **spec}}
    world.cluster.make(PODS, "v1", "Pod", name, content, {"app": "pipe-api"})


def status(world: DeployEnvironment, name: str) -> dict[str, Any]:
    return world.cluster.api.call("GET", f"{PODS}/{name}").get("status", {})


def doctor(world: DeployEnvironment) -> str:
    """Return the diagnosis; assert that the exit code is 1 if the diagnosis names a cause, and else 0."""
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
"""API path, version and kind of the objects on a request's path, by a short name."""


def setting(topic: str, key: str) -> Any:
    return yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"][f"pipe:{topic}"][key]


def complete(world: DeployEnvironment) -> None:
    """Create the program's objects other than the API's Deployment and Service."""
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
    """Return the address of the proxy's Service, or an empty string."""
    status = world.cluster.api.call("GET", f"{KINDS['services'][0]}/pipe-proxy").get("status", {})
    return next((address["hostname"] for address in status.get("loadBalancer", {}).get("ingress") or ()), "")


def available(world: DeployEnvironment, name: str) -> int:
    manifest = world.cluster.api.call("GET", f"{DEPLOYMENTS}/{name}")
    return manifest.get("status", {}).get("availableReplicas", 0)


def incomplete(world: DeployEnvironment) -> None:
    """Delete the objects of `complete` that a test has not deleted."""
    for path, _, _ in KINDS.values():
        for item in list(world.cluster.api.items(path)):
            if item["metadata"]["name"] != "pipe-api" or "services" not in path:
                world.cluster.api.call("DELETE", f"{path}/{item['metadata']['name']}")
    if world.cluster.api.get(f"{DEPLOYMENTS}/pipe-proxy"):
        world.cluster.api.call("DELETE", f"{DEPLOYMENTS}/pipe-proxy", propagationPolicy="Foreground")


@pytest.fixture(scope="module")
def rds() -> Iterator[Any]:
    """Provide a simulated RDS that contains the stack's database."""
    server, url = aws_api.start()
    client: Any = cast(Any, boto3).client(
        "rds",
        endpoint_url=url,
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
    """Provide the whole service without faults."""
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


def likely(output: str) -> list[str]:
    """Return the causes in the output, the likeliest first."""
    lines = output.splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith(("Likely cause: ", "Also: "))]


@pytest.fixture
def pods(world: DeployEnvironment) -> Iterator[DeployEnvironment]:
    yield world
    world.cluster.api.call("DELETE", PODS, gracePeriodSeconds=0)


def test_a_healthy_service_has_no_findings(world: DeployEnvironment) -> None:
    output = doctor(world)
    assert "no problem from the visitor to the database" in output
    assert f"load balancer: {balancer(world)}" in output and "visit: 200" in output
    assert "deployment/pipe-api: 3 of 3 pods available, 3 get requests" in output
    for skipped_check in (
        "– kubectl top pods",
        "skipped: usage: not available",  # This cluster does not have a metrics server.
        "skipped: no agent pod in the namespace datadog",
        "– trace agent",
    ):
        assert skipped_check in output


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
def test_the_cause_of_a_site_that_is_down_is_named(
    world: DeployEnvironment, change: Callable[[DeployEnvironment], None], cause: str, what: str
) -> None:
    world.outside.site = 503
    change(world)
    try:
        output = doctor(world)
        assert likely(output)[0] == cause and "site" in likely(output)
        assert f"Likely cause: {cause}\n  {what}" in output
    finally:
        if change is without_api:
            world.cluster.api.call("DELETE", f"{KINDS['services'][0]}/pipe-api")
            world.cluster.deploy(OLD)


def test_a_stopped_database_is_the_likely_cause(world: DeployEnvironment, rds: Any) -> None:
    rds.stop_db_instance(DBInstanceIdentifier="pipe-dev-db")
    try:
        output = doctor(world)
    finally:
        rds.start_db_instance(DBInstanceIdentifier="pipe-dev-db")
    assert likely(output) == ["database"] and "its state is stopped" in output


def test_a_service_that_cannot_be_asked_is_reported_with_exit_code_2(world: DeployEnvironment) -> None:
    world.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = world.run("doctor.sh", "dev")
    assert done.returncode == 2
    assert (
        "no problem was found, but these parts could not be checked:\n  RDS: Could not connect" in done.stderr
    )


def test_a_kubeconfig_of_another_cluster_is_refused(world: DeployEnvironment, tmp_path: Path) -> None:
    """Give the stack a kubeconfig whose address differs from the address of the current cluster."""
    other = "current-context: it\ncontexts: [{name: it, context: {cluster: it}}]\n"
    other += "clusters: [{name: it, cluster: {server: 'https://other'}}]\n"
    world.answer("pulumi", f'#!/bin/sh\necho "{other}"\n')
    done = world.run("doctor.sh", "dev")
    assert done.returncode == 2
    assert "but the cluster of dev is https://other" in done.stderr


@pytest.mark.parametrize(
    ("image", "cause", "evidence"),
    [
        ("missing", "image pull", "ImagePullBackOff"),
        ("crashing", "crash loop", "exit code 1, 3 restarts"),
        ("unready", "failing probe", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ],
)
def test_causes_of_pods_that_do_not_start_are_distinguished(
    pods: DeployEnvironment, image: str, cause: str, evidence: str
) -> None:
    (pods.bin / "logs").write_text("cannot reach the database\n")
    pod(pods, "pipe-api-bad", f"{NAME}:1.0.0-{image}")
    pods.cluster.wait(lambda: status(pods, "pipe-api-bad").get("containerStatuses"))
    output = doctor(pods)
    assert likely(output) == [cause], output
    assert "pod/pipe-api-bad" in output and evidence in output.partition("Likely cause")[2]
    assert ("cannot reach the database" in output) == (cause != "image pull")
    assert cause in pods.record()["results"]


def test_a_pod_that_ran_out_of_memory_is_not_called_a_crash_loop(pods: DeployEnvironment) -> None:
    pod(pods, "pipe-api-big", f"{NAME}:1.0.0-crashing")
    pods.cluster.wait(lambda: status(pods, "pipe-api-big").get("containerStatuses"))
    pod_status = status(pods, "pipe-api-big")
    [container] = pod_status["containerStatuses"]
    container["lastState"]["terminated"] |= {"reason": "OOMKilled", "exitCode": 137}
    patch = {"status": {"containerStatuses": [container]}}
    pods.cluster.api.call(
        "PATCH", f"{PODS}/pipe-api-big/status", patch, "application/strategic-merge-patch+json"
    )
    assert likely(doctor(pods)) == ["out of memory"]


def test_a_pod_that_fits_on_no_node_is_pending(pods: DeployEnvironment) -> None:
    pod(pods, "pipe-api-huge", f"{NAME}:1.0.0", container={"resources": {"requests": {"cpu": "900"}}})
    pods.cluster.wait(lambda: status(pods, "pipe-api-huge").get("conditions"))
    output = doctor(pods)
    assert likely(output) == ["pending"] and "Insufficient cpu" in output


def test_an_exhausted_quota_is_the_likely_cause(pods: DeployEnvironment) -> None:
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
        output = doctor(pods)
    finally:
        pods.cluster.api.call("DELETE", f"{quotas}/pipe")
    assert likely(output) == ["quota"] and "exceeded quota: pipe" in output


@pytest.mark.parametrize(("days", "cause"), [(9.8, "certificate expires"), (-1.2, "certificate expired")])
def test_a_certificate_is_reported_before_it_expires_and_its_key_is_not_shown(
    world: DeployEnvironment, days: float, cause: str
) -> None:
    pem, key = certificate(days)
    data = {
        "tls.crt": base64.b64encode(pem.encode()).decode(),
        "tls.key": base64.b64encode(key.encode()).decode(),
    }
    content = {"type": "kubernetes.io/tls", "data": data}
    world.cluster.make(SECRETS, "v1", "Secret", "pipe-proxy-certificate", content, {})
    try:
        output = doctor(world)
    finally:
        world.cluster.api.call("DELETE", f"{SECRETS}/pipe-proxy-certificate")
    assert likely(output) == [cause]
    assert f"secret/pipe-proxy-certificate: {days:.0f} days left" in output
    assert data["tls.key"][:40] not in output and "PRIVATE KEY" not in output


def test_the_part_about_traces_is_cut_from_the_agents_status() -> None:
    part = section(STATUS.format("Running"))
    assert part.startswith("  Status: Running") and "Traces received: 12" in part
    assert "Aggregator" not in part
    assert findings(Facts(traces=part)) == []
    [finding] = findings(Facts(traces=section(STATUS.format("Not running or unreachable"))))
    assert finding.cause == "trace agent" and "Not running" in finding.evidence


def test_the_likeliest_cause_comes_first_and_a_cause_of_several_pods_is_listed_once() -> None:
    def waiting(name: str, reason: str) -> dict[str, Any]:
        container = {
            "name": "api",
            "image": "x:1",
            "restartCount": 2,
            "state": {"waiting": {"reason": reason}},
        }
        return {"metadata": {"name": name}, "spec": {}, "status": {"containerStatuses": [container]}}

    scaled = {
        "metadata": {"name": "pipe-api"},
        "spec": {"maxReplicas": 12},
        "status": {"conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]},
    }
    evicted = {"metadata": {"name": "c"}, "spec": {}, "status": {"reason": "Evicted", "message": "disk"}}
    config = waiting("d", "CreateContainerConfigError")
    pods = [evicted, waiting("a", "ErrImagePull"), waiting("b", "ErrImagePull"), config]
    causes = findings(Facts(pods=pods, autoscalers=[scaled]))
    assert [finding.cause for finding in causes] == [
        "configuration",
        "image pull",
        "evicted",
        "maximum replicas",
    ]
    assert causes[1].objects == "pod/a, pod/b"
    output = report(causes)
    assert output.startswith("Likely cause: configuration\n  pod/d\n")
    assert all(finding.cause in ORDER for finding in causes)


def test_a_certificate_that_cannot_be_read_is_a_finding(world: DeployEnvironment) -> None:
    encoded = base64.b64encode(b"no certificate").decode()
    content = {"type": "kubernetes.io/tls", "data": {"tls.crt": encoded, "tls.key": encoded}}
    world.cluster.make(SECRETS, "v1", "Secret", "pipe-proxy-certificate", content, {})
    try:
        output = doctor(world)
    finally:
        world.cluster.api.call("DELETE", f"{SECRETS}/pipe-proxy-certificate")
    assert likely(output) == ["configuration"] and "its certificate cannot be read" in output


def test_a_failed_job_is_a_finding_and_a_successful_one_is_not() -> None:
    def job(code: int, phase: str) -> dict[str, Any]:
        state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        container = {"name": "migrate", "image": "x:1", "ready": False, "restartCount": 0, "state": state}
        status = {"phase": phase, "containerStatuses": [container]}
        return {"metadata": {"name": "m"}, "spec": {"restartPolicy": "Never"}, "status": status}

    assert [finding.cause for finding in findings(Facts(pods=[job(1, "Failed")]))] == ["failed job"]
    assert findings(Facts(pods=[job(0, "Succeeded")])) == []

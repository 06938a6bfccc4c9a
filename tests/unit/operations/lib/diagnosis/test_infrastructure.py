"""Tests of the diagnosis of nodes, load balancer, origin certificate, copies of dumps, and monitors."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operations.lib.diagnosis import infrastructure
from operations.lib.diagnosis.findings import Facts, Finding
from operations.lib.diagnosis.findings import findings as sort
from operations.lib.diagnosis.infrastructure import Infrastructure
from tests.unit.operations.lib.diagnosis.test_service_path import SETTINGS, healthy, problems

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOST = str(SETTINGS["edge"]["host"])
REPLICA = str(SETTINGS["backups"]["replica"]["bucket"])


@functools.cache
def certificate(*hosts: str) -> x509.Certificate:
    """Return a certificate for the hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pipe")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    builder = builder.serial_number(0xABC).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=90))
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256())


def manifest(name: str, **conditions: tuple[str, str, str]) -> dict[str, Any]:
    """Return an object with conditions, each with its status, reason and message."""
    listed = [
        {"type": kind, "status": status, "reason": reason, "message": message}
        for kind, (status, reason, message) in conditions.items()
    ]
    return {"metadata": {"name": name}, "status": {"conditions": listed}}


READY = ("True", "", "")
SOUND: dict[str, Any] = {
    "nodes": [manifest("i-1", Ready=READY, MemoryPressure=("False", "", ""))],
    "claims": [manifest("general-1", Launched=READY, Registered=READY, Initialized=READY)],
    "certificates": {"pipe-proxy": certificate(HOST)},
    "issued": frozenset({0xABC}),
    "dumps": {"dumps/1": NOW - timedelta(hours=4), "latest.dump": NOW - timedelta(hours=1)},
    "copies": {"dumps/1": NOW - timedelta(hours=4)},
}


def causes(visit: str | None = "200", **parts: Any) -> list[Finding]:
    """Return the findings if these parts differ from a sound infrastructure."""
    carrier = Infrastructure(**{**SOUND, **parts})
    return sort(Facts(), infrastructure.findings(carrier, SETTINGS, visit=visit, now=NOW))


def test_a_sound_infrastructure_has_no_problems() -> None:
    assert causes() == []
    assert [*infrastructure.lines(Infrastructure(**SOUND))] == [
        "nodes: 1 of 1 ready",
        "Cloudflare: 1 valid origin certificates",
        "dumps: 2, 1 in the second region",
    ]


FAILED = manifest("g-2", Launched=("False", "LaunchFailed", "VcpuLimitExceeded: 32 vCPUs"))
STRANDED = manifest("g-3", Launched=READY, Registered=("False", "NodeNotFound", "no node"))
LATE = {"dumps/1": NOW - timedelta(hours=30), "dumps/2": NOW - timedelta(hours=6)}


@pytest.mark.parametrize(
    ("parts", "cause", "objects", "evidence"),
    [
        (
            {"nodes": [manifest("i-1", Ready=("Unknown", "", "Kubelet stopped posting node status."))]},
            "node not ready",
            "node/i-1",
            "Kubelet stopped posting node status.",
        ),
        ({"nodes": [manifest("i-1")]}, "node not ready", "node/i-1", "its kubelet reports no status"),
        (
            {"nodes": [manifest("i-1", Ready=READY, DiskPressure=("True", "", "disk is full"))]},
            "node not ready",
            "node/i-1",
            "DiskPressure: disk is full",
        ),
        (
            {"claims": [FAILED]},
            "failed scale-up",
            "nodeclaim/g-2",
            "Launched: LaunchFailed: VcpuLimitExceeded: 32 vCPUs",
        ),
        ({"claims": [STRANDED]}, "failed scale-up", "nodeclaim/g-3", "Registered: NodeNotFound: no node"),
        (
            {"unhealthy_targets": {"10.10.0.4:8443": "Health checks failed"}},
            "unhealthy targets",
            "target/10.10.0.4:8443",
            "Health checks failed",
        ),
        (
            {"certificates": {"pipe-proxy": certificate("other.dev", "*.other.dev")}},
            "certificate mismatch",
            "secret/pipe-proxy",
            f"it is for other.dev, *.other.dev, not for {HOST}",
        ),
        (
            {"issued": frozenset({0xDEF})},
            "certificate mismatch",
            "secret/pipe-proxy",
            "Cloudflare has no valid certificate with its serial abc",
        ),
        (
            {"visit": f"https://{HOST}/readyz: 526"},
            "certificate mismatch",
            HOST,
            "Cloudflare answered 526: it rejects the certificate of the proxy",
        ),
        (
            {"dumps": LATE, "copies": {"dumps/1": LATE["dumps/1"] - timedelta(hours=1)}},
            "replication behind",
            f"bucket/{REPLICA}",
            "2 dumps have no copy; the oldest, dumps/1, has waited for 30 hours",
        ),
        (
            {"silent": {"HighCpu (dev)": ["avg:kubernetes.cpu{env:dev}"]}},
            "no data",
            "monitor/HighCpu (dev)",
            "no data in the last hour: avg:kubernetes.cpu{env:dev}",
        ),
    ],
)
def test_each_problem_is_found(parts: dict[str, Any], cause: str, objects: str, evidence: str) -> None:
    [finding] = causes(**parts)
    assert (finding.cause, finding.objects, finding.evidence) == (cause, objects, evidence)
    assert finding.remedy


@pytest.mark.parametrize(
    "parts",
    [
        {"nodes": [manifest("i-1") | {"metadata": {"name": "i-1", "deletionTimestamp": "now"}}]},
        {"certificates": {"pipe-proxy": certificate(f"*.{HOST.partition('.')[2]}")}},
        {"issued": None},
        {"visit": f"https://{HOST}/readyz: 503"},
        {"visit": None},
        {"dumps": {"dumps/1": NOW - timedelta(days=8)}, "copies": {}},
        {"dumps": {"dumps/1": NOW - timedelta(hours=2)}, "copies": {}},
        {"dumps": LATE, "copies": None},
    ],
)
def test_what_is_usual_is_no_problem(parts: dict[str, Any]) -> None:
    assert causes(**parts) == []


def test_a_database_without_storage_is_named_before_its_consequences() -> None:
    parts = healthy()
    parts["databases"] = dict.fromkeys(parts["databases"], "storage-full")
    [finding] = problems(parts)
    assert finding.cause == "database storage full"
    assert "its state is storage-full" in finding.evidence and "maxStorageGib" in finding.remedy


def test_a_pod_for_which_no_node_is_started_differs_from_one_that_waits_for_its_node() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    pod = {"metadata": {"name": "api-1"}, "spec": {}, "status": {"conditions": [scheduled]}}

    def event(message: str, **source: Any) -> dict[str, Any]:
        return {
            "reason": "FailedScheduling",
            "involvedObject": {"name": "api-1"},
            "message": message,
            **source,
        }

    events = [
        event("all available instance types exceed limits", source={"component": "eks-auto-mode/compute"}),
        event("0/2 nodes are available", reportingComponent="default-scheduler"),
    ]
    [finding] = sort(Facts(pods=[pod], events=events))
    assert finding.cause == "failed scale-up"
    assert finding.evidence == "all available instance types exceed limits"
    [finding] = sort(Facts(pods=[pod], events=events[1:]))
    assert finding.cause == "pending"

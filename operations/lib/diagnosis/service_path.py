"""Path of a request from the visitor to the database: expected state, actual state, and problems.

The expected state comes from the stack file and the program's outputs, since a deleted object leaves no trace
in the cluster.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.lib.diagnosis.findings import Finding
from operations.lib.kubernetes.cluster import Manifest, replicas_before_restore

WORKLOADS = {"pipe-proxy": "proxy", "pipe-api": "api"}
"""Key of each Deployment's settings in the stack file, in the order in which a request passes them."""

OBJECTS = (
    *(
        f"{kind}/{name}"
        for name in WORKLOADS
        for kind in ("deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget")
    ),
    "cronjob/pipe-backup",
    "cronjob/pipe-restore",
)
"""Objects with constant names, which components/kubernetes/pods.py and data_jobs.py declare."""

SERVING = frozenset(
    {
        "available",
        "backing-up",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "modifying",
        "resetting-master-credentials",
        "storage-config-upgrade",
        "storage-initialization",
        "storage-optimization",
    }
)
"""States in which a database accepts connections (Amazon RDS user guide, Viewing DB instance status)."""
STORAGE_FULL = "storage-full"
"""State of a database that has no storage left (Amazon RDS user guide, Viewing DB instance status)."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """An address record of a host in the Cloudflare zone."""

    type: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The actual state of everything on the path of a request; None for a part that could not be read."""

    outputs: Mapping[str, Any] | None = None
    visit: str | None = None
    """`200`, or the error that a visitor of the health path gets."""
    records: Mapping[str, Sequence[Record]] | None = None
    """Address records of each host."""
    objects: Mapping[str, Manifest | None]
    """Each of OBJECTS by name; None if the object is not in the namespace."""
    endpoints: Mapping[str, int] = field(default_factory=dict[str, int])
    """Number of pods to which each Service sends requests."""
    databases: Mapping[str, str] | None = None
    """State of each database, by the address on which the database listens."""

    @property
    def load_balancer(self) -> str:
        """The address of the proxy's Service; empty if the Service has none."""
        service = self.objects.get("service/pipe-proxy") or {}
        addresses: list[dict[str, str]] = (
            service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        )
        return next((address.get("hostname") or address.get("ip", "") for address in addresses), "")


def lines(observation: Observation) -> Iterator[str]:
    """Yield one line per part of the path."""
    if observation.visit is not None:
        yield f"visit: {observation.visit}"
    for host, records in (observation.records or {}).items():
        content = ", ".join(f"{record.type} {record.content}" for record in records)
        yield f"DNS {host}: {content or 'no record'}"
    yield f"load balancer: {observation.load_balancer or 'no address'}"
    for name in WORKLOADS:
        deployment = observation.objects.get(f"deployment/{name}")
        if deployment is None:
            yield f"deployment/{name}: does not exist"
            continue
        desired, available = _desired(deployment), _available(deployment)
        yield (
            f"deployment/{name}: {available} of {desired} pods available, "
            f"{observation.endpoints.get(name, 0)} get requests"
        )
    for address, state in (observation.databases or {}).items():
        yield f"database {address}: {state}"


def findings(
    settings: Mapping[str, Any], observation: Observation, *, repair_command: str, stack: str, namespace: str
) -> Iterator[Finding]:
    """Yield the problems on the path.

    `repair_command` is the command that reverts manual changes and creates deleted objects again.
    """
    for name, manifest in observation.objects.items():
        if manifest is None:
            message = "the program declares it, but the cluster does not have it"
            yield Finding("missing", name, message, repair_command)
    for name, topic in WORKLOADS.items():
        yield from _workload(name, settings[topic], observation, namespace, repair_command)
    yield from _database(settings, observation, repair_command)
    yield from _edge(settings["edge"], observation, repair_command, stack)


def _workload(
    name: str, settings: Mapping[str, Any], observation: Observation, namespace: str, repair_command: str
) -> Iterator[Finding]:
    deployment = observation.objects.get(f"deployment/{name}")
    if deployment is None:
        return
    minimum, desired, available = settings["replicas"]["min"], _desired(deployment), _available(deployment)
    workload = f"deployment/{name}"
    scale = f"kubectl -n {namespace} scale {workload} --replicas={minimum}"
    check_pods = "find out why its pods are not available: see the pods and events above"
    if not desired and not replicas_before_restore(deployment):
        message = (
            f"it is scaled to 0 pods, which stops its autoscaler; the minimum is {minimum} (replicas.min)"
        )
        yield Finding("scaled to zero", workload, message, scale)
    elif desired and not available:
        yield Finding("no pods", workload, f"0 of {desired} pods are available", check_pods)
    elif desired and available < minimum:
        message = f"{available} pods are available; the minimum is {minimum} (replicas.min)"
        yield Finding("too few pods", workload, message, scale if desired < minimum else check_pods)
    elif desired and observation.objects.get(f"service/{name}") and not observation.endpoints.get(name):
        message = "pods are available, but it selects no ready pod: its selector or ports do not match them"
        remedy = f"revert changes made by hand: {repair_command}"
        yield Finding("no endpoints", f"service/{name}", message, remedy)
    images = {container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]}
    if settings["image"] not in images:
        message = f"it runs {', '.join(sorted(images))}, but the stack file names {settings['image']}"
        remedy = "git pull if somebody else deployed it; otherwise deploy the stack file's version"
        yield Finding("another image", workload, message, remedy)


def _database(
    settings: Mapping[str, Any], observation: Observation, repair_command: str
) -> Iterator[Finding]:
    if observation.databases is None:
        return
    environment = settings["service"]["environment"]
    expected = str((observation.outputs or {}).get("databaseHost") or f"pipe-{environment}-db")
    for address, state in observation.databases.items():
        if address == expected or address.partition(".")[0] == expected:
            if state == STORAGE_FULL:
                remedy = "raise pipe:database.maxStorageGib (docs/runbooks/database-storage-low.md)"
                evidence = f"its state is {state}: it accepts no connections"
                yield Finding("database storage full", f"database/{address}", evidence, remedy)
            elif state not in SERVING:
                remedy = "see RDS's events: aws rds describe-events --source-type db-instance --duration 1440"
                yield Finding("database", f"database/{address}", f"its state is {state}", remedy)
            return
    message = f"RDS has no database with this address in {settings['service']['region']}"
    remedy = f"restore a snapshot, or create an empty database: {repair_command}"
    yield Finding("database", f"database/{expected}", message, remedy)


def _edge(
    settings: Mapping[str, Any], observation: Observation, repair_command: str, stack: str
) -> Iterator[Finding]:
    actual = observation.load_balancer
    expected = str((observation.outputs or {}).get("loadBalancer") or actual)
    if observation.objects.get("service/pipe-proxy") is not None and not actual:
        message = (
            f"it has no load balancer; the program's output names {expected}"
            if expected
            else "it has no load balancer"
        )
        yield Finding("load balancer", "service/pipe-proxy", message, "see its events: kubectl describe")
    elif actual and expected != actual:
        message = f"its load balancer is {actual}, but the program's output names {expected}"
        yield Finding("load balancer", "service/pipe-proxy", message, repair_command)
    for host, content in ((settings["host"], actual), (settings["frontendHost"], settings["frontendTarget"])):
        records = (observation.records or {}).get(host)
        if records is None:
            continue
        if not records:
            yield Finding("DNS", host, "the zone has no address record for it", repair_command)
        elif content and content not in {record.content.rstrip(".") for record in records}:
            targets = ", ".join(record.content for record in records)
            yield Finding("DNS", host, f"its record points to {targets}, not to {content}", repair_command)
    if observation.visit not in (None, "200"):
        remedy = f"if nothing else was found: docs/runbooks/site-down.md, and pulumi preview --stack {stack}"
        yield Finding("site", settings["host"], f"a visitor gets: {observation.visit}", remedy)


def _desired(deployment: Manifest) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _available(deployment: Manifest) -> int:
    return int(deployment.get("status", {}).get("availableReplicas", 0))

"""Path of a request from the visitor to the database: expected state, actual state, and problems.

The expected state comes from the stack file and the program's outputs, so that a deleted object is reported.
A look at the remaining objects alone would not notice it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.lib.diagnosis.findings import Finding
from operations.lib.kubernetes.cluster import Manifest, stopped_with

WORKLOADS = {"pipe-proxy": "proxy", "pipe-api": "api"}
"""Deployments in the order of a request, each with its topic in the stack file."""

OBJECTS = (
    *(
        f"{kind}/{name}"
        for name in WORKLOADS
        for kind in ("deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget")
    ),
    "cronjob/pipe-backup",
    "cronjob/pipe-restore",
)
"""Objects with constant names in the namespace (components/kubernetes/pods.py, data_jobs.py)."""

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
"""States in which a database takes connections (Amazon RDS user guide, Viewing DB instance status)."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """An address record of a host in the Cloudflare zone."""

    type: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Actual state of everything on the path of a request; None for a part that could not be read."""

    outputs: Mapping[str, Any] | None = None
    visit: str | None = None
    """`200`, or the error that a visitor of the health path gets."""
    records: Mapping[str, Sequence[Record]] | None = None
    """The address records of each host."""
    objects: Mapping[str, Manifest | None]
    """Each of OBJECTS; None if it is not in the namespace."""
    endpoints: Mapping[str, int] = field(default_factory=dict[str, int])
    """Pods that each Service sends requests to."""
    databases: Mapping[str, str] | None = None
    """The state of each database, by the address that it listens on."""

    @property
    def load_balancer(self) -> str:
        """The address of the proxy's Service; empty if it has none."""
        service = self.objects.get("service/pipe-proxy") or {}
        addresses: list[dict[str, str]] = (
            service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        )
        return next((address.get("hostname") or address.get("ip", "") for address in addresses), "")


def lines(observation: Observation) -> Iterator[str]:
    """Yield a line about each part of the path."""
    if observation.visit is not None:
        yield f"visit: {observation.visit}"
    for host, records in (observation.records or {}).items():
        content = ", ".join(f"{record.type} {record.content}" for record in records)
        yield f"DNS {host}: {content or 'no record'}"
    yield f"load balancer: {observation.load_balancer or 'no address'}"
    for name in WORKLOADS:
        deployment = observation.objects.get(f"deployment/{name}")
        if deployment is None:
            yield f"deployment/{name}: there is none"
            continue
        wanted, available = deployment["spec"].get("replicas", 1), _available(deployment)
        yield (
            f"deployment/{name}: {available} of {wanted} pods available, "
            f"{observation.endpoints.get(name, 0)} get requests"
        )
    for address, state in (observation.databases or {}).items():
        yield f"database {address}: {state}"


def findings(
    settings: Mapping[str, Any], observation: Observation, *, put_back: str, stack: str, namespace: str
) -> Iterator[Finding]:
    """Yield the problems on the path; `put_back` is the command that creates deleted objects again."""
    for name, manifest in observation.objects.items():
        if manifest is None:
            yield Finding("missing", name, "the program declares it, and the cluster has none", put_back)
    for name, topic in WORKLOADS.items():
        yield from _workload(name, settings[topic], observation, namespace, put_back)
    yield from _database(settings, observation, put_back)
    yield from _edge(settings["edge"], observation, put_back, stack)


def _workload(
    name: str, settings: Mapping[str, Any], observation: Observation, namespace: str, put_back: str
) -> Iterator[Finding]:
    deployment = observation.objects.get(f"deployment/{name}")
    if deployment is None:
        return
    least, wanted, available = settings["replicas"]["min"], _wanted(deployment), _available(deployment)
    what = f"deployment/{name}"
    scale = f"kubectl -n {namespace} scale {what} --replicas={least}"
    pods = "see what is wrong with its pods"
    if not wanted and not stopped_with(deployment):
        message = f"no pods are wanted, so its autoscaler rests; at least {least} belong here (replicas.min)"
        yield Finding("scaled to zero", what, message, scale)
    elif wanted and not available:
        yield Finding("no pods", what, f"none of {wanted} pods is available", pods)
    elif wanted and available < least:
        message = f"{available} pods are available, and {least} are the least (replicas.min)"
        yield Finding("too few pods", what, message, scale if wanted < least else pods)
    elif wanted and observation.objects.get(f"service/{name}") and not observation.endpoints.get(name):
        message = "it sends requests to no pod, though pods are available: its selector or its ports differ"
        yield Finding(
            "no endpoints", f"service/{name}", message, "put back what was changed by hand: " + put_back
        )
    images = {container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]}
    if settings["image"] not in images:
        message = f"it runs {', '.join(sorted(images))}, and the stack file has {settings['image']}"
        remedy = "git pull, if somebody else deployed it; else deploy the stack file's version"
        yield Finding("another image", what, message, remedy)


def _database(settings: Mapping[str, Any], observation: Observation, put_back: str) -> Iterator[Finding]:
    if observation.databases is None:
        return
    environment = settings["service"]["environment"]
    expected = str((observation.outputs or {}).get("databaseHost") or f"pipe-{environment}-db")
    for address, state in observation.databases.items():
        if address == expected or address.partition(".")[0] == expected:
            if state not in SERVING:
                remedy = "RDS says why: aws rds describe-events --source-type db-instance --duration 1440"
                yield Finding("database", f"database/{address}", f"its state is {state}", remedy)
            return
    message = f"RDS has no database of that address in {settings['service']['region']}"
    yield Finding("database", f"database/{expected}", message, f"restore a snapshot of it, or: {put_back}")


def _edge(
    settings: Mapping[str, Any], observation: Observation, put_back: str, stack: str
) -> Iterator[Finding]:
    actual = observation.load_balancer
    expected = str((observation.outputs or {}).get("loadBalancer") or actual)
    if observation.objects.get("service/pipe-proxy") is not None and not actual:
        message = (
            f"it has no load balancer; the program's output says {expected}"
            if expected
            else "it has no load balancer"
        )
        yield Finding(
            "load balancer", "service/pipe-proxy", message, "kubectl describe says why it gets none"
        )
    elif actual and expected != actual:
        message = f"its load balancer is {actual}, and the program's output says {expected}"
        yield Finding("load balancer", "service/pipe-proxy", message, put_back)
    for host, content in ((settings["host"], actual), (settings["frontendHost"], settings["frontendTarget"])):
        records = (observation.records or {}).get(host)
        if records is None:
            continue
        if not records:
            yield Finding("DNS", host, "the zone has no address record for it", put_back)
        elif content and content not in {record.content.rstrip(".") for record in records}:
            leads = ", ".join(record.content for record in records)
            yield Finding("DNS", host, f"its record leads to {leads}, and not to {content}", put_back)
    if observation.visit not in (None, "200"):
        remedy = f"if nothing else is named: docs/runbooks/site-down.md, and pulumi preview --stack {stack}"
        yield Finding("site", settings["host"], f"a visitor gets: {observation.visit}", remedy)


def _wanted(deployment: Manifest) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _available(deployment: Manifest) -> int:
    return int(deployment.get("status", {}).get("availableReplicas", 0))

"""Diagnosis of a namespace: findings derived from the state of its objects."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from operations.lib.kubernetes.cluster import replicas_before_restore

Manifest = dict[str, Any]

PULL = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
SCALERS = ("eks-auto-mode/compute", "karpenter")
"""Sources of events that say why no node was started for a pod; the scheduler has another source."""
ORDER = (
    "stopped by a restore",
    "missing",
    "scaled to zero",
    "database storage full",
    "database",
    "certificate expired",
    "certificate mismatch",
    "node not ready",
    "failed scale-up",
    "quota",
    "configuration",
    "image pull",
    "out of memory",
    "crash loop",
    "pending",
    "evicted",
    "failing probe",
    "failed job",
    "no pods",
    "no endpoints",
    "unhealthy targets",
    "load balancer",
    "DNS",
    "site",
    "too few pods",
    "another image",
    "certificate expires",
    "trace agent",
    "maximum replicas",
    "replication behind",
    "no data",
    "protection rules",
)
"""Causes of findings, in the order of the report: a cause comes before those that it may explain."""


@dataclass(frozen=True)
class Finding:
    """A problem with its evidence and its remedy."""

    cause: str
    """Cause of the problem, one of ORDER."""
    objects: str
    """Affected objects, separated by commas, such as pod/pipe-api-6d4…"""
    evidence: str
    """The cluster's message, or the difference from the expected state."""
    remedy: str
    """Command or advice for the operator."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The observed state of the cluster; a part that could not be read is empty."""

    stack: str = "STACK"
    """Name of the stack, for the commands in remedies."""
    pods: Sequence[Manifest] = ()
    deployments: Sequence[Manifest] = ()
    autoscalers: Sequence[Manifest] = ()
    events: Sequence[Manifest] = ()
    """Warning events, the oldest first."""
    certificate_days: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Days until each TLS Secret's certificate expires; None if it cannot be read."""
    warning_days: float = 30
    """Number of remaining days below which a certificate is a finding."""
    traces: str = ""
    """Status of the trace agent as the agent prints it; empty if it could not be read."""


def findings(facts: Facts, more: Iterable[Finding] = ()) -> list[Finding]:
    """Return the problems, including `more`, with the likeliest cause first.

    Findings with the same cause and remedy are merged into one, which lists all objects.
    """
    unmerged = [*_cluster_findings(facts), *more]
    merged: dict[tuple[str, str], Finding] = {}
    for finding in unmerged:
        key = (finding.cause, finding.remedy)
        if earlier := merged.get(key):
            finding = replace(earlier, objects=f"{earlier.objects}, {finding.objects}")
        merged[key] = finding
    return sorted(merged.values(), key=lambda finding: ORDER.index(finding.cause))


def _cluster_findings(facts: Facts) -> Iterator[Finding]:
    for pod in facts.pods:
        yield from _pod(pod, facts.events)
    for deployment in facts.deployments:
        yield from _deployment(deployment, facts.stack)
    for autoscaler in facts.autoscalers:
        yield from _autoscaler(autoscaler)
    yield from _certificates(facts)
    yield from _traces(facts.traces)


def _pod(pod: Manifest, events: Sequence[Manifest]) -> Iterator[Finding]:
    name, status = f"pod/{pod['metadata']['name']}", pod.get("status", {})
    if status.get("reason") == "Evicted":
        remedy = "free or enlarge the resource that ran out on the node"
        yield Finding("evicted", name, status.get("message", ""), remedy)
        return
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            if reason := _latest(events, name, "FailedScheduling", SCALERS):
                remedy = "EKS starts no node for it: the message names the cause, such as a limit or a label"
                yield Finding("failed scale-up", name, reason, remedy)
                continue
            remedy = (
                "the text after `nodes are available` names the reason: too few nodes, resources or zones"
            )
            yield Finding("pending", name, condition.get("message", condition.get("reason", "")), remedy)
    for container_status in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        yield from _container(name, pod, container_status, events)


def _container(name: str, pod: Manifest, status: Manifest, events: Sequence[Manifest]) -> Iterator[Finding]:
    state = status.get("state", {})
    waiting = state.get("waiting", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated", {})
    reason, container = waiting.get("reason", ""), status["name"]
    evidence = f"{container}: {reason}: {waiting.get('message', '')}"
    succeeded = pod["status"].get("phase") == "Succeeded"
    if reason in PULL:
        remedy = "check that the registry has it: aws ecr describe-images; or go back: scripts/rollback.sh"
        yield Finding("image pull", name, evidence, f"{status['image']}: {remedy}")
    elif reason in CONFIG:
        yield Finding("configuration", name, evidence, "create the missing object: pulumi up")
    elif ended.get("reason") == "OOMKilled":
        evidence = f"{container}: OOMKilled, {status.get('restartCount', 0)} restarts"
        yield Finding(
            "out of memory", name, evidence, "raise the memory limit in the stack file, or find a memory leak"
        )
    elif reason == "CrashLoopBackOff":
        exit_code, restarts = ended.get("exitCode"), status["restartCount"]
        evidence = f"{evidence}; last exit code {exit_code}, {restarts} restarts"
        yield Finding("crash loop", name, evidence, "see its log above; to go back: scripts/rollback.sh")
    elif ended.get("exitCode") and pod["spec"].get("restartPolicy") == "Never":
        evidence = f"{container}: ended with exit code {ended['exitCode']}"
        yield Finding("failed job", name, evidence, "see its log; for a migration: fix it, then deploy again")
    elif "running" in state and not status.get("ready") and not succeeded:
        evidence = _latest(events, name, "Unhealthy") or f"{container} runs but is not ready"
        remedy = "check that the API reaches its database; its log above may name the reason"
        yield Finding("failing probe", name, evidence, remedy)


def _latest(events: Sequence[Manifest], name: str, reason: str, sources: Collection[str] = ()) -> str:
    """Return the newest message about a pod with this reason, from one of the sources if there are any."""
    messages = [
        event["message"]
        for event in events
        if event["reason"] == reason and f"pod/{event['involvedObject'].get('name')}" == name
        if not sources or _source(event) in sources
    ]
    return messages[-1] if messages else ""


def _source(event: Manifest) -> str:
    """Return the component that reported an event; newer clients use another field for it."""
    return event.get("reportingComponent") or event.get("source", {}).get("component", "")


def _deployment(deployment: Manifest, stack: str) -> Iterator[Finding]:
    name = f"deployment/{deployment['metadata']['name']}"
    if replicas := replicas_before_restore(deployment):
        remedy = f"if no restore is running now, start the API: scripts/restore.sh {stack} --start-api"
        yield Finding("stopped by a restore", name, f"no pods; {replicas} before the restore", remedy)
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            evidence = condition.get("message", "")
            quota = "exceeded quota" in evidence
            remedy = (
                "raise pipe:namespace.quota… in the stack file, or lower the number of pods"
                if quota
                else "the cluster rejects the pods: fix the named cause in the program"
            )
            yield Finding("quota" if quota else "configuration", name, evidence, remedy)


def _autoscaler(autoscaler: Manifest) -> Iterator[Finding]:
    for condition in autoscaler.get("status", {}).get("conditions", ()):
        if condition["type"] == "ScalingLimited" and condition.get("reason") == "TooManyReplicas":
            name = f"horizontalpodautoscaler/{autoscaler['metadata']['name']}"
            evidence = f"the maximum is {autoscaler['spec']['maxReplicas']} pods, and the load needs more"
            remedy = "raise replicas.max, or find the cause of the CPU usage"
            yield Finding("maximum replicas", name, evidence, remedy)


def _certificates(facts: Facts) -> Iterator[Finding]:
    for name, days in facts.certificate_days.items():
        remedy = (
            "renew the origin certificate: pulumi up --replace (docs/runbooks/origin-certificate-expiry.md)"
        )
        if days is None:
            yield Finding("configuration", f"secret/{name}", "its certificate cannot be read", remedy)
        elif days < facts.warning_days:
            cause = "certificate expired" if days <= 0 else "certificate expires"
            yield Finding(cause, f"secret/{name}", f"{days:.1f} days left", remedy)


def _traces(evidence: str) -> Iterator[Finding]:
    if evidence and "Status: Running" not in evidence:
        lines = [line.strip() for line in evidence.splitlines() if line.strip()]
        evidence = " ".join(lines[:3])
        remedy = "no traces arrive: restart the agent's pods"
        yield Finding("trace agent", "daemonset/datadog", evidence, remedy)

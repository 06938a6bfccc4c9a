"""From what a namespace's objects say to what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.lib.kubernetes.cluster import stopped_with

Manifest = dict[str, Any]

PULL = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
ORDER = (
    "stopped by a restore",
    "missing",
    "scaled to zero",
    "database",
    "certificate expired",
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
    "load balancer",
    "DNS",
    "site",
    "too few pods",
    "another image",
    "certificate expires",
    "trace agent",
    "at the most pods",
)
"""What is likelier the cause of the rest comes first."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong."""

    cause: str
    """One of ORDER."""
    what: str
    """The objects: pod/pipe-api-6d4…"""
    said: str
    """The cluster's own words."""
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was asked of the cluster."""

    stack: str = "STACK"
    """For the remedies."""
    pods: Sequence[Manifest] = ()
    deployments: Sequence[Manifest] = ()
    autoscalers: Sequence[Manifest] = ()
    events: Sequence[Manifest] = ()
    """Warnings, the oldest first."""
    certificate_days: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Days that each TLS Secret's certificate is still valid; None: it cannot be read."""
    warning_days: float = 30
    traces: str = ""
    """What the agent says of its trace agent; empty: nobody could be asked."""


def findings(facts: Facts, more: Iterable[Finding] = ()) -> list[Finding]:
    """Return what is wrong, `more` included, the likeliest cause first; the same of several pods once."""
    found = [
        *(each for pod in facts.pods for each in _pod(pod, facts.events)),
        *(each for one in facts.deployments for each in _deployment(one, facts.stack)),
        *(each for one in facts.autoscalers for each in _autoscaler(one)),
        *_certificates(facts),
        *_traces(facts.traces),
        *more,
    ]
    merged: dict[tuple[str, str], Finding] = {}
    for each in found:
        key = (each.cause, each.remedy)
        before = merged.get(key)
        what = f"{before.what}, {each.what}" if before else each.what
        merged[key] = Finding(each.cause, what, before.said if before else each.said, each.remedy)
    return sorted(merged.values(), key=lambda each: ORDER.index(each.cause))


def _pod(pod: Manifest, events: Sequence[Manifest]) -> Iterator[Finding]:
    name, status = f"pod/{pod['metadata']['name']}", pod.get("status", {})
    if status.get("reason") == "Evicted":
        yield Finding("evicted", name, status.get("message", ""), "free or enlarge what ran out on the node")
        return
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            remedy = "look for the word after `nodes are available`: more nodes, smaller requests, or zones"
            yield Finding("pending", name, condition.get("message", condition.get("reason", "")), remedy)
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        yield from _container(name, pod, one, events)


def _container(name: str, pod: Manifest, status: Manifest, events: Sequence[Manifest]) -> Iterator[Finding]:
    state = status.get("state", {})
    waiting = state.get("waiting", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated", {})
    reason, container = waiting.get("reason", ""), status["name"]
    said = f"{container}: {reason}: {waiting.get('message', '')}"
    succeeded = pod["status"].get("phase") == "Succeeded"
    if reason in PULL:
        remedy = "is the image there, under that name? aws ecr describe-images; scripts/rollback.sh goes back"
        yield Finding("image pull", name, said, f"{status['image']}: {remedy}")
    elif reason in CONFIG:
        yield Finding("configuration", name, said, "create what it names: pulumi up")
    elif ended.get("reason") == "OOMKilled":
        told = f"{container}: OOMKilled, {status.get('restartCount', 0)} restarts"
        yield Finding(
            "out of memory", name, told, "raise the memory limit in the stack file, or find the leak"
        )
    elif reason == "CrashLoopBackOff":
        told = f"{said}; it ended with exit code {ended.get('exitCode')}, {status['restartCount']} restarts"
        yield Finding("crash loop", name, told, "its log, below, says why; scripts/rollback.sh goes back")
    elif ended.get("exitCode") and pod["spec"].get("restartPolicy") == "Never":
        told = f"{container}: ended with exit code {ended['exitCode']}"
        yield Finding(
            "failed job", name, told, "its log says why; for a migration: mend it, then deploy again"
        )
    elif "running" in state and not status.get("ready") and not succeeded:
        told = _latest(events, name, "Unhealthy") or f"{container} runs and is not ready"
        yield Finding("failing probe", name, told, "does the API reach its database? Its log, below, may say")


def _latest(events: Sequence[Manifest], name: str, reason: str) -> str:
    about = [
        each["message"]
        for each in events
        if each["reason"] == reason and f"pod/{each['involvedObject'].get('name')}" == name
    ]
    return about[-1] if about else ""


def _deployment(one: Manifest, stack: str) -> Iterator[Finding]:
    name = f"deployment/{one['metadata']['name']}"
    if replicas := stopped_with(one):
        remedy = f"unless a restore runs just now, it was killed: scripts/restore.sh {stack} --start-api"
        yield Finding("stopped by a restore", name, f"no pods; it had {replicas}", remedy)
    for condition in one.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            said = condition.get("message", "")
            quota = "exceeded quota" in said
            remedy = (
                "raise pipe:kubernetes.quota… in the stack file, or ask for fewer pods"
                if quota
                else "the cluster refuses the pods: mend what it names in the program"
            )
            yield Finding("quota" if quota else "configuration", name, said, remedy)


def _autoscaler(one: Manifest) -> Iterator[Finding]:
    for condition in one.get("status", {}).get("conditions", ()):
        if condition["type"] == "ScalingLimited" and condition.get("reason") == "TooManyReplicas":
            name = f"horizontalpodautoscaler/{one['metadata']['name']}"
            said = f"{one['spec']['maxReplicas']} pods, and more are wanted"
            yield Finding("at the most pods", name, said, "raise replicas.max, or look for what costs CPU")


def _certificates(facts: Facts) -> Iterator[Finding]:
    for name, days in facts.certificate_days.items():
        remedy = "a new one: pulumi up --replace of the origin certificate (runbook OriginCertificateExpiry)"
        if days is None:
            yield Finding("configuration", f"secret/{name}", "its certificate cannot be read", remedy)
        elif days < facts.warning_days:
            cause = "certificate expired" if days <= 0 else "certificate expires"
            yield Finding(cause, f"secret/{name}", f"{days:.1f} days left", remedy)


def _traces(said: str) -> Iterator[Finding]:
    if said and "Status: Running" not in said:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        told = " ".join(lines[:3])
        yield Finding("trace agent", "daemonset/datadog", told, "no traces arrive: restart the agent's pods")

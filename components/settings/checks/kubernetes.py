"""Workloads that ask for more than they may have."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from math import ceil

from components.settings import capacity
from components.settings.errors import Fault, remove, set_to, wrong
from components.settings.kubernetes import Replicas, Resources
from components.settings.stack import Settings
from components.settings.types import quantity

MIB = 1024**2

LOCAL = {
    "0.0.0.0/8": "this host",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local: instance metadata and pod identity",
    "224.0.0.0/3": "multicast and reserved",
}
"""Networks that no remote service is in (IANA, IPv4 special-purpose addresses)."""


def requests(topic: str, resources: Callable[[Settings], Resources]) -> Callable[[Settings], Iterator[Fault]]:
    """A request is at most its limit (Kubernetes refuses the pod)."""

    def check(s: Settings) -> Iterator[Fault]:
        asked = resources(s)
        for kind, request, limit in (
            ("cpu", asked.cpu_request, asked.cpu_limit),
            ("memory", asked.memory_request, asked.memory_limit),
        ):
            if quantity(request) > quantity(limit):
                path = (f"pipe:{topic}", "resources", f"{kind}Request")
                allowed = f"at most pipe:{topic}.resources.{kind}Limit ({limit})"
                yield wrong(path, request, allowed, set_to(path, limit))

    return check


def replicas(topic: str, replicas: Callable[[Settings], Replicas]) -> Callable[[Settings], Iterator[Fault]]:
    """The autoscaler has room between its two bounds."""

    def check(s: Settings) -> Iterator[Fault]:
        bounds = replicas(s)
        if bounds.min > bounds.max:
            path = (f"pipe:{topic}", "replicas", "max")
            allowed = f"at least pipe:{topic}.replicas.min ({bounds.min})"
            yield wrong(path, bounds.max, allowed, set_to(path, bounds.min))

    return check


def probes(s: Settings) -> Iterator[Fault]:
    """Liveness and readiness are two questions: with one path for both, a failover of the database, during
    which no pod is ready, would restart every pod."""
    if s.api.liveness_path == s.api.readiness_path:
        path = ("pipe:api", "livenessPath")
        other = "/livez" if s.api.readiness_path != "/livez" else "/alive"
        allowed = (
            "another path than pipe:api.readinessPath, one that does not ask the database: "
            "else its failover restarts every pod"
        )
        yield wrong(path, s.api.liveness_path, allowed, set_to(path, other))


def egress(s: Settings) -> Iterator[Fault]:
    """The networks that the API may call are named just where they count, and hold nothing of the stack.

    A request that the API is tricked into sending (server-side request forgery) must not reach the instance
    metadata, the pod identity agent, the nodes, or another pod.
    """
    chosen, topic = s.api.egress, ("pipe:api", "egress")
    listed = (("networks", chosen.networks, "192.168.10.0/24"), ("ports", chosen.ports, 443))
    for key, values, example in listed:
        path = (*topic, key)
        if chosen.to == "networks" and not values:
            allowed = "one entry or more, as pipe:api.egress.to is networks"
            yield wrong(path, values, allowed, set_to((*path, 0), example))
        elif chosen.to != "networks" and values:
            allowed = f"no entry, as pipe:api.egress.to is {chosen.to}"
            yield wrong(
                path, values, allowed, *(remove((*path, index)) for index in reversed(range(len(values))))
            )
    closed = {
        s.network.cidr: "pipe:network.cidr",
        s.cluster.service_cidr: "pipe:cluster.serviceCidr",
        **LOCAL,
    }
    for index, cidr in reversed([*enumerate(chosen.networks)]):
        overlapped = (inner for inner in closed if IPv4Network(cidr).overlaps(IPv4Network(inner)))
        if inner := next(overlapped, None):
            entry = (*topic, "networks", index)
            allowed = f"a network that does not overlap {inner} ({closed[inner]})"
            yield wrong(entry, cidr, allowed, remove(entry))


def quota_of_pods(s: Settings) -> Iterator[Fault]:
    """All pods fit into the namespace while both workloads are at their most and roll."""
    needed = capacity.pods(s)
    if s.kubernetes.quota_pods < needed:
        path = ("pipe:kubernetes", "quotaPods")
        yield wrong(path, s.kubernetes.quota_pods, _at_least(str(needed)), set_to(path, needed))


def quota_of_cpu(s: Settings) -> Iterator[Fault]:
    """The quota holds the CPU limits of these pods."""
    needed = capacity.cpu_limits(s)
    if quantity(s.kubernetes.quota_cpu) < needed:
        path, least = ("pipe:kubernetes", "quotaCpu"), str(ceil(needed))
        yield wrong(path, s.kubernetes.quota_cpu, _at_least(f'"{least}"'), set_to(path, least))


def quota_of_memory(s: Settings) -> Iterator[Fault]:
    """The quota holds the memory limits of these pods."""
    needed = capacity.memory_limits(s)
    if quantity(s.kubernetes.quota_memory) < needed:
        path, least = ("pipe:kubernetes", "quotaMemory"), f"{ceil(needed / MIB)}Mi"
        yield wrong(path, s.kubernetes.quota_memory, _at_least(least), set_to(path, least))


def _at_least(least: str) -> str:
    jobs = f"{capacity.DATA_JOBS} data jobs"
    return f"at least {least}: pipe:api and pipe:proxy at replicas.max and rolling, and {jobs}"


CHECKS = (
    requests("backups", lambda s: s.backups.resources),
    requests("api", lambda s: s.api.resources),
    requests("proxy", lambda s: s.proxy.resources),
    replicas("api", lambda s: s.api.replicas),
    replicas("proxy", lambda s: s.proxy.replicas),
    probes,
    egress,
    quota_of_pods,
    quota_of_cpu,
    quota_of_memory,
)

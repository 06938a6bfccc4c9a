"""Nodes that the pods of a stack need, by the pods' requests."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from review.cost.price_table import PriceTable
from review.plain_data import is_list, is_map, value_at
from review.stacks.resources import Resource

POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
RELEASE = "kubernetes:helm.sh/v3:Release"

ZONE = "topology.kubernetes.io/zone"

_SIZES = {"large": 2.0, "xlarge": 4.0}
_MEMORY_PER_CPU = {"c": 2.0, "m": 4.0, "r": 8.0}

MOST_PODS = 110
"""Pods per node of EKS Auto Mode, from which the reserve of memory follows."""

RESERVED_MEMORY_GIB = (255 + 11 * MOST_PODS + 100) / 1024
"""Memory of a node that no pod gets: the kubelet's reserve, and the threshold of eviction.

Source: awslabs/amazon-eks-ami, pull request 367 (255 MiB, and 11 MiB for each possible pod).
"""

_CPU_RESERVES = ((1, 0.06), (1, 0.01), (2, 0.005), (math.inf, 0.0025))
"""Numbers of CPUs, and the share of each that the kubelet reserves (the same source)."""

_BINARY = {"": 1.0, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_SUFFIXES = {**_BINARY, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Requests:
    """Requests of pods: CPUs, and memory in GiB."""

    cpus: float = 0.0
    gib: float = 0.0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(self.cpus + other.cpus, self.gib + other.gib)

    def times(self, count: float) -> "Requests":
        """Return the requests of `count` such pods."""
        return Requests(self.cpus * count, self.gib * count)


@dataclass(frozen=True)
class Nodes:
    """Nodes of a pool: their number, instance type, and disk in GiB. `reason` explains the number."""

    count: int
    instance: str
    disk_gib: float
    reason: str


def plan(resources: Iterable[Resource], scaling: float, table: PriceTable, region: str) -> Nodes | None:
    """Return the cheapest nodes for the pods of a stack; None without a pool, or if no type has a price.

    All nodes are of one type; the largest pod and the sum of the requests have to fit. A Deployment that
    spreads over zones with DoNotSchedule needs a node in as many zones as it has pods, at most all of them.
    """
    resources = [*resources]
    pool = next((resource for resource in resources if resource.type == POOL), None)
    if pool is None:
        return None
    node_class = next((resource for resource in resources if resource.type == NODE_CLASS), None)
    zones = len(value_at(node_class.values, "spec.subnetSelectorTerms") or ()) if node_class else 1
    disk = quantity(value_at(node_class.values, "spec.ephemeralStorage.size") or "80Gi") if node_class else 0
    pods, largest, on_each_node, spread, names = Requests(), Requests(), Requests(), 1, list[str]()
    for resource in resources:
        if resource.type == DEPLOYMENT:
            count = _replicas(resource, resources, scaling)
            pod = _pod_requests(value_at(resource.values, "spec.template.spec"))
            pods += pod.times(count)
            largest = Requests(max(largest.cpus, pod.cpus), max(largest.gib, pod.gib))
            names.append(f"{count} {resource.name}")
            if _spreads_over_zones(resource):
                spread = max(spread, min(zones, count))
        if resource.type == RELEASE:
            on_each_node += _agent_requests(resource)
            agents = int(value_at(resource.values, "values.clusterAgent.replicas") or 0)
            pods += _requests(value_at(resource.values, "values.clusterAgent.resources")).times(agents)
    fitting = list[tuple[float, int, str]]()
    for instance in _instances(table, region, _values(pool, "kubernetes.io/arch")):
        count = _count(instance, pods, largest, on_each_node)
        month = _month(instance, table, region)
        if count and month is not None:
            fitting.append((max(count, spread) * month, max(count, spread), instance))
    if not fitting:
        return None
    _, count, instance = min(fitting)
    reason = f"{', '.join(names)} request {pods.cpus:g} CPUs and {pods.gib:g} GiB, in {spread} zones"
    return Nodes(count, instance, disk / 2**30, reason)


def cheapest(table: PriceTable, region: str) -> str:
    """Return the cheapest instance type with a price in a region, or an empty string without any."""
    months = {name: _month(name, table, region) for name in _instances(table, region, ())}
    return min(
        (name for name, month in months.items() if month), key=lambda name: months[name] or 0, default=""
    )


def quantity(value: Any) -> float:
    """Return a quantity of Kubernetes as a number: `100m` as 0.1, `2Gi` as 2^31; 0 for anything else."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", f"{value}")
    return float(match[1]) * _SUFFIXES.get(match[2], 0.0) if match else 0.0


def cpus_of(instance: str) -> float:
    """Return the vCPUs of an instance type such as `c6i.large`."""
    return _SIZES[instance.partition(".")[2]]


def _memory_of(instance: str) -> float:
    return cpus_of(instance) * _MEMORY_PER_CPU[instance[0]]


def _instances(table: PriceTable, region: str, architectures: Iterable[str]) -> Iterator[str]:
    """Yield the instance types with a price in a region that have one of the architectures, or any."""
    wanted = {*architectures} or {"amd64", "arm64"}
    for price in table.prices:
        kind, _, instance = price.name.partition(" ")
        family = instance.partition(".")[0]
        architecture = "arm64" if family.endswith("g") else "amd64"
        if kind == "instance" and price.region == region and architecture in wanted:
            yield instance


def _month(instance: str, table: PriceTable, region: str) -> float | None:
    """Return the price of a node with the fee of Auto Mode, or None if one of them is not in the table."""
    parts = [table.find(f"{kind} {instance}", region) for kind in ("instance", "Auto Mode")]
    return sum(part.month for part in parts if part) if all(parts) else None


def _count(instance: str, pods: Requests, largest: Requests, on_each_node: Requests) -> int:
    """Return the number of nodes that the pods need, or 0 if a node has no room for the largest of them."""
    rest, reserved = cpus_of(instance), 0.0
    for cpus, share in _CPU_RESERVES:
        reserved += min(rest, cpus) * share
        rest -= min(rest, cpus)
    free_cpus = cpus_of(instance) - reserved - on_each_node.cpus
    free_gib = _memory_of(instance) - RESERVED_MEMORY_GIB - on_each_node.gib
    if free_cpus < max(largest.cpus, 0.001) or free_gib < max(largest.gib, 0.001):
        return 0
    return max(1, math.ceil(pods.cpus / free_cpus), math.ceil(pods.gib / free_gib))


def _values(pool: Resource, key: str) -> list[str]:
    """Return the values that a pool requires for a label; empty without such a requirement."""
    requirements = value_at(pool.values, "spec.template.spec.requirements")
    for requirement in requirements if is_list(requirements) else ():
        if requirement.get("key") == key and requirement.get("operator") == "In":
            return requirement["values"]
    return []


def _replicas(deployment: Resource, resources: Iterable[Resource], scaling: float) -> int:
    """Return the number of pods of a Deployment, between the limits of its autoscaler if it has one."""
    names = [value_at(deployment.values, f"metadata.{field}") for field in ("namespace", "name")]
    for other in resources:
        if other.type != AUTOSCALER:
            continue
        target = (
            value_at(other.values, "metadata.namespace"),
            value_at(other.values, "spec.scaleTargetRef.name"),
        )
        if [*target] == names:
            fewest = float(value_at(other.values, "spec.minReplicas") or 1)
            most = float(value_at(other.values, "spec.maxReplicas") or fewest)
            return math.ceil(fewest + scaling * (most - fewest))
    replicas = value_at(deployment.values, "spec.replicas")
    return 1 if replicas is None else int(replicas)


def _pod_requests(spec: Any) -> Requests:
    """Return the requests of a pod: those of its containers, or of an init container if that has more."""
    if not is_map(spec):
        return Requests()
    together = Requests()
    for container in spec.get("containers") or ():
        together += _requests(container.get("resources"))
    before = [_requests(container.get("resources")) for container in spec.get("initContainers") or ()]
    return Requests(
        max([together.cpus, *(requests.cpus for requests in before)]),
        max([together.gib, *(requests.gib for requests in before)]),
    )


def _requests(resources: Any) -> Requests:
    requests = value_at(resources, "requests") if is_map(resources) else None
    if not is_map(requests):
        return Requests()
    return Requests(quantity(requests.get("cpu", 0)), quantity(requests.get("memory", 0)) / 2**30)


def _agent_requests(release: Resource) -> Requests:
    """Return the requests of the Datadog agent, which runs on every node, from the values of its chart."""
    containers = value_at(release.values, "values.agents.containers")
    together = Requests()
    for name, container in containers.items() if is_map(containers) else ():
        if name != "initContainers":
            together += _requests(value_at(container, "resources"))
    return together


def _spreads_over_zones(deployment: Resource) -> bool:
    constraints = value_at(deployment.values, "spec.template.spec.topologySpreadConstraints")
    return any(
        constraint.get("topologyKey") == ZONE and constraint.get("whenUnsatisfiable") == "DoNotSchedule"
        for constraint in (constraints if is_list(constraints) else ())
    )

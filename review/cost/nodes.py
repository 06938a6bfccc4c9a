"""Nodes that the pods of a stack need, by the pods' requests."""

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from review.cost.price_table import PriceTable
from review.plain_data import is_list, is_map, value_at
from review.stacks.resources import Resource
from sandbox.providers.kubernetes import quantities
from sandbox.summary import LATER, MASK

POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
NODE_CLASS_KIND = {"group": "eks.amazonaws.com", "kind": "NodeClass"}
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
RELEASE = "kubernetes:helm.sh/v3:Release"
LIMIT_RANGE = "kubernetes:core/v1:LimitRange"

ZONE = "topology.kubernetes.io/zone"

CAPACITY = "karpenter.sh/capacity-type"
GENERATION, CPUS = "eks.amazonaws.com/instance-generation", "eks.amazonaws.com/instance-cpu"
NUMBERS = (GENERATION, CPUS)
"""Labels with which a requirement may compare a number (Gt, Lt)."""

UNKNOWN_PODS = ("affinity", "nodeSelector", "overhead", "resources", "runtimeClassName", "schedulingGates")
"""Fields of a pod that decide about its nodes, and whose effect is not computed."""

UNKNOWN_NAMES = (None, LATER, MASK)
"""Names that an object may have in place of one that is not known."""

_COMPUTED_REQUESTS = ("cpu", "memory", "ephemeral-storage")

_DEFAULTS = ("default", "defaultRequest", "max", "min")
"""Fields of a limit range from which a container without a request gets one.

Source: Kubernetes, pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem) and the admission plugin
LimitRanger.
"""

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


DISK_PART, RESERVED_DISK_GIB = 0.9, 1.0
"""Share of a node's disk up to which the kubelet does not evict pods (nodefs.available: 10%), and the rest of
it that no pod gets. Source: awslabs/amazon-eks-ami, nodeadm/internal/kubelet/config.go (EvictionHard,
withDefaultReservedResources).
"""

DEFAULT_DISK_GIB = 80.0
"""Size of a node's disk of a class without a size (EKS user guide, node class, ephemeralStorage)."""


@dataclass(frozen=True)
class Requests:
    """Requests of pods: CPUs, memory and disk in GiB, and the number of the pods themselves."""

    cpus: float = 0.0
    gib: float = 0.0
    disk_gib: float = 0.0
    pods: float = 0.0

    def __add__(self, other: "Requests") -> "Requests":
        return self._with(other, operator.add)

    def __sub__(self, other: "Requests") -> "Requests":
        return self._with(other, operator.sub)

    def or_more(self, other: "Requests") -> "Requests":
        """Return the larger requests of both."""
        return self._with(other, max)

    def times(self, count: float) -> "Requests":
        """Return the requests of `count` such pods."""
        return Requests(*(count * amount if count else 0.0 for amount in self.amounts))

    @property
    def amounts(self) -> tuple[float, float, float, float]:
        """The requests in the order of the fields."""
        return self.cpus, self.gib, self.disk_gib, self.pods

    def _with(self, other: "Requests", compute: Callable[[float, float], float]) -> "Requests":
        return Requests(*map(compute, self.amounts, other.amounts))


POD = Requests(pods=1)
LEAST = Requests(0.001, 0.001, 0.001, 1)
"""What a node has free for a pod that requests nothing."""
UNKNOWN = Requests(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Nodes:
    """Nodes of a pool: their number, instance type, and disk in GiB. `reason` explains the number."""

    count: int
    instance: str
    disk_gib: float
    reason: str


def plan(resources: Iterable[Resource], scaling: float, table: PriceTable, region: str) -> Nodes | None:
    """Return the cheapest nodes for the pods of a stack; None without a pool, or if no type has a price.

    The result is also None for several pools or node classes, for a pool with a class that the stack does not
    have, for a Deployment whose number of pods is not known, for pods that may get requests from a limit
    range, and for requirements of the pool or of pods whose effect is not computed: another type has another
    price.

    All nodes are of one type. There are so many that the sum of all requests fits, and that the pods of each
    Deployment fit, of which a node has whole ones. A Deployment that spreads over zones with DoNotSchedule
    needs a node in as many zones as it has pods, at most all of them.
    """
    resources = [*resources]
    pools = [resource for resource in resources if resource.type == POOL]
    classes = [resource for resource in resources if resource.type == NODE_CLASS]
    if len(pools) != 1 or len(classes) != 1 or not _is_class_of(pools[0], classes[0]):
        return None
    if value_at(pools[0].values, "spec.replicas") is not None:
        return None
    instances = _admitted(pools[0], _instances(table, region))
    node_class = classes[0].values
    subnets = value_at(node_class, "spec.subnetSelectorTerms")
    if subnets and not is_list(subnets):
        return None
    zones = len(subnets or ())
    size = value_at(node_class, "spec.ephemeralStorage.size")
    disk = quantity(size or DEFAULT_DISK_GIB * 2**30)
    pods, on_each_node, spread, names = list[tuple[float, Requests]](), Requests(), 1, list[str]()
    for resource in resources:
        if resource.type == DEPLOYMENT:
            count = _replicas(resource, resources, scaling)
            spec = value_at(resource.values, "spec.template.spec")
            is_hidden = any(value_at(resource.values, path) == LATER for path in ("spec", "spec.template"))
            if count is None or is_hidden or not _is_computed(spec):
                return None
            if any(_default_requests(spec, _namespace(resource), resources)):
                return None
            pods.append((count, _pod_requests(spec)))
            names.append(f"{count} {resource.name}")
            if _spreads_over_zones(resource):
                spread = max(spread, min(zones, count))
        if resource.type == RELEASE:
            on_each_node += _agent_requests(resource)
            agents = number(value_at(resource.values, "values.clusterAgent.replicas") or 0)
            # The chart has containers that its values do not name.
            if agents is None or not math.isfinite(agents) or any(_defaults(_namespace(resource), resources)):
                return None
            agent = value_at(resource.values, "values.clusterAgent.resources") if agents else None
            pods.append((agents, POD + _requests(agent)))
    if disk is None:
        return None
    fitting = list[tuple[float, int, str]]()
    for instance in instances:
        count = _count(_room(instance, disk / 2**30) - on_each_node, pods)
        month = _month(instance, table, region)
        if count and month is not None:
            fitting.append((max(count, spread) * month, max(count, spread), instance))
    if not fitting:
        return None
    _, count, instance = min(fitting)
    requests = _together(pods)
    reason = f"{', '.join(names)} request {requests.cpus:g} CPUs and {requests.gib:g} GiB, in {spread} zones"
    return Nodes(count, instance, disk / 2**30, reason)


def _is_class_of(pool: Resource, node_class: Resource) -> bool:
    """Return True if a pool names a node class.

    A pool may also have EKS's own class, `default`, or one of another stack, whose disks and zones are not
    known (EKS user guide, "Create a node pool for EKS Auto Mode": nodeClassRef).
    """
    name = value_at(node_class.values, "metadata.name")
    reference = value_at(pool.values, "spec.template.spec.nodeClassRef")
    return name not in UNKNOWN_NAMES and reference == {**NODE_CLASS_KIND, "name": name}


JOBS = {"kubernetes:batch/v1:Job": "spec", "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec"}
"""The types of jobs, each with the path of its pods."""

RUNS = (
    "schedule",
    "suspend",
    "concurrencyPolicy",
    "parallelism",
    "completions",
    "backoffLimit",
    "podFailurePolicy",
    "activeDeadlineSeconds",
)
"""Fields of a job that decide, with its pods, how long it needs how many nodes."""

POD_RUNS = ("restartPolicy", "topologySpreadConstraints")
"""Fields of a pod that decide as well: how often it starts again, and how many nodes its pods need."""


def job_sizes(resources: Iterable[Resource]) -> dict[str, str]:
    """Return what decides on the node hours of each job, by its URN.

    The estimate assumes these hours, since no input has the duration of a job.
    """
    sizes, resources = dict[str, str](), [*resources]
    for resource in resources:
        if path := JOBS.get(resource.type):
            specs = value_at(resource.values, "spec"), value_at(resource.values, path)
            runs = [value_at(spec, field) for spec in specs for field in RUNS]
            pod = value_at(resource.values, f"{path}.template.spec")
            runs += [value_at(pod, field) for field in POD_RUNS]
            defaults = [*_default_requests(pod, _namespace(resource), resources)]
            requests = _pod_requests(pod), [*_other_amounts(pod)]
            sizes[resource.urn] = repr((runs, requests, _is_computed(pod), defaults))
    return sizes


def cheapest(table: PriceTable, region: str) -> str:
    """Return the cheapest instance type with a price in a region, or an empty string without any."""
    months = {name: _month(name, table, region) for name in _instances(table, region)}
    return min(
        (name for name, month in months.items() if month), key=lambda name: months[name] or 0, default=""
    )


def quantity(value: Any) -> float | None:
    """Return a quantity of Kubernetes as a number: `100m` as 0.1, `2Gi` as 2^31; None for anything else."""
    number = quantities.parse(value)
    return None if number is None or number < 0 else float(number)


def number(value: Any) -> float | None:
    """Return a number in an input, which may also be a text; None if it is unknown, secret or no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def cpus_of(instance: str) -> float:
    """Return the vCPUs of an instance type such as `c6i.large`."""
    return _SIZES[instance.partition(".")[2]]


def _memory_of(instance: str) -> float:
    return cpus_of(instance) * _MEMORY_PER_CPU[instance[0]]


def _instances(table: PriceTable, region: str) -> Iterator[str]:
    """Yield the instance types with a price in a region."""
    for price in table.prices:
        kind, _, instance = price.name.partition(" ")
        if kind == "instance" and price.region == region:
            yield instance


def _labels(instance: str) -> dict[str, str]:
    """Return the labels of a node of a type such as `c6i.large` (EKS user guide, create-node-pool)."""
    family = instance.partition(".")[0]
    return {
        CAPACITY: "on-demand",
        "kubernetes.io/arch": "arm64" if family.endswith("g") else "amd64",
        "eks.amazonaws.com/instance-category": family[0],
        "eks.amazonaws.com/instance-family": family,
        GENERATION: family[1],
        CPUS: f"{cpus_of(instance):g}",
    }


def _admitted(pool: Resource, instances: Iterable[str]) -> list[str]:
    """Return the instance types that a pool may launch; none if the effect of a requirement is unknown."""
    requirements = value_at(pool.values, "spec.template.spec.requirements") or ()
    if requirements and not (is_list(requirements) and all(map(_is_known, requirements))):
        return []
    return [
        instance
        for instance in instances
        if all(_admits(requirement, _labels(instance)) for requirement in requirements)
    ]


def _is_known(requirement: Any) -> bool:
    """Return True if the effect of a pool's requirement on the price is computed.

    Instances of EC2 Spot, for which Karpenter prefers a pool that allows them, have no price.
    """
    if not is_map(requirement) or not is_list(requirement.get("values")):
        return False
    key, values = requirement.get("key"), requirement["values"]
    if not isinstance(key, str):
        return False
    if key == CAPACITY:
        return requirement.get("operator") == "In" and values == ["on-demand"]
    if requirement.get("operator") in ("Gt", "Lt"):
        return key in NUMBERS and len(values) == 1 and f"{values[0]}".isdecimal()
    return key in _labels("c6i.large") and requirement.get("operator") in ("In", "NotIn")


def _admits(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return True if nodes with these labels meet a pool's requirement (Karpenter, NodePools)."""
    label, values = labels[requirement["key"]], [f"{value}" for value in requirement["values"]]
    match requirement["operator"]:
        case "Gt":
            return int(label) > int(values[0])
        case "Lt":
            return int(label) < int(values[0])
        case "NotIn":
            return label not in values
        case _:
            return label in values


def _month(instance: str, table: PriceTable, region: str) -> float | None:
    """Return the price of a node with the fee of Auto Mode, or None if one of them is not in the table."""
    parts = [table.find(f"{kind} {instance}", region) for kind in ("instance", "Auto Mode")]
    return sum(part.month for part in parts if part) if all(parts) else None


def _room(instance: str, disk_gib: float) -> Requests:
    """Return what all pods of a node with this disk may request together."""
    rest, reserved = cpus_of(instance), 0.0
    for cpus, share in _CPU_RESERVES:
        reserved += min(rest, cpus) * share
        rest -= min(rest, cpus)
    gib = _memory_of(instance) - RESERVED_MEMORY_GIB
    return Requests(cpus_of(instance) - reserved, gib, disk_gib * DISK_PART - RESERVED_DISK_GIB, MOST_PODS)


ROUNDING = 1e-9
"""Share of a pod that the sums of requests may be too large, since they are binary fractions."""


def _count(room: Requests, pods: Sequence[tuple[float, Requests]]) -> int:
    """Return the number of nodes that the pods need, or 0 if a node has no room for one of them.

    `pods` has the requests of each kind of pod, after the number of such pods.
    """
    fewest = 1
    for count, pod in pods:
        fitting = min(
            math.floor(max(free, 0.0) / amount + ROUNDING)
            for free, amount in zip(room.amounts, pod.or_more(LEAST).amounts, strict=True)
        )
        if not fitting:
            return 0
        fewest = max(fewest, math.ceil(count / fitting))
    together = zip(_together(pods).amounts, room.amounts, strict=True)
    return max(fewest, *(math.ceil(amount / free) for amount, free in together))


def _together(pods: Iterable[tuple[float, Requests]]) -> Requests:
    return sum((pod.times(count) for count, pod in pods), Requests())


def _replicas(deployment: Resource, resources: Iterable[Resource], scaling: float) -> int | None:
    """Return the number of pods of a Deployment, between the limits of its autoscaler if it has one.

    The result is None if a number is unknown, and if it is not known which autoscaler decides: there are
    several, or one side has no namespace, so that the settings of its provider name it.
    """
    scalers = [other for other in resources if other.type == AUTOSCALER and _may_scale(other, deployment)]
    if not scalers:
        replicas = value_at(deployment.values, "spec.replicas")
        return _whole(number(1 if replicas is None else replicas))
    if len(scalers) > 1 or any(name != other for name, other in _target_names(scalers[0], deployment)):
        return None
    fewest = number(value_at(scalers[0].values, "spec.minReplicas") or 1)
    most = number(value_at(scalers[0].values, "spec.maxReplicas") or fewest)
    return None if fewest is None or most is None else _whole(fewest + scaling * (most - fewest))


def _whole(count: float | None) -> int | None:
    return None if count is None or not math.isfinite(count) else math.ceil(count)


def _may_scale(scaler: Resource, deployment: Resource) -> bool:
    """Return True if an autoscaler may set the number of pods of a Deployment."""
    return all(_may_be_equal(name, other) for name, other in _target_names(scaler, deployment))


def _target_names(scaler: Resource, deployment: Resource) -> list[tuple[Any, Any]]:
    """Return the names that identify the target of an autoscaler, each beside that of a Deployment."""
    target, metadata = (
        value_at(side.values, path)
        for side, path in ((scaler, "spec.scaleTargetRef"), (deployment, "metadata"))
    )
    return [
        (value_at(target, "kind"), "Deployment"),
        (str(value_at(target, "apiVersion")).partition("/")[0], "apps"),
        (value_at(target, "name"), value_at(metadata, "name")),
        (value_at(scaler.values, "metadata.namespace"), value_at(metadata, "namespace")),
    ]


def _is_computed(spec: Any) -> bool:
    """Return True if only its requests of CPUs and memory choose the nodes of a pod."""
    if not is_map(spec):
        return spec is None
    lists: list[Any] = [
        spec.get(name) or [] for name in ("containers", "initContainers", "topologySpreadConstraints")
    ]
    if not all(is_list(items) and all(map(is_map, items)) for items in lists):
        return False
    if any(spec.get(field) for field in UNKNOWN_PODS):
        return False
    # A spread over nodes, other than one over zones, demands a node for each pod.
    if any(constraint.get("topologyKey") != ZONE for constraint in _demands(spec)):
        return False
    return not any(_other_amounts(spec))


def _other_amounts(spec: Any) -> Iterator[tuple[str, Any]]:
    """Yield the requests and limits of a pod's containers whose effect is not computed, such as of GPUs."""
    for container in (*_containers(spec, "containers"), *_containers(spec, "initContainers")):
        for field in ("requests", "limits"):
            amounts = value_at(container, f"resources.{field}")
            if is_map(amounts):
                yield from ((name, amounts[name]) for name in amounts if name not in _COMPUTED_REQUESTS)


def _default_requests(spec: Any, namespace: Any, resources: Iterable[Resource]) -> Iterator[Any]:
    """Yield what may set a request that a container of a pod does not have."""
    containers = [*_containers(spec, "containers"), *_containers(spec, "initContainers")]
    for name, default in _defaults(namespace, resources):
        for container in containers:
            requests = [value_at(container, f"resources.{field}") for field in ("requests", "limits")]
            if name is None or not any(is_map(amounts) and name in amounts for amounts in requests):
                yield name, default


def _defaults(namespace: Any, resources: Iterable[Resource]) -> Iterator[tuple[str | None, Any]]:
    """Yield the requests of the limit ranges of a namespace for containers without such a request.

    The name of a request is None for what is unknown.
    """
    for limit_range in resources:
        if limit_range.type != LIMIT_RANGE or not _may_be_equal(_namespace(limit_range), namespace):
            continue
        items = value_at(limit_range.values, "spec.limits")
        for item in items if is_list(items) else [items]:
            kind = value_at(item, "type")
            if kind != "Container" and kind not in UNKNOWN_NAMES:
                continue
            for field in _DEFAULTS:
                amounts = value_at(item, field)
                if is_map(amounts):
                    yield from amounts.items()
                elif amounts is not None or not is_map(item):
                    yield None, amounts


def _namespace(resource: Resource) -> Any:
    """Return the namespace of an object or of a release; None if its provider decides."""
    path = "namespace" if resource.type == RELEASE else "metadata.namespace"
    return value_at(resource.values, path)


def _may_be_equal(name: Any, other: Any) -> bool:
    return name == other or name in UNKNOWN_NAMES or other in UNKNOWN_NAMES


def _containers(spec: Any, field: str) -> list[dict[str, Any]]:
    """Return the containers of a pod in a field; none for a value that is unknown."""
    containers = value_at(spec, field)
    return [*filter(is_map, containers)] if is_list(containers) else []


def _pod_requests(spec: Any) -> Requests:
    """Return the requests of a pod: those of its containers, or of an init container if that has more."""
    if not is_map(spec):
        return POD
    requests = Requests()
    for container in _containers(spec, "containers"):
        requests += _requests(container.get("resources"))
    for container in _containers(spec, "initContainers"):
        requests = requests.or_more(_requests(container.get("resources")))
    return POD + requests


def _requests(resources: Any) -> Requests:
    """Return the requests of a container; Kubernetes takes a limit for a request that is not set.

    No node has room for a request that is no quantity, such as one that is unknown.
    """
    requests: dict[str, Any] = {}
    for field in ("limits", "requests"):
        amounts = resources.get(field) if is_map(resources) else resources
        if amounts and not is_map(amounts):
            return UNKNOWN
        requests |= amounts or {}
    amounts = [quantity(requests.get(name, 0)) for name in _COMPUTED_REQUESTS]
    cpus, memory, disk = (math.inf if amount is None else amount for amount in amounts)
    return Requests(cpus, memory / 2**30, disk / 2**30)


def _agent_requests(release: Resource) -> Requests:
    """Return the requests of the Datadog agent, which runs on every node, from the values of its chart."""
    containers = value_at(release.values, "values.agents.containers")
    if containers and not is_map(containers):
        return UNKNOWN
    together = POD
    for name, container in containers.items() if is_map(containers) else ():
        if name != "initContainers":
            together += _requests(value_at(container, "resources"))
    return together


def _spreads_over_zones(deployment: Resource) -> bool:
    spec = value_at(deployment.values, "spec.template.spec")
    return any(constraint.get("topologyKey") == ZONE for constraint in _demands(spec))


def _demands(spec: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the constraints on the spread of a pod that the scheduler has to meet."""
    constraints = value_at(spec, "topologySpreadConstraints")
    for constraint in constraints if is_list(constraints) else ():
        if is_map(constraint) and constraint.get("whenUnsatisfiable") == "DoNotSchedule":
            yield constraint

"""Rules on replicas, disruption budgets, spreading and network policies of workloads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Verdicts,
    cached,
    disallowed,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.checks import check_each_object, check_each_pod
from policies.model.kubernetes.label_selectors import Index, Selectors, labels_of, selects
from policies.model.kubernetes.pods import DECLARED, Object, Pod, objects
from policies.model.networks import is_world
from policies.model.property_values import Value


def _types(*kinds: str) -> tuple[str, ...]:
    """Return the types of these kinds, and of their lists."""
    return tuple(f"kubernetes:{kind}{variant}" for kind in kinds for variant in ("", "List"))


DEPLOYMENTS = _types("apps/v1:Deployment")
REPLICATED = (*DEPLOYMENTS, *_types("apps/v1:StatefulSet"))
SCALERS = _types(*(f"autoscaling/{version}:HorizontalPodAutoscaler" for version in ("v1", "v2", "v2beta2")))
BUDGETS = _types("policy/v1:PodDisruptionBudget", "policy/v1beta1:PodDisruptionBudget")
NETWORKS = _types("networking.k8s.io/v1:NetworkPolicy")


def _values(stack: Stack, kinds: Iterable[str]) -> Iterator[Value]:
    return (item.value for resource in stack.of(kinds) for item in objects(resource))


@dataclass
class _Scalers:
    """The autoscalers, by the kind and name of their target, or by its URN while they are unknown."""

    by_name: Index[Value] = field(default_factory=Index[Value])
    by_urn: dict[str, Value] = field(default_factory=dict[str, Value])

    def of(self, resource: Resource, item: Object) -> Value | None:
        name = item.value.at("metadata.name")
        text = name.text() if name.known else None
        named = self.by_name.at(item.value, (item.kind, text)) if text else ()
        return named[0] if named else self.by_urn.get(resource.urn)


@cached
def _scalers(stack: Stack) -> _Scalers:
    scalers = _Scalers()
    for resource in stack.of(SCALERS):
        for item in objects(resource):
            target = item.value.at("spec.scaleTargetRef")
            kind, name = target["kind"], target["name"]
            if kind.known and name.known:
                scalers.by_name.add(item.value, [(kind.text() or "", name.text())], item.value)
                continue
            for urn in resource.property_dependencies.get("spec", ()):
                scalers.by_urn[urn] = item.value
    return scalers


def _replicas(stack: Stack, resource: Resource, item: Object) -> tuple[Value, int]:
    """Return the property with the number of replicas, or with an autoscaler's minimum, and its value."""
    scaler = _scalers(stack).of(resource, item)
    value = item.value.at("spec.replicas") if scaler is None else scaler.at("spec.minReplicas")
    number = value.number()
    return value, 1 if number is None else int(number)


@WORKLOADS.stack_rule(
    "workload-too-few-replicas",
    about=DEPLOYMENTS,
    severity=Severity.MEDIUM,
    controls=("kube-linter minimum-three-replicas", "Guide: replicas"),
    remediation="Raise replicas, or minReplicas of the autoscaler.",
    options={
        "minimum": Option(
            default=2,
            schema={
                "type": "integer",
                "minimum": 1,
                "description": "The minimum number of replicas of a Deployment.",
            },
        )
    },
)
def replicas(stack: Stack, options: Options) -> Verdicts:
    """Require enough replicas for a Deployment to survive the loss of one replica."""

    def check(resource: Resource, item: Object) -> Verdicts:
        value, least = _replicas(stack, resource, item)
        if least < options["minimum"]:
            yield resource.attach(expected(value, f"{options['minimum']} or more"))

    yield from check_each_object(stack, DEPLOYMENTS, check)


def _unselected(resource: Resource, labels: Value, kind: str) -> Finding:
    shown = f"{labels.shown()}, which no {kind} selects"
    return Finding(labels.path, shown, "add one", urn=resource.urn)


@WORKLOADS.stack_rule(
    "workload-disruption-budget-missing",
    about=(*REPLICATED, *BUDGETS),
    severity=Severity.MEDIUM,
    controls=(
        "kube-linter no-pod-disruption-budget",
        "kube-linter pdb-max-unavailable",
        "kube-linter pdb-min-available",
    ),
    remediation="Add a PodDisruptionBudget that selects the pods and lets at least one of them be evicted.",
    url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
def disruption_budget(stack: Stack, _: Options) -> Verdicts:
    """Require for every replicated workload one PodDisruptionBudget that allows evictions and keeps a pod."""
    # A budget without a selector selects no pod.
    declared = (budget for budget in _values(stack, BUDGETS) if not _is_absent(budget.at("spec.selector")))
    budgets = Selectors(declared, "spec.selector")
    limited: set[int] = set()
    """The identities of the limits that were compared with the number of a workload's pods."""

    def check(resource: Resource, item: Object) -> Verdicts:
        _, least = _replicas(stack, resource, item)
        labels = item.value.at("spec.template.metadata.labels")
        selecting = list(budgets.of(item.value, labels_of(labels))) if least > 0 else []
        if least > 1 and not selecting:
            yield _unselected(resource, labels, "PodDisruptionBudget")
        for budget in selecting:
            limit = _limit(budget)
            limited.add(id(limit))
            evicted = _evicted(limit, least)
            if evicted <= 0 or (least > 1 and evicted >= least):
                shown = f"{limit.shown()} in the PodDisruptionBudget"
                keeps = "keep at least one pod and " * (least > 1)
                yield Finding(
                    limit.path, shown, f"let it {keeps}allow at least one eviction", urn=resource.urn
                )
        if len(selecting) > 1:
            # The API then refuses every eviction (Kubernetes docs, disruptions, "Pod disruption budgets").
            shown = f"{labels.shown()}, which {len(selecting)} PodDisruptionBudgets select"
            yield Finding(labels.path, shown, "keep one of them", urn=resource.urn)

    yield from check_each_object(stack, REPLICATED, check)

    def forbids_evictions(resource: Resource, item: Object) -> Verdicts:
        limit = _limit(item.value)
        if id(limit) not in limited and _evicted(limit, _MANY_PODS) <= 0:
            yield resource.attach(disallowed(limit, "allow at least one eviction"))

    yield from check_each_object(stack, BUDGETS, forbids_evictions)


_MANY_PODS = 1_000_000_000
"""A number of pods above every number in a budget, so that only limits for all pods remain."""


def _is_absent(value: Value) -> bool:
    return value.known and value.absent


def _limit(budget: Value) -> Value:
    """Return the limit of a budget; without a limit, all pods may be evicted."""
    least = budget.at("spec.minAvailable")
    return budget.at("spec.maxUnavailable") if least.absent else least


def _evicted(limit: Value, pods: int) -> int:
    """Return the number of pods that may be evicted at once; percentages round up, as in the controller."""
    text = limit.text() or ""
    part = Value(text.removesuffix("%")).number() if text.endswith("%") else None
    number = limit.number() if part is None else ceil(part * pods / 100)
    if number is None:
        return pods
    return int(number) if limit.path.endswith("maxUnavailable") else pods - int(number)


@WORKLOADS.stack_rule(
    "workload-not-spread",
    about=REPLICATED,
    severity=Severity.LOW,
    controls=("kube-linter no-anti-affinity",),
    remediation="Add topologySpreadConstraints over topology.kubernetes.io/zone, or a pod anti-affinity.",
    url="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
)
def spread(stack: Stack, _: Options) -> Verdicts:
    """Require a spread constraint or an anti-affinity that selects the pods of every replicated workload."""

    def check(resource: Resource, item: Object) -> Verdicts:
        _, least = _replicas(stack, resource, item)
        spec = item.value.at("spec.template.spec")
        constraints, affinity = spec["topologySpreadConstraints"], spec.at("affinity.podAntiAffinity")
        if least > 1 and not any(_separates(term, item.value) for term in _terms(constraints, affinity)):
            wanted = "a constraint over topology.kubernetes.io/zone whose labelSelector selects the pods"
            yield resource.attach(expected(constraints, wanted))

    yield from check_each_object(stack, REPLICATED, check)


def _terms(constraints: Value, affinity: Value) -> Iterator[Value]:
    """Yield the terms that keep pods apart: spread constraints, and required and preferred anti-affinity."""
    yield from constraints.items()
    yield from affinity["requiredDuringSchedulingIgnoredDuringExecution"].items()
    for preferred in affinity["preferredDuringSchedulingIgnoredDuringExecution"].items():
        yield preferred["podAffinityTerm"]


def _separates(term: Value, workload: Value) -> bool:
    """Return True if a term keeps the pods of a workload apart from each other.

    A term without a selector matches no pod. An anti-affinity term applies to the pod's own namespace, unless
    it names others (Kubernetes API reference v1.34, TopologySpreadConstraint and PodAffinityTerm).
    """
    labels = labels_of(workload.at("spec.template.metadata.labels"))
    selector, namespaces = term["labelSelector"], term["namespaces"].texts()
    if selector.absent or not selects(selector, labels):
        return False
    if namespaces and term["namespaceSelector"].absent:
        return workload.at("metadata.namespace").text() in namespaces
    return labels.keys().isdisjoint(term["mismatchLabelKeys"].texts())


@WORKLOADS.stack_rule(
    "workload-network-policy-missing",
    about=DECLARED,
    severity=Severity.MEDIUM,
    controls=("CKV2_K8S_6", "CIS Kubernetes 5.3.2"),
    remediation="Add a NetworkPolicy that selects the pods; an empty podSelector selects all pods.",
    url="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def network_policy(stack: Stack, _: Options) -> Verdicts:
    """Require a NetworkPolicy that restricts the incoming traffic of every pod."""
    policies = Selectors(_values(stack, NETWORKS), "spec.podSelector")

    def check(resource: Resource, pod: Pod) -> Verdicts:
        labels = pod.metadata["labels"]
        selecting = list(policies.of(pod.owner, labels_of(labels)))
        if not selecting:
            yield _unselected(resource, labels, "NetworkPolicy")
        elif not any(map(_isolates, selecting)) or _admit_all(selecting):
            shown = f"{labels.shown()}, whose NetworkPolicies admit all traffic"
            yield Finding(labels.path, shown, "name sources or ports in ingress", urn=resource.urn)

    yield from check_each_pod(stack, check)


def _isolates(policy: Value) -> bool:
    """Return True if a policy denies incoming traffic that no policy allows.

    Without policyTypes, a policy always applies to ingress. The policies of a pod add up (Kubernetes docs,
    concepts/services-networking/network-policies).
    """
    types = policy.at("spec.policyTypes")
    return not types.items() or "Ingress" in types.texts()


def _admit_all(policies: list[Value]) -> bool:
    """Return True if policies together allow traffic from everywhere, or every pod, to half of all ports.

    The rules of all policies add up: each may open other ports, or the same ports to other networks.
    """
    rules = [
        (rule, list(_spans(rule["ports"].items())))
        for policy in policies
        if _isolates(policy)
        for rule in policy.at("spec.ingress").items()
    ]
    if not _is_half(sum(end - first for _, spans in rules for first, end in spans)):
        return False
    edges = sorted({edge for _, spans in rules for span in spans for edge in span})
    opened = 0
    for first, end in pairwise(edges):
        open_here = [rule for rule, spans in rules if any(span[0] <= first < span[1] for span in spans)]
        opened += end - first if _admit_everybody(open_here) else 0
    return _is_half(opened)


def _admit_everybody(rules: list[Value]) -> bool:
    """Return True if rules together name no sources, every pod, or half of the internet."""
    peers = [peer for rule in rules for peer in rule["from"].items()]
    cidrs = [peer.at("ipBlock.cidr").text() or "" for peer in peers]
    return (
        any(not rule["from"].items() for rule in rules)
        or any(map(_selects_all_pods, peers))
        or is_world(*cidrs)
    )


def _spans(ports: list[Value]) -> Iterator[tuple[int, int]]:
    """Yield the first port of each entry and the one after its last, without named ports.

    A rule without ports, or an entry without a port, allows all ports; a named port is only one.
    """
    if not ports:
        yield 1, _PORTS + 1
    for port in ports:
        first, last = port["port"].number(), port["endPort"].number()
        if port["port"].absent:
            yield 1, _PORTS + 1
        elif first is not None:
            yield int(first), max(int(first), int(first if last is None else last)) + 1


def _is_half(number: int) -> bool:
    return 2 * number >= _PORTS


_PORTS = 65535
"""The number of ports of a protocol."""


def _selects_all_pods(peer: Value) -> bool:
    """Return True if a peer selects a pod without labels in a namespace whose name nobody has chosen."""
    namespaces = peer["namespaceSelector"]
    return (
        not namespaces.absent
        and selects(namespaces, {"kubernetes.io/metadata.name": "a-name-that-no-namespace-has"})
        and selects(peer["podSelector"], {})
    )

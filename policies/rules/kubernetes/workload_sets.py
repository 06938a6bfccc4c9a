"""Rules on replicas, disruption budgets, spreading and network policies of workloads."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Verdicts, expected
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.checks import check_each_object
from policies.model.kubernetes.label_selectors import Index, Selectors, labels_of
from policies.model.kubernetes.pods import DECLARED, Object, Pod, objects, pods
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
    """The autoscalers, by the kind and name of their target, and by the URN of the target."""

    by_name: Index[Value] = field(default_factory=Index[Value])
    by_urn: dict[str, Value] = field(default_factory=dict[str, Value])

    def of(self, resource: Resource, item: Object) -> Value | None:
        name = item.value.at("metadata.name")
        text = name.text() if name.known else None
        named = self.by_name.at(item.value, (item.kind, text)) if text else ()
        return named[0] if named else self.by_urn.get(resource.urn)


def _scalers(stack: Stack) -> _Scalers:
    scalers: _Scalers | None = stack.memo.get("scalers")
    if scalers is None:
        scalers = stack.memo["scalers"] = _Scalers()
        for resource in stack.of(SCALERS):
            for item in objects(resource):
                target = item.value.at("spec.scaleTargetRef")
                kind, name = target["kind"], target["name"]
                if kind.known and name.known and (text := kind.text()):
                    scalers.by_name.add(item.value, [(text, name.text())], item.value)
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


def _every_replicated(stack: Stack, check: Callable[[Resource, Value, int], Verdicts]) -> Verdicts:
    """Check every workload with more than one replica separately."""

    def replicated(resource: Resource, item: Object) -> Verdicts:
        _, least = _replicas(stack, resource, item)
        if least > 1:
            yield from check(resource, item.value, least)

    yield from check_each_object(stack, REPLICATED, replicated)


def _unselected(resource: Resource, labels: Value, kind: str) -> Finding:
    shown = f"{labels.shown()}, which no {kind} selects"
    return Finding(labels.path, shown, "add one", urn=resource.urn)


@WORKLOADS.stack_rule(
    "workload-disruption-budget-missing",
    about=REPLICATED,
    severity=Severity.MEDIUM,
    controls=("kube-linter no-pod-disruption-budget",),
    remediation="Add a PodDisruptionBudget that selects the pods and lets at least one of them be evicted.",
    url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
def disruption_budget(stack: Stack, _: Options) -> Verdicts:
    """Require a PodDisruptionBudget for every workload with more than one replica."""
    # A budget without a selector selects no pod.
    declared = (budget for budget in _values(stack, BUDGETS) if not _is_absent(budget.at("spec.selector")))
    budgets = Selectors(declared, "spec.selector")

    def check(resource: Resource, item: Value, least: int) -> Verdicts:
        labels = item.at("spec.template.metadata.labels")
        selecting = list(budgets.of(item, labels_of(labels)))
        if not selecting:
            yield _unselected(resource, labels, "PodDisruptionBudget")
        for budget in selecting:
            limit = _limit(budget)
            if not 0 < _evicted(limit, least) < least:
                shown = f"{limit.shown()} in the PodDisruptionBudget"
                wanted = "let it keep at least one pod and allow at least one eviction"
                yield Finding(limit.path, shown, wanted, urn=resource.urn)

    yield from _every_replicated(stack, check)


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
    """Require the replicas of a workload to be spread over nodes or zones."""

    def check(resource: Resource, item: Value, _: int) -> Verdicts:
        spec = item.at("spec.template.spec")
        constraints = spec["topologySpreadConstraints"]
        if not constraints.items() and not spec.at("affinity.podAntiAffinity").entries():
            yield resource.attach(expected(constraints, "a constraint over topology.kubernetes.io/zone"))

    yield from _every_replicated(stack, check)


@WORKLOADS.stack_rule(
    "workload-network-policy-missing",
    about=DECLARED,
    severity=Severity.MEDIUM,
    controls=("CKV2_K8S_6", "CIS Kubernetes 5.3.2"),
    remediation="Add a NetworkPolicy that selects the pods; an empty podSelector selects all pods.",
    url="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def network_policy(stack: Stack, _: Options) -> Verdicts:
    """Require a NetworkPolicy for every pod."""
    policies = Selectors(_values(stack, NETWORKS), "spec.podSelector")

    def check(resource: Resource, pod: Pod) -> Verdicts:
        labels = pod.metadata["labels"]
        if not any(policies.of(pod.owner, labels_of(labels))):
            yield _unselected(resource, labels, "NetworkPolicy")

    for resource in stack.of(DECLARED):
        yield from guarded(_pods(resource, check), resource.urn)


def _pods(resource: Resource, check: Callable[[Resource, Pod], Verdicts]) -> Verdicts:
    for pod in pods(resource):
        yield from guarded(check(resource, pod), resource.urn)

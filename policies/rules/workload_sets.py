"""Workloads as a set: replicas that spread and survive, Services that reach them, closed networks."""

from collections.abc import Callable, Iterable, Iterator

from pulumi_policy import Severity

from policies.labels import Selectors, labels_of, same_namespace
from policies.pods import POD_SHAPED, Pod, objects, patches, pods
from policies.rule import Finding, Option, Options, Resource, Stack, Unknown, Verdicts, wrong
from policies.rules.checks import guarded
from policies.rules.workloads import WORKLOADS
from policies.unknowns import UnknownValueError, Value

REPLICATED = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet")
SCALERS = tuple(
    f"kubernetes:autoscaling/{version}:HorizontalPodAutoscaler" for version in ("v1", "v2", "v2beta2")
)
BUDGETS = ("kubernetes:policy/v1:PodDisruptionBudget", "kubernetes:policy/v1beta1:PodDisruptionBudget")
NETWORKS = ("kubernetes:networking.k8s.io/v1:NetworkPolicy",)
SERVICES = ("kubernetes:core/v1:Service", "kubernetes:core/v1:ServiceList")


Check = Callable[[Resource, Value], Verdicts]


def _every(stack: Stack, kinds: Iterable[str], check: Check) -> Verdicts:
    """Judges every object of these kinds on its own."""
    for resource in stack.of(kinds):
        yield from guarded(_objects(resource, check), resource.urn)


def _objects(resource: Resource, check: Check) -> Verdicts:
    for item in objects(resource):
        yield from guarded(check(resource, item.value), resource.urn)


def _values(stack: Stack, kinds: Iterable[str]) -> Iterator[Value]:
    return (item.value for resource in stack.of(kinds) for item in objects(resource))


def _scalers(stack: Stack) -> dict[str, Resource]:
    """The autoscalers by the name and by the URN of what they scale."""
    found: dict[str, Resource] | None = stack.memo.get("scalers")
    if found is None:
        found = stack.memo["scalers"] = {}
        for scaler in stack.of(SCALERS):
            target = scaler.at("spec.scaleTargetRef.name")
            if target.known and (name := target.text()):
                found[name] = scaler
            for urn in scaler.property_dependencies.get("spec", ()):
                found[urn] = scaler
    return found


def _replicas(stack: Stack, resource: Resource, item: Value) -> tuple[Value, int]:
    """Where the number of replicas is decided, and the least that it can be."""
    name = item.at("metadata.name")
    scalers = _scalers(stack)
    scaler = scalers.get((name.text() or "") if name.known else "") or scalers.get(resource.urn)
    if scaler is not None:
        least = scaler.at("spec.minReplicas")
        return least, int(least.number() or 1)
    value = item.at("spec.replicas")
    number = value.number()
    return value, 1 if number is None else int(number)


@WORKLOADS.stack_rule(
    "workload-too-few-replicas",
    about=REPLICATED[:1],
    severity=Severity.MEDIUM,
    controls=("kube-linter minimum-three-replicas", "Guide: replicas"),
    remediation="Raise replicas, or minReplicas of the autoscaler.",
    options={
        "minimum": Option(
            default=2,
            schema={"type": "integer", "minimum": 1, "description": "Replicas of a Deployment, at least."},
        )
    },
)
def replicas(stack: Stack, options: Options) -> Verdicts:
    """A Deployment has replicas enough to lose one."""

    def check(resource: Resource, item: Value) -> Verdicts:
        value, least = _replicas(stack, resource, item)
        if least < options["minimum"]:
            yield resource.blame(wrong(value, f"{options['minimum']} or more"))

    yield from _every(stack, REPLICATED[:1], check)


def _every_replicated(stack: Stack, check: Check) -> Verdicts:
    """Judges every workload with more than one replica on its own."""

    def replicated(resource: Resource, item: Value) -> Verdicts:
        if _replicas(stack, resource, item)[1] > 1:
            yield from check(resource, item)

    yield from _every(stack, REPLICATED, replicated)


def _selected(resource: Resource, owner: Value, labels: Value, by: Selectors, kind: str) -> Verdicts:
    if not by.any(owner, labels_of(labels)):
        shown = f"{labels.shown()}, which no {kind} selects"
        yield Finding(labels.path, shown, "add one", urn=resource.urn)


@WORKLOADS.stack_rule(
    "workload-disruption-budget-missing",
    about=REPLICATED,
    severity=Severity.MEDIUM,
    controls=("kube-linter no-pod-disruption-budget",),
    remediation="Add a PodDisruptionBudget that selects the pods and lets at least one of them be evicted.",
    url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
def disruption_budget(stack: Stack, _: Options) -> Verdicts:
    """Pods that have replicas are not all evicted at once."""
    budgets = Selectors(_values(stack, BUDGETS), "spec.selector")

    def check(resource: Resource, item: Value) -> Verdicts:
        labels = item.at("spec.template.metadata.labels")
        yield from _selected(resource, item, labels, budgets, "PodDisruptionBudget")

    yield from _every_replicated(stack, check)


@WORKLOADS.stack_rule(
    "workload-not-spread",
    about=REPLICATED,
    severity=Severity.LOW,
    controls=("kube-linter no-anti-affinity",),
    remediation="Add topologySpreadConstraints over topology.kubernetes.io/zone, or a pod anti-affinity.",
    url="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
)
def spread(stack: Stack, _: Options) -> Verdicts:
    """Replicas do not share one node or zone."""

    def check(resource: Resource, item: Value) -> Verdicts:
        spec = item.at("spec.template.spec")
        constraints = spec["topologySpreadConstraints"]
        if not constraints.items() and not spec.at("affinity.podAntiAffinity").entries():
            yield resource.blame(wrong(constraints, "a constraint over topology.kubernetes.io/zone"))

    yield from _every_replicated(stack, check)


def _declared(stack: Stack) -> Iterator[Resource]:
    """What declares pods of its own."""
    return (resource for resource in stack.of(sorted(POD_SHAPED)) if not patches(resource))


@WORKLOADS.stack_rule(
    "workload-service-mismatch",
    about=SERVICES,
    severity=Severity.HIGH,
    controls=("kube-linter dangling-service",),
    remediation=(
        "Let the Service's selector and target ports name labels and ports that pods of the stack have."
    ),
    url="https://kubernetes.io/docs/concepts/services-networking/service/",
)
def service_mismatch(stack: Stack, _options: Options) -> Verdicts:
    """A Service reaches pods of the stack, on ports that they have."""
    by_label: Index = {}
    hidden: list[Unknown] = []
    for resource in _declared(stack):
        try:
            for pod in pods(resource):
                for pair in labels_of(pod.metadata["labels"]).items():
                    by_label.setdefault(pair, []).append(pod)
        except UnknownValueError as unknown:
            hidden.append(Unknown(unknown.path, resource.urn))

    def check(resource: Resource, service: Value) -> Verdicts:
        yield from _service(resource, service, by_label, hidden)

    yield from _every(stack, SERVICES, check)


Index = dict[tuple[str, str | None], list[Pod]]
"""Pods by each of their labels."""


def _service(resource: Resource, service: Value, by_label: Index, hidden: list[Unknown]) -> Verdicts:
    selector = service.at("spec.selector")
    wanted = labels_of(selector)
    if not wanted or not (by_label or hidden):
        return  # a Service without a selector, or in front of what somebody else declares
    reached = [
        pod
        for pod in by_label.get(next(iter(wanted.items())), ())
        if same_namespace(service, pod.owner)
        and all(labels_of(pod.metadata["labels"]).get(key) == value for key, value in wanted.items())
    ]
    if not reached and hidden:
        yield from hidden  # one of them may be meant
        return
    if not reached:
        shown = f"{selector.shown()}, which matches no pod of the stack"
        yield Finding(selector.path, shown, "set it to labels that pods have", urn=resource.urn)
        return
    for port in service.at("spec.ports").items():
        target = port["targetPort"]
        names, numbers = _ports(reached)
        if isinstance(target.get(), str) and target.text() not in names:
            yield resource.blame(
                wrong(target, f"a port that the pods name: {', '.join(sorted(names)) or 'none'}")
            )
        number = target.number() if not target.absent else port["port"].number()
        if numbers and isinstance(target.get(), int | None) and number not in numbers:
            place = port["port"] if target.absent else target
            yield resource.blame(wrong(place, f"a port of the pods: {', '.join(map(str, sorted(numbers)))}"))


def _ports(templates: list[Pod]) -> tuple[set[str], set[int]]:
    names: set[str] = set()
    numbers: set[int] = set()
    for pod in templates:
        for container in pod.values():
            for port in container["ports"].items():
                names.add(port["name"].text() or "")
                numbers.add(int(port["containerPort"].number() or 0))
    return names - {""}, numbers - {0}


@WORKLOADS.stack_rule(
    "workload-network-policy-missing",
    about=(kind for kind in POD_SHAPED if not kind.endswith("Patch")),
    severity=Severity.MEDIUM,
    controls=("CKV2_K8S_6", "CIS Kubernetes 5.3.2"),
    remediation="Add a NetworkPolicy that selects the pods; an empty podSelector selects all of a namespace.",
    url="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def network_policy(stack: Stack, _: Options) -> Verdicts:
    """Every pod is selected by a network policy."""
    policies = Selectors(_values(stack, NETWORKS), "spec.podSelector")
    for resource in _declared(stack):
        yield from guarded(_closed(resource, policies), resource.urn)


def _closed(resource: Resource, policies: Selectors) -> Verdicts:
    for pod in pods(resource):
        labels = pod.metadata["labels"]
        check = _selected(resource, pod.owner, labels, policies, "NetworkPolicy")
        yield from guarded(check, resource.urn)

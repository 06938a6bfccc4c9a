"""A rule on Services: their selectors and target ports."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, expected
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.checks import check_each_object
from policies.model.kubernetes.label_selectors import Index, Labels, labels_of
from policies.model.kubernetes.pods import DECLARED, Object, Pod, pods
from policies.model.kubernetes.types import SERVICES
from policies.model.property_values import UnknownValueError, Value

Ports = dict[Any, Any]
"""Ports by name or number, with the string that a message shows."""


class _Labelled(NamedTuple):
    """A pod with its labels."""

    pod: Pod
    labels: Labels


class _Pods:
    """The pods of a stack, indexed by labels and by label keys."""

    def __init__(self, stack: Stack) -> None:
        self.by_label = Index[_Labelled]()
        self.by_key = Index[Pod]()
        self.unknown: str | None = None
        """The position of unknown labels, if there are any."""
        for resource in stack.of(DECLARED):
            try:
                for pod in pods(resource):
                    labels = labels_of(pod.metadata["labels"])
                    self.by_label.add(pod.owner, labels.items(), _Labelled(pod, labels))
                    self.by_key.add(pod.owner, ((key, None) for key in labels), pod)
            except UnknownValueError as unknown:
                self.unknown = f"{unknown.path} of {resource.name}"

    def of(self, service: Value, wanted: Labels) -> list[Pod]:
        """Return the pods that a Service selects."""
        return _matching((self.by_label.at(service, pair) for pair in wanted.items()), wanted)

    def meant(self, service: Value, wanted: Labels) -> bool:
        """Return True if a Service without pods is meant for pods of the stack.

        That is the case if pods of the Service's namespace have one of the selector's labels with another
        value, or if pods of another namespace have all of them. Otherwise an operator or another stack
        creates its pods.
        """
        return any(self.by_key.at(service, (key, None)) for key in wanted) or bool(
            _matching((self.by_label.anywhere(pair) for pair in wanted.items()), wanted)
        )


def _matching(candidates: Iterable[Sequence[_Labelled]], wanted: Labels) -> list[Pod]:
    """Return the pods with all wanted labels; only the shortest list of candidates is searched."""
    return [
        candidate.pod for candidate in min(candidates, key=len) if wanted.items() <= candidate.labels.items()
    ]


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
    """Require Services to select pods in the stack, and to target ports that these pods have."""
    declared = _Pods(stack)

    def check(resource: Resource, item: Object) -> Verdicts:
        yield from _service(resource, item.value, declared)

    yield from check_each_object(stack, SERVICES, check)


def _service(resource: Resource, service: Value, declared: _Pods) -> Verdicts:
    selector = service.at("spec.selector")
    wanted = labels_of(selector)
    if not wanted:
        return
    reached = declared.of(service, wanted)
    if not reached and declared.unknown:
        yield Unknown(declared.unknown, resource.urn)  # the Service may select those pods
    elif not reached and declared.meant(service, wanted):
        shown = f"{selector.shown()}, which matches no pod of the stack"
        yield Finding(selector.path, shown, "set it to labels that pods have", urn=resource.urn)
    if not reached:
        return
    names, numbers = _ports(reached)
    for port in service.at("spec.ports").items():
        yield from guarded(_port(resource, port, names, numbers), resource.urn)


def _port(resource: Resource, port: Value, names: Ports, numbers: Ports) -> Verdicts:
    target = port["targetPort"]
    if isinstance(target.get(), str) and target.text() not in names:
        yield resource.attach(expected(target, f"a port that the pods name: {_listed(names)}"))
    number = target.number() if not target.absent else port["port"].number()
    if numbers and isinstance(target.get(), int | None) and number not in numbers:
        place = port["port"] if target.absent else target
        yield resource.attach(expected(place, f"a port of the pods: {_listed(numbers)}"))


def _listed(ports: Ports) -> str:
    return ", ".join(sorted({str(shown) for shown in ports.values()})) or "none"


def _ports(reached: list[Pod]) -> tuple[Ports, Ports]:
    """Return the ports of pods, by name and by number."""
    names: Ports = {}
    numbers: Ports = {}
    for pod in reached:
        for container in pod.values():
            for port in container["ports"].items():
                name, number = port["name"], port["containerPort"]
                if text := name.text():
                    names[text] = "[secret]" if name.secret else text
                if port_number := number.number():
                    numbers[port_number] = "[secret]" if number.secret else port_number
    return names, numbers

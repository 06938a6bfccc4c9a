"""A rule on the ports that probes use."""

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, expected
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.checks import check_each_container
from policies.model.kubernetes.pods import POD_SHAPED, Container, Pod
from policies.model.property_values import Value

_PROBES = (
    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
)
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("httpGet", "tcpSocket", "grpc")


@WORKLOADS.rule(
    "workload-probe-port-missing",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("kube-linter liveness-port", "kube-linter readiness-port", "kube-linter startup-port"),
    remediation="Declare the port in `ports` of the container, or let the probe use a port that is there.",
    url=_PROBES,
)
def probe_ports(resource: Resource, _: Options) -> Verdicts:
    """Require probes to use TCP ports that their container declares."""

    def check(_: Pod, container: Container) -> Verdicts:
        for probe in PROBES:
            for handler in HANDLERS:
                port = container.value.at(f"{probe}.{handler}.port")
                if port.known and not port.absent:
                    yield from guarded(_port(container.value, port))

    yield from check_each_container(resource, check, "containers", "initContainers")


def _port(container: Value, port: Value) -> Verdicts:
    ports = [item for item in container["ports"].items() if item["protocol"].text() in (None, "", "TCP")]
    name, number = port.text(), port.number()
    for item in ports:
        if number == item["containerPort"].number() if number is not None else name == item["name"].text():
            return
    yield expected(port, "a port in the container's `ports`")

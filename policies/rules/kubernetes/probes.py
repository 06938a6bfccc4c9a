"""Rules on liveness and readiness probes."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    expected,
)
from policies.engine.topics import WORKLOADS
from policies.model.kubernetes.checks import check_each_container
from policies.model.kubernetes.pods import POD_SHAPED, Container, Pod

_PROBES = (
    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
)


_FINITE = ("Job", "CronJob")


def _probe(resource: Resource, name: str) -> Verdicts:
    def check(pod: Pod, container: Container) -> Verdicts:
        probe = container.value[name]
        kinds = ("httpGet", "tcpSocket", "exec", "grpc")
        runs_permanently = pod.kind not in _FINITE and (container.field == "containers" or container.sidecar)
        if runs_permanently and not any(not probe[kind].absent for kind in kinds):
            yield expected(probe, "an httpGet, tcpSocket, grpc or exec probe")

    yield from check_each_container(resource, check, "containers", "initContainers")


@WORKLOADS.rule(
    "workload-liveness-probe-missing",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_8",),
    url=_PROBES,
    remediation="Add livenessProbe to the container, so that Kubernetes restarts it if it hangs.",
)
def liveness(resource: Resource, _: Options) -> Verdicts:
    """Require a liveness probe for every container that runs permanently."""
    yield from _probe(resource, "livenessProbe")


@WORKLOADS.rule(
    "workload-readiness-probe-missing",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("CKV_K8S_9",),
    url=_PROBES,
    remediation="Add readinessProbe to the container, so that it gets traffic only when it can serve.",
)
def readiness(resource: Resource, _: Options) -> Verdicts:
    """Require a readiness probe for every container that runs permanently."""
    yield from _probe(resource, "readinessProbe")

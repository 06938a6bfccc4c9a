"""The rule on containers of ECS and Batch that control the machine on which they run."""

from collections.abc import Iterable

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, expected
from policies.engine.topics import EC2
from policies.model.aws.container_documents import DOCUMENTS, JOB, PODS, TASK, members
from policies.model.aws.iam_documents import reached
from policies.model.checks import guarded
from policies.model.property_values import Value


@EC2.rule(
    "container-privileged",
    types=(TASK, JOB),
    severity=Severity.HIGH,
    controls=("FSBP ECS.3", "FSBP ECS.4", "CKV_AWS_210"),
    remediation="Remove privileged and pidMode; give the container the single capabilities that it needs.",
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html#ecs-4",
)
def privileged(resource: Resource, _: Options) -> Verdicts:
    """Refuse privileged containers of ECS and Batch, and tasks that share the processes of the machine."""
    for name, paths in DOCUMENTS[resource.type].items():
        yield from guarded(_containers(resource[name], paths))
    if resource.type == TASK:
        yield from guarded(_own_processes(resource["pidMode"]))
    else:
        for path in PODS:
            for value in reached(resource.props, f"{path}.securityContext.privileged"):
                yield from guarded(_unprivileged(value))


def _containers(document: Value, paths: Iterable[str]) -> Verdicts:
    if document.absent or document.secret:
        return  # container-secret-in-environment refuses a secret document
    for path in paths:
        for name in ("privileged", "securityContext.privileged"):
            for value in members(document.json(), f"{path}.{name}"):
                yield from guarded(_unprivileged(value))


def _unprivileged(value: Value) -> Verdicts:
    if value.flag():
        yield expected(value, "false")


def _own_processes(mode: Value) -> Verdicts:
    if mode.text() == "host":
        yield expected(mode, "'task', or remove it")

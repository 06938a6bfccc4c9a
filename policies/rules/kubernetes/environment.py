"""Rules on environment variables: duplicates and secrets."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
    check_each,
    disallowed,
)
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.checks import check_each_container
from policies.model.kubernetes.pods import POD_SHAPED, Container, Pod
from policies.model.property_values import Value
from policies.model.secrets import is_secret


@WORKLOADS.rule(
    "workload-duplicate-env",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("kube-linter duplicate-env-var",),
    remediation="Keep one of the entries; with server-side apply Kubernetes keeps an arbitrary one.",
)
def duplicate_env(resource: Resource, _: Options) -> Verdicts:
    """Refuse environment variables that a container sets twice."""

    def check(_: Pod, container: Container) -> Verdicts:
        seen: set[str] = set()

        def variable(item: Value) -> Verdicts:
            name = item["name"].text()
            if name is not None and name in seen:
                yield disallowed(item["name"], "remove the second entry")
            seen.add(name or "")

        yield from check_each(container.value["env"].items(), variable)

    yield from check_each_container(resource, check)


@WORKLOADS.rule(
    "workload-secret-in-env",
    types=POD_SHAPED,
    severity=Severity.CRITICAL,
    controls=("kube-linter env-var-secret",),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation=(
        "Put the value into a Secret and refer to it with valueFrom.secretKeyRef, or mount it as a file."
    ),
)
def secret_in_env(resource: Resource, _: Options) -> Verdicts:
    """Refuse plain-text secrets in environment variables."""

    def check(_: Pod, container: Container) -> Verdicts:
        def variable(item: Value) -> Verdicts:
            value = item["value"]
            if not value.absent and is_secret(item["name"].text() or "", value):
                # The message never quotes the value, even if it is not marked as secret.
                yield Finding(value.path, "[secret]", "move it to a Secret and use valueFrom.secretKeyRef")

        yield from check_each(container.value["env"].items(), variable)

    yield from check_each_container(resource, check)


@WORKLOADS.rule(
    "workload-secret-as-env",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_35", "CIS Kubernetes 5.4.1"),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation="Mount the Secret as a file: environment variables show up in dumps and child processes.",
    level=EnforcementLevel.ADVISORY,
)
def secret_as_env(resource: Resource, _: Options) -> Verdicts:
    """Require containers to mount Secrets as files, not to read them from environment variables."""

    def check(_: Pod, container: Container) -> Verdicts:
        for field, place in (("env", "valueFrom.secretKeyRef"), ("envFrom", "secretRef")):
            yield from guarded(
                check_each((item.at(place) for item in container.value[field].items()), reference)
            )

    def reference(value: Value) -> Verdicts:
        if not value.absent:
            yield disallowed(value, "mount the Secret as a volume")

    yield from check_each_container(resource, check)

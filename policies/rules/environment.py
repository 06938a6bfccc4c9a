"""Environment variables: none twice, and no secret among them."""

import re

from pulumi_policy import EnforcementLevel, Severity

from policies.pods import POD_SHAPED, Container, Pod
from policies.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
    each,
    unwanted,
)
from policies.rules.workloads import WORKLOADS, every_container
from policies.unknowns import Value


@WORKLOADS.rule(
    "workload-duplicate-env",
    types=POD_SHAPED,
    severity=Severity.MEDIUM,
    controls=("kube-linter duplicate-env-var",),
    remediation="Keep one of the entries; with server-side apply Kubernetes keeps an arbitrary one.",
)
def duplicate_env(resource: Resource, _: Options) -> Verdicts:
    """No container sets an environment variable twice."""

    def check(_: Pod, container: Container) -> Verdicts:
        seen: set[str] = set()
        for item in container.value["env"].items():
            name = item["name"].text()
            if name is not None and name in seen:
                yield unwanted(item["name"], "remove the second entry")
            seen.add(name or "")

    yield from every_container(resource, check)


_SECRET_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)(_ID)?$",
    re.IGNORECASE,
)


@WORKLOADS.rule(
    "workload-secret-in-env",
    types=POD_SHAPED,
    severity=Severity.CRITICAL,
    controls=("CIS Kubernetes 5.4.1",),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation=(
        "Put the value into a Secret and refer to it with valueFrom.secretKeyRef, or mount it as a file."
    ),
)
def secret_in_env(resource: Resource, _: Options) -> Verdicts:
    """No secret stands as plain text in an environment variable."""

    def check(_: Pod, container: Container) -> Verdicts:
        def variable(item: Value) -> Verdicts:
            value = item["value"]
            named = _SECRET_NAME.search(item["name"].text() or "") is not None
            if not value.absent and (value.secret or (named and value.get() != "")):
                # A value under such a name is not quoted, whether it came marked or not.
                yield Finding(value.path, "[secret]", "move it to a Secret and use valueFrom.secretKeyRef")

        yield from each(container.value["env"].items(), variable)

    yield from every_container(resource, check)


@WORKLOADS.rule(
    "workload-secret-as-env",
    types=POD_SHAPED,
    severity=Severity.LOW,
    controls=("CKV_K8S_35",),
    url="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    remediation="Mount the Secret as a file: environment variables show up in dumps and child processes.",
    level=EnforcementLevel.ADVISORY,
)
def secret_as_env(resource: Resource, _: Options) -> Verdicts:
    """Secrets reach a container as files, not as environment variables."""

    def check(_: Pod, container: Container) -> Verdicts:
        for item in container.value["env"].items():
            if not (reference := item.at("valueFrom.secretKeyRef")).absent:
                yield unwanted(reference, "mount the Secret as a volume")
        for item in container.value["envFrom"].items():
            if not (reference := item["secretRef"]).absent:
                yield unwanted(reference, "mount the Secret as a volume")

    yield from every_container(resource, check)

"""Rules on the ServiceAccounts that pods name, and on tokens of ServiceAccounts."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdicts,
    check_each,
    disallowed,
)
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.label_selectors import Index
from policies.model.kubernetes.pods import DECLARED, Pod, kubernetes, objects, pods
from policies.model.property_values import Value

ACCOUNTS = ("kubernetes:core/v1:ServiceAccount", "kubernetes:core/v1:ServiceAccountList")


class _Accounts:
    """The ServiceAccounts of a stack by name, and by the URN of their resource."""

    def __init__(self, stack: Stack) -> None:
        self._by_name = Index[Value]()
        self.urns: set[str] = set()
        self.unknown: str | None = None
        """The position of an unknown name, if there is one."""
        for resource in stack.of(ACCOUNTS):
            self.urns.add(resource.urn)
            for item in objects(resource):
                name = item.value.at("metadata.name")
                if name.known:
                    self._by_name.add(item.value, [("", name.text())], item.value)
                else:
                    self.unknown = f"{name.path} of {resource.name}"

    def has(self, owner: Value, name: str) -> bool:
        """Return True if the namespace of `owner` has an account of this name."""
        return bool(self._by_name.at(owner, ("", name)))


@WORKLOADS.stack_rule(
    "workload-service-account-missing",
    about=DECLARED,
    severity=Severity.MEDIUM,
    controls=("kube-linter non-existent-service-account",),
    remediation="Declare the ServiceAccount, or correct its name; without it, no pod can be created.",
    url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    level=EnforcementLevel.ADVISORY,
)
def service_account(stack: Stack, _: Options) -> Verdicts:
    """Require the stack to declare the ServiceAccounts that its pods name."""
    accounts = _Accounts(stack)
    for resource in stack.of(DECLARED):
        yield from guarded(_pods(resource, accounts), resource.urn)


def _pods(resource: Resource, accounts: _Accounts) -> Verdicts:
    for pod in pods(resource):
        yield from guarded(_pod(resource, pod, accounts), resource.urn)


def _pod(resource: Resource, pod: Pod, accounts: _Accounts) -> Verdicts:
    named = pod.spec["serviceAccountName"]
    if not named.known and resource.reached & accounts.urns:
        return  # the name is an output of a ServiceAccount of the stack
    name = named.text()
    if name in (None, "", "default") or accounts.has(pod.owner, name):
        return
    if accounts.unknown:
        yield Unknown(accounts.unknown, resource.urn)
        return
    shown = f"{named.shown()}, which the stack does not declare"
    yield Finding(named.path, shown, "declare a ServiceAccount of this name", urn=resource.urn)


@WORKLOADS.rule(
    "workload-token-in-secret",
    types=kubernetes("core/v1", "Secret"),
    severity=Severity.HIGH,
    controls=("Kubernetes: ServiceAccount token Secrets",),
    remediation="Let pods mount a projected token, which expires; such a Secret has a token without an end.",
    url="https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets",
)
def token_in_secret(resource: Resource, _: Options) -> Verdicts:
    """Refuse Secrets into which Kubernetes writes a token of a ServiceAccount that does not expire."""

    def check(kind: Value) -> Verdicts:
        if kind.text() == "kubernetes.io/service-account-token":
            yield disallowed(kind, "mount a projected token")

    yield from check_each((item.value["type"] for item in objects(resource)), check)

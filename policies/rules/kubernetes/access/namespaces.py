"""A rule on the Pod Security admission of namespaces."""

import re

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Verdicts, check_each, expected
from policies.engine.topics import WORKLOADS
from policies.model.checks import guarded
from policies.model.kubernetes.pods import Object, kubernetes, objects
from policies.model.property_values import Value

LEVELS = ("privileged", "baseline", "restricted")
LABEL = "pod-security.kubernetes.io/enforce"
NEWEST = (1, 34)
"""The version that last added a check to the standards (pod-security-admission v0.34.4, policy/check_*.go,
MinimumVersion). Older clusters take it for their own version (policy/registry.go, EvaluatePod)."""

_VERSION = re.compile(r"v([0-9]{1,4})\.([0-9]{1,4})")


@WORKLOADS.rule(
    "namespace-pod-security-off",
    types=kubernetes("core/v1", "Namespace"),
    severity=Severity.HIGH,
    controls=("CIS Kubernetes 5.2.1",),
    remediation=(
        "Set the label pod-security.kubernetes.io/enforce to restricted, and its version to latest or to "
        "v1.34 and newer; list namespaces that need a lower level in the policy configuration."
    ),
    url="https://kubernetes.io/docs/concepts/security/pod-security-admission/",
    options={
        "levels": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"enum": list(LEVELS)},
                "description": "Lowest levels of namespaces, by name; those of others are restricted.",
            },
        )
    },
)
def not_enforced(resource: Resource, options: Options) -> Verdicts:
    """Require namespaces to enforce the restricted Pod Security Standard, or the level in the configuration.

    Admission judges all pods of the namespace, also those of charts, operators and people.
    """
    for item in objects(resource):
        yield from guarded(_namespace(item, options["levels"]))


def _namespace(item: Object, levels: dict[str, str]) -> Verdicts:
    labels = item.value.at("metadata.labels")

    def level(value: Value) -> Verdicts:
        if value.text() == "restricted":
            return
        lowest = levels.get(item.value.at("metadata.name").text() or "", "restricted")
        # Without the label, admission allows everything (pod-security-admission v0.34.4,
        # admission/api/v1/defaults.go).
        if value.get() not in (None, *LEVELS) or _rank(value.text()) < _rank(lowest):
            yield expected(value, f"{lowest!r}")

    yield from check_each([labels[LABEL]], level)
    yield from check_each([labels[f"{LABEL}-version"]], _version)


def _rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _version(value: Value) -> Verdicts:
    text = value.get()
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    is_newest = match is not None and (int(match[1]), int(match[2])) >= NEWEST
    if text not in (None, "latest") and not is_newest:
        yield expected(value, "'latest', or a version from v1.34")

"""Tags and labels: every resource says whose it is, in the words of its provider."""

from pathlib import Path

from pulumi_policy import EnforcementLevel, Severity

from policies.engine import remediation
from policies.engine.rule import Finding, Option, Options, Resource, Verdicts
from policies.model.checks import guarded
from policies.model.datadog_monitors import SYNTHETIC
from policies.model.pods import objects
from policies.model.property_values import Value
from policies.rules.datadog.alert_coverage import SLO
from policies.rules.kubernetes.workloads import NAMESPACED
from policies.rules.tls.hops import ACROSS

TAGGABLE = frozenset(Path(__file__).with_name("taggable.txt").read_text().split())
"""AWS types with a map of tags, from the pinned SDK; a test keeps the list current."""


def _keys(default: list[str], what: str) -> Option:
    schema = {"type": "array", "items": {"type": "string"}, "description": what}
    return Option(default=default, schema=schema)


def _missing(place: Value, given: set[str], keys: list[str], suffix: str = "") -> Verdicts:
    missing = [key for key in keys if key not in given]
    if missing:
        names = ", ".join(missing)
        shown = "not set" if place.absent else f"without {names}"
        wanted = ", ".join(f"{key}{suffix}" for key in missing)
        yield Finding(place.path, shown, f"add {wanted}", place.absent)


@ACROSS.rule(
    "tags-missing",
    remedy=remediation.tags,
    types=TAGGABLE,
    severity=Severity.LOW,
    controls=("Design: one source of tags",),
    remediation="Tag the resource, or give the AWS provider defaultTags.",
    url="https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": _keys(["env", "service", "team"], "Tags that every resource has."),
        "values": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "What the level `remediate` writes into tags that are missing.",
            },
        ),
    },
)
def tags(resource: Resource, options: Options) -> Verdicts:
    """Every AWS resource that can be tagged says whose it is."""
    own = resource["tags"]
    given = set(own.entries()) | set(resource.settings["defaultTags"].json()["tags"].entries())
    yield from _missing(own, given, options["keys"])


LABELLED = frozenset(
    kind
    for kind in NAMESPACED
    | {
        f"kubernetes:{name}{variant}"
        for name in (
            "core/v1:LimitRange",
            "core/v1:Namespace",
            "core/v1:ResourceQuota",
            "autoscaling/v2:HorizontalPodAutoscaler",
            "policy/v1:PodDisruptionBudget",
            "rbac.authorization.k8s.io/v1:ClusterRole",
            "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        )
        for variant in ("", "List")
    }
    if not kind.endswith("Patch")
)


@ACROSS.rule(
    "labels-missing",
    types=LABELLED,
    severity=Severity.LOW,
    controls=("Design: one source of tags", "Kubernetes: recommended labels"),
    remediation="Label the object in metadata.labels; the pods of a workload in its template as well.",
    url="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": _keys(
            ["app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"],
            "Labels that every object has.",
        ),
    },
)
def labels(resource: Resource, options: Options) -> Verdicts:
    """Every Kubernetes object says by labels what it belongs to."""

    def check(metadata: Value) -> Verdicts:
        own = metadata["labels"]
        yield from _missing(own, set(own.entries()), options["keys"])

    for item in objects(resource):
        yield from guarded(check(item.value["metadata"]))


@ACROSS.rule(
    "datadog-tags-missing",
    types=(SLO, SYNTHETIC),
    severity=Severity.LOW,
    controls=("Design: one source of tags", "Datadog unified service tagging"),
    remediation=(
        "Tag the objective or test; monitors have alert-tags-missing, dashboards know the tag team only."
    ),
    url="https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/",
    level=EnforcementLevel.ADVISORY,
    options={"keys": _keys(["env", "service", "team"], "Tags that every objective and test has.")},
)
def datadog_tags(resource: Resource, options: Options) -> Verdicts:
    """Every Datadog objective and synthetic test says by tags whose it is."""
    own = resource["tags"]
    given = {tag.partition(":")[0] for tag in own.texts() if tag.partition(":")[2]}
    yield from _missing(own, given, options["keys"], ":…")

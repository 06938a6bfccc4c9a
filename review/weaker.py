"""Where prod is weaker than stg, and what a change makes different between stacks."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from review.graph import Graph
from review.model import EXISTING, NEW, Difference, Weaker
from review.observed import Observed, Resource
from review.properties import MISSING, value_at
from review.risks import shown_inputs

STRONG, LESS = "prod", "stg"

Measure = Callable[[object], float | None]


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _oldest_tls(value: object) -> float | None:
    """The oldest TLS version that a server configuration accepts."""
    found = re.findall(r"ssl_protocols([^;]*);", str(value))
    versions = [float(each or "1.0") for line in found for each in re.findall(r"TLSv(1(?:\.\d)?)", line)]
    return min(versions, default=None)


MEASURES: tuple[tuple[str, str, str, Measure], ...] = (
    ("replicas", "kubernetes:apps/v1:Deployment", "spec.replicas", _number),
    ("replicas", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "spec.minReplicas", _number),
    ("replicas", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "spec.maxReplicas", _number),
    ("replicas", "kubernetes:policy/v1:PodDisruptionBudget", "spec.minAvailable", _number),
    ("TLS", "kubernetes:core/v1:ConfigMap", "data", _oldest_tls),
    ("TLS", "cloudflare:index/zoneSetting:ZoneSetting", "value", _number),
    ("zones", "aws:rds/instance:Instance", "multiAz", _number),
    ("retention", "aws:rds/instance:Instance", "backupRetentionPeriod", _number),
    ("retention", "aws:rds/instance:Instance", "deletionProtection", _number),
    ("retention", "aws:cloudwatch/logGroup:LogGroup", "retentionInDays", _number),
    (
        "retention",
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "rule.defaultRetention.days",
        _number,
    ),
)
"""What is compared, by type and property: more is stronger."""

COUNTED: tuple[tuple[str, str], ...] = (
    ("zones", "aws:ec2/subnet:Subnet"),
    ("zones", "aws:ec2/natGateway:NatGateway"),
    ("alerts", "datadog:index/monitor:Monitor"),
    ("alerts", "datadog:index/serviceLevelObjective:ServiceLevelObjective"),
)
"""Types of which a stack should not have fewer."""


@dataclass(frozen=True)
class Both:
    """A stack's resources before and after; `before` is None where there is nothing to compare with."""

    before: Mapping[str, Resource] | None
    after: Mapping[str, Resource]
    graph: Graph
    stack: str


Key = tuple[str, str, str]


def weaker(stacks: Mapping[str, Both]) -> list[Weaker]:
    """What is weaker in prod than in stg, and whether the change made it so."""
    if STRONG not in stacks or LESS not in stacks:
        return []
    prod, stg = stacks[STRONG], stacks[LESS]
    after = dict(_weak(prod.after, stg.after, prod.graph))
    compared = prod.before is not None and stg.before is not None
    before = dict(_weak(prod.before or {}, stg.before or {}, prod.graph)) if compared else {}
    found: list[Weaker] = []
    for key, (what, weak, strong, resource) in after.items():
        was = before.get(key)
        status = NEW if compared and (was is None or was[1:3] != (weak, strong)) else EXISTING
        component = prod.graph.component(resource.urn) if resource else ""
        places = list(resource.places) if resource else []
        found.append(
            Weaker(
                what, component, key[1], key[2], key[0], weak, strong, status, places, blocks=status == NEW
            )
        )
    return found


def _weak(
    prod: Mapping[str, Resource], stg: Mapping[str, Resource], graph: Graph
) -> Iterator[tuple[Key, tuple[str, str, str, Resource | None]]]:
    ours, theirs = ({(each.type, each.name): each for each in side.values()} for side in (prod, stg))
    for what, kind, path, measure in MEASURES:
        for (typ, name), other in theirs.items():
            if typ != kind or (typ, name) not in ours:
                continue
            mine = ours[typ, name]
            one, two = (measure(value_at(shown_inputs(each), path)) for each in (mine, other))
            if one is not None and two is not None and one < two:
                weak, strong = (
                    _brief(value_at(shown_inputs(each), path), number)
                    for each, number in ((mine, one), (other, two))
                )
                yield (path, kind, name), (what, weak, strong, mine)
    for what, kind in COUNTED:
        one, two = (sum(1 for each in side.values() if each.type == kind) for side in (prod, stg))
        if one < two:
            yield ("count", kind, "the stack"), (what, str(one), str(two), None)


def _brief(value: object, number: float) -> str:
    return (
        str(value)
        if isinstance(value, bool | int | str) and len(str(value)) < 40 and "\n" not in str(value)
        else f"{number:g}"
    )


def differences(
    stacks: Mapping[str, Both], changed: Mapping[str, Observed], text: Callable[[object, str], str]
) -> list[Difference]:
    """Properties that were the same in all stacks that have the resource, and are no longer."""
    paths = {
        (step.resource.type, step.resource.name, path)
        for seen in changed.values()
        for step in seen.steps.values()
        if step.op in ("update", "replace")
        for path in step.diff
    }
    sides = {
        name: [{(each.type, each.name): each for each in side.values()} for side in (both.before, both.after)]
        for name, both in stacks.items()
        if both.before is not None
    }
    found: list[Difference] = []
    for kind, name, path in sorted(paths):
        values: list[dict[str, str]] = [{}, {}]
        for stack, pair in sides.items():
            if all((kind, name) in side for side in pair):
                for place, side in zip(values, pair, strict=True):
                    value = value_at(shown_inputs(side[kind, name]), path)
                    place[stack] = "(absent)" if value is MISSING else text(value, stack)
        before, after = values
        if len(before) > 1 and len(set(before.values())) == 1 and len(set(after.values())) > 1:
            both = next(each for stack, each in stacks.items() if stack in after)
            urn = next(each.urn for each in both.after.values() if (each.type, each.name) == (kind, name))
            found.append(Difference(both.graph.component(urn), kind, name, path, after))
    return found

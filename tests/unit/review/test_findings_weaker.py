"""Where prod is weaker than stg."""

from copy import deepcopy
from typing import Any

import pytest

from review.build import neutral
from review.engine_run import Resource, Stack, Step
from review.findings import apart, weaker
from review.model import RULES
from sandbox.summary import LATER
from tests.support.review.stacks import resource, stack

INSTANCE = "aws:rds/instance:Instance"
LOG, LOCK = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
)
PODS, BUDGET = "kubernetes:apps/v1:Deployment", "kubernetes:policy/v1:PodDisruptionBudget"
SUBNET, GATEWAY = "aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
CONFIG, ZONE = "kubernetes:core/v1:ConfigMap", "cloudflare:index/zoneSetting:ZoneSetting"
ALERT, GOAL = "datadog:index/monitor:Monitor", "datadog:index/serviceLevelObjective:ServiceLevelObjective"
STRONG: dict[str, dict[str, Any]] = {
    INSTANCE: {"multiAz": True, "backupRetentionPeriod": 14, "deletionProtection": True},
    PODS: {"spec": {"replicas": 3}},
    BUDGET: {"spec": {"maxUnavailable": 1}},
    LOCK: {"rule": {"defaultRetention": {"days": 30}}},
    SUBNET: {},
    GATEWAY: {},
    GOAL: {},
    LOG: {"retentionInDays": 30},
    SCALER: {"spec": {"minReplicas": 3, "maxReplicas": 9}},
    CONFIG: {"data": {"nginx.conf": "ssl_protocols TLSv1.2 TLSv1.3;"}},
    ZONE: {"settingId": "min_tls_version", "value": "1.2"},
    ALERT: {"query": "errors > 1"},
}


def strong(**changed: Any) -> list[Resource]:
    """A resource of each type; `changed` by the last part of the type, None: there is none."""
    inputs = {kind: changed.get(kind.rpartition(":")[2], given) for kind, given in STRONG.items()}
    return [resource(kind, "it", given) for kind, given in inputs.items() if given is not None]


def sides(name: str, before: list[Resource], after: list[Resource]) -> Stack:
    """A stack that had these resources, and has those."""
    old, new = ({each.urn: each for each in side} for side in (before, after))
    gone = [Step("delete", old[urn], None) for urn in old.keys() - new.keys()]
    return stack(*gone, *(Step("same", old.get(urn), each) for urn, each in new.items()), name=name)


def said(**prod: Any) -> list[str]:
    """What a change of prod is blocked for."""
    found = [*weaker(sides("prod", strong(), strong(**prod)), sides("stg", strong(), strong()))]
    assert all(each.blocks for each in found)
    return [each.message for each in found]


def less(kind: str, path: str, value: Any) -> dict[str, Any]:
    """A resource of prod with another value at a path; without the property if it is None."""
    name, inputs = kind.rpartition(":")[2], deepcopy(STRONG[kind])
    *keys, last = path.split(".")
    there = inputs
    for key in keys:
        there = there[key]
    there[last] = value
    if value is None:
        del there[last]
    return {name: inputs}


DAYS = "rule.defaultRetention.days"
LESS = [
    (INSTANCE, "multiAz", False, "zones: multiAz is false in prod and true in stg"),
    (INSTANCE, "multiAz", None, "zones: multiAz is absent in prod and true in stg"),
    (INSTANCE, "backupRetentionPeriod", 7, "retention: backupRetentionPeriod is 7 in prod and 14 in stg"),
    (INSTANCE, "deletionProtection", None, "retention: deletionProtection is absent in prod and true in stg"),
    (PODS, "spec.replicas", 2, "replicas: spec.replicas is 2 in prod and 3 in stg"),
    (BUDGET, "spec.maxUnavailable", 3, "replicas: spec.maxUnavailable is 3 in prod and 1 in stg"),
    (SCALER, "spec.minReplicas", 2, "replicas: spec.minReplicas is 2 in prod and 3 in stg"),
    (SCALER, "spec.maxReplicas", 8, "replicas: spec.maxReplicas is 8 in prod and 9 in stg"),
    (LOG, "retentionInDays", 7, "retention: retentionInDays is 7 in prod and 30 in stg"),
    (
        LOCK,
        "rule.defaultRetention.days",
        7,
        "retention: rule.defaultRetention.days is 7 in prod and 30 in stg",
    ),
    (ZONE, "value", "1.0", "TLS: value is 1.0 in prod and 1.2 in stg"),
    (
        CONFIG,
        "data",
        {"nginx.conf": "ssl_protocols TLSv1.1 TLSv1.2;"},
        "TLS: data is 1.1 in prod and 1.2 in stg",
    ),
]
NONE = {
    BUDGET: "replicas: spec.maxUnavailable is absent in prod and 1 in stg",
    SUBNET: f"zones: 0 of {SUBNET} in prod and 1 in stg",
    GATEWAY: f"zones: 0 of {GATEWAY} in prod and 1 in stg",
    ALERT: f"alerts: 0 of {ALERT} in prod and 1 in stg",
    GOAL: f"alerts: 0 of {GOAL} in prod and 1 in stg",
}


@pytest.mark.parametrize(("kind", "path", "value", "message"), LESS, ids=[each[3] for each in LESS])
def test_less_than_stg_has_is_found(kind: str, path: str, value: Any, message: str) -> None:
    assert said(**less(kind, path, value)) == [message]


@pytest.mark.parametrize("kind", NONE)
def test_what_stg_has_and_prod_has_not_is_found(kind: str) -> None:
    assert said(**{kind.rpartition(":")[2]: None}) == [NONE[kind]]


def test_every_rule_of_strength_has_its_case() -> None:
    rules = {(rule["type"], rule.get("path", "")) for rule in RULES["strength"]}
    assert rules == {each[:2] for each in LESS} | {(kind, "") for kind in NONE if kind != BUDGET}


def test_for_ever_is_not_weaker_than_days() -> None:
    assert said(LogGroup={"retentionInDays": 0}) == []


def test_what_is_kept_for_ever_where_nothing_is_said_is_not_weaker() -> None:
    assert said(LogGroup={}) == []


def test_a_number_of_a_zone_that_is_no_version_of_tls_is_not_compared() -> None:
    few, many = (
        [resource(ZONE, "cache", {"settingId": "browser_cache_ttl", "value": each})] for each in (60, 3600)
    )
    assert [*weaker(sides("prod", many, few), sides("stg", many, many))] == []


def test_as_much_or_more_is_no_finding() -> None:
    assert said() == said(HorizontalPodAutoscaler={"spec": {"minReplicas": 4, "maxReplicas": 9}}) == []


Values = dict[str, str | None]


def _apart(before: Values, after: Values, path: str = "size") -> list[str]:
    """What is said when a thing's size goes from these values to those, by stack; None: it is not there."""
    stacks: list[Stack] = []
    other = Step("same", resource(INSTANCE, "other"), resource(INSTANCE, "other"))
    for name, values in {each: (before[each], after[each]) for each in before}.items():
        old, new = (None if each is None else resource(LOG, "it", {"size": each}) for each in values)
        op = "create" if old is None else "delete" if new is None else "update"
        change = Step(op if values[0] != values[1] else "same", old, new, {path: "update"})
        there = [change] if old or new else []
        stacks.append(stack(*there, other, name=name))
    return [each.message for each in apart(stacks, neutral)]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("333", "332", "size is 3 in dev, 3 in stg, 2 in prod"),
        ("133", "132", "size is 1 in dev, 3 in stg, 2 in prod"),
        ("-33", "-32", "size is 3 in stg, 2 in prod"),
        ("---", "-3-", "it is not there in dev, there in stg, not there in prod"),
        ("333", "33-", "it is there in dev, there in stg, not there in prod"),
    ],
    ids=["all were", "two were", "two have it", "created", "deleted"],
)
def test_what_was_the_same_in_two_stacks_and_no_longer_is_is_found(
    before: str, after: str, message: str
) -> None:
    assert _apart(_by_stack(before), _by_stack(after)) == [message]


@pytest.mark.parametrize(
    ("before", "after"),
    [("333", "222"), ("123", "124"), ("132", "122"), ("---", "333"), ("333", "---"), ("3-3", "---")],
    ids=["alike", "was another", "now the same", "created everywhere", "deleted everywhere", "gone"],
)
def test_what_changes_alike_or_was_different_is_not(before: str, after: str) -> None:
    assert _apart(_by_stack(before), _by_stack(after)) == []


def test_a_value_that_is_not_known_yet_is_compared_with_none() -> None:
    after: Values = {"dev": "1", "stg": LATER}
    assert _apart({"dev": "1", "stg": "1"}, after) == []


def test_the_name_of_the_stack_is_no_difference() -> None:
    before: Values = {"dev": "pipe-dev", "stg": "pipe-stg"}
    assert _apart(before, {"dev": "api-dev", "stg": "api-stg"}) == []
    assert _apart(before, {"dev": "api-dev", "stg": "pipe-stg"}) == [
        "size is api-<stack> in dev, pipe-<stack> in stg"
    ]


def _by_stack(values: str) -> Values:
    return {
        stack: None if value == "-" else value
        for stack, value in zip(("dev", "stg", "prod"), values, strict=True)
    }

"""Why something goes away, and what hangs on it."""

from collections.abc import Iterable
from typing import Any

import pytest

from policies.rules.aws.deletion_protection import STATEFUL
from review.engine_run import Resource, Stack, Step
from review.findings import risk
from review.locate import StackFile
from review.model import RULES
from sandbox.summary import LATER
from tests.support.review.stacks import FUNCTION, JOB, KEY, SECRET, SUBNET, VPC, after, resource, stack

OLD = resource(VPC, "main", {"cidrBlock": "10.0.0.0/16"}, id="vpc-1234")
NEW = resource(VPC, "main", {"cidrBlock": "10.1.0.0/16"})
REPLACED = Step("replace", OLD, NEW, {"cidrBlock": "update-replace"}, ("cidrBlock",))


def step(op: str, sides: Iterable[Resource], path: str) -> Step:
    """A change by one property."""
    old, new = sides
    replaces = op == "replace"
    return Step(op, old, new, {path: "update-replace" if replaces else "update"}, (path,) * replaces)


def said(it: Step, of: Stack) -> list[str]:
    """The lines of a risk."""
    found = risk(it, of)
    return found.message.splitlines() if found else []


def test_what_depended_on_a_deleted_resource_is_what_the_base_has() -> None:
    gone = resource(KEY, "disk")
    old, new = resource(JOB, "it", {"key": "a"}, **after(gone)), resource(JOB, "it", {"key": "b"})
    last = resource(SECRET, "result", **after(new))
    steps = Step("delete", gone, None), step("update", (old, new), "key"), Step("same", last, last)
    assert said(steps[0], stack(*steps)) == [
        "Because: disk (aws:kms:Key) is no longer declared",
        "Depends on it: it (kubernetes:batch:Job), result (kubernetes:core:Secret)",
        "Data: What it encrypts cannot be read any more once its waiting time is over.",
    ]


def test_a_replacement_by_a_property_of_its_own_is_told_whatever_it_depends_on_is_updated() -> None:
    labels = [
        resource(SECRET, "roles", {"labels": each}, outputs={"labels": each}) for each in ("core", "edge")
    ]
    old, new = (resource(JOB, "it", {"labels": each}, **after(labels=labels[0])) for each in ("core", "edge"))
    steps = step("replace", (old, new), "labels"), step("update", labels, "labels")
    file = StackFile("Pulumi.dev.yaml", {"pipe:team": ("core", 3)}, {"pipe:team": ("edge", 3)})
    assert said(steps[0], stack(*steps, file=file)) == [
        "Because: it (kubernetes:batch:Job) is replaced: labels core → edge",
        "Depends on it: nothing",
    ]


def test_a_replacement_that_begins_with_an_update_is_told_with_it() -> None:
    sums = [resource(SECRET, "roles", {"data": each}, outputs={"sum": each}) for each in ("aaaa", "bbbb")]
    old, new = (resource(JOB, "it", {"sum": each}, **after(sum=sums[0])) for each in ("aaaa", "bbbb"))
    steps = step("replace", (old, new), "sum"), step("update", sums, "data")
    assert said(steps[0], stack(*steps)) == [
        "Because: it (kubernetes:batch:Job) is replaced: sum aaaa → bbbb ← "
        "roles (kubernetes:core:Secret) is updated: data aaaa → bbbb",
        "Set by: unknown, no value identifies a settings key",
        "Depends on it: nothing",
    ]


def test_a_replacement_that_follows_another_is_told_there() -> None:
    old = resource(SUBNET, "public", {"vpcId": "vpc-1234"}, **after(vpcId=OLD))
    new = resource(SUBNET, "public", {"vpcId": LATER}, **after(vpcId=OLD))
    follows = step("replace", (old, new), "vpcId")
    assert said(follows, stack(follows, REPLACED)) == []
    assert said(REPLACED, stack(follows, REPLACED))[::2] == [
        "Because: main (aws:ec2:Vpc) is replaced: cidrBlock 10.0.0.0/16 → 10.1.0.0/16",
        "Depends on it: public (aws:ec2:Subnet)",
    ]


SUBNETS = [
    resource(SUBNET, "a-subnet", {"vpcId": each}, id="subnet-1", outputs={"vpcId": each})
    for each in ("vpc-1234", "?")
]


@pytest.mark.parametrize(
    ("path", "sources"),
    [
        ("vpcConfig.vpcId", ["main"]),
        ("vpcConfig.subnets[0]", ["a-subnet"]),
        ("vpcConfig.zone", ["main", "a-subnet"]),
    ],
)
def test_a_value_follows_from_the_resource_that_gave_it(path: str, sources: list[str]) -> None:
    near: dict[str, Any] = {
        "dependencies": [],
        "propertyDependencies": {"vpcConfig": [OLD.urn, SUBNETS[0].urn]},
    }
    given = {"vpcId": "vpc-1234", "subnets": ["subnet-1"], "zone": "x"}
    come = {"vpcId": LATER, "subnets": [LATER], "zone": LATER}
    it = step(
        "update", (resource(FUNCTION, "it", {"vpcConfig": each}, **near) for each in (given, come)), path
    )
    subnet = step("replace", SUBNETS, "vpcId")
    found = stack(it, REPLACED, subnet).sources(it, path)
    assert sorted(each.resource.name for each in found) == sorted(sources)


def test_a_value_that_is_known_and_that_nobody_gave_follows_from_nothing() -> None:
    old, new = (resource(SUBNET, "public", {"zone": each}, **after(zone=OLD)) for each in ("a", "b"))
    it = step("update", (old, new), "zone")
    assert stack(it, REPLACED).sources(it, "zone") == []


def test_whatever_is_to_be_protected_is_known_to_hold_data() -> None:
    assert {*STATEFUL} <= {*RULES["stateful"]}


@pytest.mark.parametrize("kind", RULES["stateful"])
@pytest.mark.parametrize("op", ["delete", "replace"])
def test_what_holds_data_does_not_go_without_a_waiver(kind: str, op: str) -> None:
    one = resource(kind, "it", {"name": "a"})
    gone = Step(op, one, resource(kind, "it", {"name": "b"}) if op == "replace" else None)
    found = risk(gone, stack(gone))
    assert found and (found.policy, found.blocks) == (f"stateful-{op}d", True)
    assert found.message.splitlines()[-1] == f"Data: {RULES['stateful'][kind]}"


@pytest.mark.parametrize(
    "rule", RULES["stateful-when"], ids=lambda rule: f"{rule['type']}.{rule['property']}"
)
def test_what_a_property_makes_of_the_data_is_told(rule: dict[str, str]) -> None:
    gone = Step("delete", resource(rule["type"], "it", {rule["property"]: True}), None)
    found = risk(gone, stack(gone))
    assert found and found.message.splitlines()[-1] == f"Data: {rule['says']}"

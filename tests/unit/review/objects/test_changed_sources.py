"""Tests of the resources from which an unchanged value comes in one side only."""

from pathlib import Path
from typing import Any

from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from tests.support.review.stacks import KEY, SUBNET, VPC, after, resource, stack, urn

WEB, SPARE = resource(VPC, "web"), resource(VPC, "spare")


def changes(before: dict[str, Any], now: dict[str, Any], *steps: Step, value: str = "1") -> list[Any]:
    """Return the operation and the changes of a key with the state of each side, beside these steps."""
    step = Step("same", resource(KEY, "it", {"a": "1"}, **before), resource(KEY, "it", {"a": value}, **now))
    shown = changed_properties(step, predicted(step, *steps))
    return [step.op, *((item.path, item.before, item.after) for item in shown)]


def predicted(*steps: Step) -> Stack:
    """Return a stack of a review with these steps."""
    return Stack("dev", EngineRun(Path(), {step.resource.urn: step for step in steps}), predicted=True)


def same(*resources: Resource) -> list[Step]:
    return [Step("same", item, item) for item in resources]


def test_an_unchanged_value_from_another_resource_is_a_change() -> None:
    expected = ["update", ("a › source", "web (aws:ec2:Vpc)", "spare (aws:ec2:Vpc)")]
    assert changes(after(a=WEB), after(a=SPARE), *same(WEB, SPARE)) == expected
    assert changes(after(a=WEB), after(a=SPARE), *same(WEB), Step("create", None, SPARE)) == expected


def test_a_source_that_is_lost_or_gained_is_a_change() -> None:
    for lost, gained, sides in (
        (after(a=WEB), {}, ("web (aws:ec2:Vpc)", None)),
        ({}, after(a=WEB), (None, "web (aws:ec2:Vpc)")),
    ):
        assert changes(lost, gained, *same(WEB)) == ["update", ("a › source", *sides)]


def test_a_source_that_appears_or_goes_with_its_resource_is_no_change() -> None:
    """The SDK takes a dependency on a component for one on all resources in it."""
    both = after(WEB, SPARE)
    assert changes(after(WEB), both, *same(WEB), Step("create", None, SPARE)) == ["same"]
    assert changes(both, after(WEB), *same(WEB), Step("delete", SPARE, None)) == ["same"]


def test_a_dependency_without_a_value_is_an_option() -> None:
    expected = ["update", ("option dependsOn", None, "spare (aws:ec2:Vpc)")]
    assert changes(after(WEB), after(WEB, SPARE), *same(WEB, SPARE)) == expected


def test_a_renamed_source_is_the_same() -> None:
    former = resource(VPC, "former")
    assert changes(after(a=former), after(a=WEB), Step("update", former, WEB)) == ["same"]


def test_a_changed_value_shows_its_own_sources() -> None:
    shown = changes(after(a=WEB), after(a=SPARE), *same(WEB, SPARE), value="2")
    assert [path for path, *_ in shown[1:]] == ["a"]


def test_a_component_and_a_real_preview_have_no_such_changes() -> None:
    kind = "pipe:network:Network"
    before, now = (
        Resource({"urn": urn(kind, "it"), "type": kind, "custom": False, **after(source)})
        for source in (WEB, SPARE)
    )
    component = Step("same", before, now)
    assert predicted(component, *same(WEB, SPARE)).changed == []
    step = Step("same", resource(SUBNET, "it", **after(WEB)), resource(SUBNET, "it", **after(SPARE)))
    assert stack(step, *same(WEB, SPARE)).changed == []

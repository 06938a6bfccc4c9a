"""Tests of the resources from which a property comes in one side only."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from tests.support.review.stacks import KEY, SUBNET, VPC, after, resource, stack, urn
from tests.support.rows import each_row

WEB, SPARE = resource(VPC, "web"), resource(VPC, "spare")


CACHE = "aws:elasticache/cluster:Cluster"
OUTPUTS = {"engine": "redis", "region": "ap-northeast-1"}


def changes(
    before: dict[str, Any],
    now: dict[str, Any],
    *steps: Step,
    values: tuple[Any, Any] = ("1", "1"),
    renewed: Mapping[str, str] = MappingProxyType({}),
) -> list[Any]:
    """Return the operation and the changes of a key with the state of each side, beside these steps.

    The provider invents the texts in `renewed`, each of the resource with this name.
    """
    old, new = (
        resource(KEY, "it", {"a": value}, **side) for value, side in zip(values, (before, now), strict=True)
    )
    step = Step("same", old, new)
    texts = {urn(CACHE, name): {text: f"new {text}"} for name, text in renewed.items()}
    shown = changed_properties(step, predicted(step, *steps, renewed=texts))
    return [step.op, *((item.path, item.before, item.after) for item in shown)]


def predicted(*steps: Step, renewed: Mapping[str, dict[str, str]] = MappingProxyType({})) -> Stack:
    """Return a stack of a review with these steps and texts that the provider invents."""
    head = EngineRun(Path(), {step.resource.urn: step for step in steps}, renewed={**renewed})
    return Stack("dev", head, predicted=True)


def same(*resources: Resource) -> list[Step]:
    return [Step("same", item, item) for item in resources]


def test_an_unchanged_value_from_another_resource_is_a_change() -> None:
    expected = ["update", ("a › source", "web (aws:ec2:Vpc)", "spare (aws:ec2:Vpc)")]
    assert changes(after(a=WEB), after(a=SPARE), *same(WEB, SPARE)) == expected
    assert changes(after(a=WEB), after(a=SPARE), *same(WEB), Step("create", None, SPARE)) == expected


def test_an_input_with_the_name_of_the_option_depends_on_has_sources() -> None:
    before, now = ({"propertyDependencies": {"option dependsOn": [item.urn]}} for item in (WEB, SPARE))
    shown = ("option dependsOn", "web (aws:ec2:Vpc)", "spare (aws:ec2:Vpc)")
    assert changes(before, now, *same(WEB, SPARE)) == ["update", shown]


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


def caches(*renewed: str) -> list[Resource]:
    """Return two caches with equal outputs, each with an output of its own."""
    return [
        resource(
            CACHE, name, {"engine": "redis"}, id=name, outputs={**OUTPUTS, "arn": arn, "address": address}
        )
        for name, address in zip(("web", "sessions"), renewed, strict=True)
        for arn in [f"arn:aws:elasticache:ap-northeast-1:1:cluster:{name}"]
    ]


@each_row(
    ("old", "new"),
    [
        ("redis://None:6379/0", "redis://None:6379/1"),
        ("redis://None:6379/0", "redis://None:6379/1?redis,ap-northeast-1"),
        ("redis://None:6379/0", "redis://None:6379/1?sessions"),
        ({"url": "None", "db": "0"}, {"url": "None", "db": "sessions"}),
        # The text of the new source has been there before.
        ("None # x2.cache", "None # x2.cache "),
        # Only one of the two is shown.
        ("None", "x2.cache"),
    ],
)
def test_a_changed_value_that_does_not_show_its_sources_has_them_beside_it(old: Any, new: Any) -> None:
    web, sessions = caches("x1.cache", "x2.cache")
    renewed = {"web": "x1.cache", "sessions": "x2.cache"}
    shown = changes(after(a=web), after(a=sessions), *same(web, sessions), values=(old, new), renewed=renewed)
    titles = "web (aws:elasticache:Cluster)", "sessions (aws:elasticache:Cluster)"
    assert shown[-1] == ("a › source", *titles) and len(shown) > 2


@each_row(
    ("old", "new"),
    [
        ("redis://x1.cache:6379/0", "redis://x2.cache:6379/1"),
        ("web", "sessions"),
        ('{"to": ["web"]}', '{"to": ["sessions"]}'),
        (
            "arn:aws:elasticache:ap-northeast-1:1:cluster:web/*",
            "arn:aws:elasticache:ap-northeast-1:1:cluster:sessions/*",
        ),
    ],
)
def test_a_changed_value_that_shows_its_sources_needs_no_further_line(old: str, new: str) -> None:
    web, sessions = caches("x1.cache", "x2.cache")
    renewed = {"web": "x1.cache", "sessions": "x2.cache"}
    shown = changes(after(a=web), after(a=sessions), *same(web, sessions), values=(old, new), renewed=renewed)
    assert "a › source" not in [path for path, *_ in shown[1:]]


def test_an_output_that_repeats_another_resource_shows_no_source() -> None:
    """A subnet has the ID of its VPC, which the provider invents too."""
    web, sessions = caches("x1.cache", "x2.cache")
    repeating = resource(CACHE, "sessions", {"from": "x2.cache"}, id="s", outputs=sessions.state["outputs"])
    steps = same(web, repeating)
    renewed = {"web": "x1.cache", "sessions": "x2.cache"}
    values = "x1.cache", "x2.cache"
    shown = changes(after(a=web), after(a=repeating), *steps, values=values, renewed=renewed)
    assert shown[-1][0] == "a › source"


def test_a_source_that_the_change_names_needs_no_further_line() -> None:
    _, sessions = caches("x1.cache", "x2.cache")
    step = Step("update", sessions, sessions)
    shown = changes({}, after(a=sessions), step, values=("1", "redis"))
    assert [path for path, *_ in shown[1:]] == ["a"]


def test_a_source_that_appears_with_its_resource_in_a_changed_value_is_no_further_line() -> None:
    shown = changes({}, after(a=SPARE), Step("create", None, SPARE), values=("1", "2"))
    assert [path for path, *_ in shown[1:]] == ["a"]


def _component(**state: Any) -> Resource:
    kind = "pipe:network:Network"
    return Resource({"urn": urn(kind, "it"), "type": kind, "custom": False, **state})


def test_a_component_whose_inputs_have_other_sources_and_a_real_preview_have_no_such_changes() -> None:
    component = Step("same", _component(**after(a=WEB)), _component(**after(a=SPARE)))
    assert predicted(component, *same(WEB, SPARE)).changed == []
    step = Step("same", resource(SUBNET, "it", **after(WEB)), resource(SUBNET, "it", **after(SPARE)))
    assert stack(step, *same(WEB, SPARE)).changed == []


def test_the_resources_on_which_a_component_depends_are_a_change() -> None:
    step = Step("same", _component(**after(WEB)), _component())
    [shown] = changed_properties(step, reviewed := predicted(step, *same(WEB)))
    assert (step.op, reviewed.changed) == ("update", [step])
    assert (shown.path, shown.before, shown.after) == ("option dependsOn", "web (aws:ec2:Vpc)", None)

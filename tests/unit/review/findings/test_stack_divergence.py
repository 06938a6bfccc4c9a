"""Tests of findings on properties and resources that were equal in two stacks and no longer are."""

from typing import Any

import pytest

from review.findings.stack_divergence import find_divergence
from review.merging import Merging
from review.plain_data import build_mask
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.wire import sentinels
from tests.support.review.stacks import KEY, VPC, resource, stack

Values = dict[str, str | None]
"""Value of a property by stack; None if the stack lacks the resource."""


def messages(before: Values, after: Values) -> list[str]:
    """Return the findings when the size of a resource changes from `before` to `after`."""
    stacks = _stacks(before, after)
    return [finding.message for finding in find_divergence(stacks, Merging(stacks).without_stack)]


def _stacks(before: Values, after: Values) -> list[Stack]:
    other = Step("same", resource(VPC, "other"), resource(VPC, "other"))
    stacks: list[Stack] = []
    for name in before:
        old, new = (
            None if size is None else resource(KEY, "it", {"size": size})
            for size in (before[name], after[name])
        )
        op = "create" if old is None else "delete" if new is None else "update"
        change = Step(op if before[name] != after[name] else "same", old, new, {"size": "update"})
        stacks.append(stack(*([change] if old or new else []), other, name=name))
    return stacks


def by_stack(sizes: str) -> Values:
    """Return the sizes in dev, stg and prod, one per character; `-` is an absent resource."""
    values = [None if size == "-" else size for size in sizes]
    return dict(zip(("dev", "stg", "prod"), values, strict=True))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("333", "332", "size is 3 in dev, 3 in stg, 2 in prod"),
        ("133", "132", "size is 1 in dev, 3 in stg, 2 in prod"),
        ("-33", "-32", "size is 3 in stg, 2 in prod"),
        ("---", "-3-", "the resource is absent in dev, present in stg, absent in prod"),
        ("333", "33-", "the resource is present in dev, present in stg, absent in prod"),
    ],
    ids=["all were the same", "two were the same", "two have it", "created", "deleted"],
)
def test_a_new_difference_between_stacks_is_a_finding(before: str, after: str, message: str) -> None:
    assert messages(by_stack(before), by_stack(after)) == [message]


@pytest.mark.parametrize(
    ("before", "after"),
    [("333", "222"), ("123", "124"), ("132", "122"), ("---", "333"), ("333", "---"), ("3-3", "---")],
    ids=["alike", "was different", "now the same", "created everywhere", "deleted everywhere", "gone"],
)
def test_equal_changes_and_old_differences_are_no_finding(before: str, after: str) -> None:
    assert messages(by_stack(before), by_stack(after)) == []


def test_a_value_that_is_not_known_yet_is_not_compared() -> None:
    assert messages({"dev": "1", "stg": "1"}, {"dev": "1", "stg": sentinels.UNKNOWN}) == []


def test_stacks_of_different_projects_are_not_compared() -> None:
    urn = f"urn:pulumi:dev::pipe-foundation::{VPC}::other"
    of_foundation = Resource({"urn": urn, "type": VPC, "custom": True, "inputs": {}})
    foundation = stack(Step("same", of_foundation, of_foundation), name="foundation/dev")
    stacks = [*_stacks({"dev": None}, {"dev": "3"}), foundation]
    assert [*find_divergence(stacks, Merging(stacks).without_stack)] == []


def test_the_name_of_the_stack_is_no_difference() -> None:
    before: Values = {"dev": "pipe-dev", "stg": "pipe-stg"}
    assert messages(before, {"dev": "api-dev", "stg": "api-stg"}) == []
    assert messages(before, {"dev": "api-dev", "stg": "pipe-stg"}) == [
        "size is api-<stack> in dev, pipe-<stack> in stg"
    ]


def test_a_foreign_account_is_a_difference() -> None:
    before: Values = {"dev": "x", "stg": "x"}
    after: Values = {"dev": "arn:aws:iam::111122223333:root", "stg": "arn:aws:iam::999999999999:root"}
    assert messages(before, after) == [f"size is {after['dev']} in dev, {after['stg']} in stg"]


def test_a_secret_is_masked_before_its_value_is_shortened() -> None:
    secret = "correct-horse  battery-staple" * 20
    stacks = _stacks({"dev": "x", "stg": "x"}, {"dev": f"{'a' * 300}{secret}", "stg": f"{'a' * 300}b"})
    [finding] = find_divergence(stacks, Merging(stacks, build_mask([secret])).without_stack)
    assert "[secret]" in finding.message
    assert "horse" not in finding.message


def rules(**values: list[tuple[str, int]]) -> list[str]:
    """Return the findings when the stacks, which had one list `a`, get these names and values."""
    stacks: list[Stack] = []
    for name, items in values.items():
        before, after = (
            resource(KEY, "it", {"rules": [{"name": key, "value": value} for key, value in side]})
            for side in ([("a", 1), ("b", 2)], items)
        )
        stacks.append(stack(Step("update", before, after), name=name))
    return [finding.message for finding in find_divergence(stacks, Merging(stacks).without_stack)]


def test_items_of_lists_are_compared_by_their_identifiers() -> None:
    assert rules(stg=[("a", 1), ("b", 3)], prod=[("c", 0), ("a", 1), ("b", 3)]) == [
        'rules["c"] is (absent) in stg, {"name": "c", "value": 0} in prod'
    ]
    assert rules(stg=[("a", 1), ("b", 3)], prod=[("a", 1), ("b", 4)]) == [
        'rules["b"].value is 3 in stg, 4 in prod'
    ]


def test_lists_whose_items_cannot_be_told_apart_are_compared_as_a_whole() -> None:
    messages = rules(stg=[("a", 1), ("b", 2)], prod=[("a", 1), ("b", 2), ("b", 0)])
    assert [message.partition(" is ")[0] for message in messages] == ["rules"]


def test_a_null_in_one_stack_is_a_difference() -> None:
    sides: list[dict[str, Any]] = [
        {"values": {"agents": {"a": 1}}},
        {"values": {"agents": {"a": 1, "securityContext": None}}},
    ]
    stacks = [
        stack(Step("update", resource(KEY, "it", sides[0]), resource(KEY, "it", new)), name=name)
        for name, new in zip(("dev", "prod"), sides, strict=True)
    ]
    [finding] = find_divergence(stacks, Merging(stacks).without_stack)
    assert finding.message == "values.agents.securityContext is (absent) in dev, null in prod"

"""Tests of resources that an alias connects with another name or parent of the base."""

from pathlib import Path
from typing import Any

import pytest

from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties, deleted_properties
from review.stacks.stack import Stack

ROOT = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
DATA, ACCESS, GROUP = "pipe:aws:Data", "pipe:aws:Access", "aws:ec2/securityGroup:SecurityGroup"


def state(types: str, name: str, parent: str = ROOT, **fields: Any) -> dict[str, Any]:
    """Return the state of a resource with these types of its parents and itself."""
    kind = types.rpartition("$")[2]
    urn = f"urn:pulumi:dev::pipe::{types}::{name}"
    known = {"urn": urn, "type": kind, "parent": parent, "custom": kind == GROUP}
    return known | fields


def evaluate(*pairs: tuple[dict[str, Any] | None, dict[str, Any] | None], op: str = "same") -> Stack:
    """Return a stack with a step from each state of the base to one of the head."""
    root = {"urn": ROOT, "type": "pulumi:pulumi:Stack"}
    rows: list[dict[str, Any]] = [{"op": "same", "oldState": root, "newState": root}]
    for old, new in pairs:
        rows.append({"op": op if old else "create", "oldState": old, "newState": new})
    return Stack("dev", EngineRun(Path()).add({"steps": rows}))


def shown(stack: Stack, step: Step) -> list[tuple[str, str | None, str | None]]:
    return [(item.path, item.before, item.after) for item in changed_properties(step, stack)]


def test_a_resource_with_the_state_of_another_name_is_a_change() -> None:
    stack = evaluate((state(GROUP, "database"), state(GROUP, "bastion")))
    [step] = stack.changed
    assert step.op == "update"
    assert shown(stack, step) == [("logical name", "database", "bastion")]
    assert stack.former_targets("bastion") == ["database"]
    assert stack.former_targets(step.resource.urn) == [state(GROUP, "database")["urn"]]
    assert stack.former_targets("database") == stack.former_targets("a setting") == []


def test_a_resource_with_another_parent_is_a_change() -> None:
    access = state(ACCESS, "access")
    moved = state(f"{ACCESS}${GROUP}", "bastion", access["urn"])
    stack = evaluate((None, access), (state(GROUP, "bastion"), moved))
    _, step = stack.changed
    assert shown(stack, step) == [("option parent", "(stack)", "access (pipe:aws:Access)")]
    assert step.resource.rename.former_name == "in (stack)"


def test_a_resource_with_another_parent_of_one_type_is_a_change() -> None:
    """Its URN stays the same, so it needs no alias."""
    first, second = (state(DATA, name) for name in ("first", "second"))
    before, after = (state(f"{DATA}${GROUP}", "group", parent["urn"]) for parent in (first, second))
    for parents in ((second, second), (None, second)):
        stack = evaluate(parents, (before, after), (first, first))
        step = stack.steps[before["urn"]]
        assert step in stack.changed
        assert shown(stack, step) == [("option parent", "first (pipe:aws:Data)", "second (pipe:aws:Data)")]
    renamed = evaluate((first, second), (before, after))
    assert [step.resource.name for step in renamed.changed] == ["second"]


def test_parents_of_one_name_and_type_have_their_urns() -> None:
    parents = [state(f"{kind}$pipe:aws:Net", "net") for kind in (DATA, ACCESS)]
    sides = (
        state(f"{kind}$pipe:aws:Net${GROUP}", "group", parent["urn"])
        for kind, parent in zip((DATA, ACCESS), parents, strict=True)
    )
    stack = evaluate(*((parent, parent) for parent in parents), (next(sides), next(sides)))
    [step] = stack.changed
    names = [f"{kind}$pipe:aws:Net::net" for kind in (DATA, ACCESS)]
    assert shown(stack, step) == [("option parent", *names)]


def test_both_the_name_and_the_parent_are_shown() -> None:
    access = state(ACCESS, "access")
    moved = state(f"{ACCESS}${GROUP}", "bastion", access["urn"])
    stack = evaluate((None, access), (state(GROUP, "database"), moved))
    assert [path for path, *_ in shown(stack, stack.changed[1])] == ["logical name", "option parent"]


@pytest.mark.parametrize(
    ("types", "names", "is_own"),
    [
        ((DATA, DATA), ("old-group", "new-group"), False),
        ((DATA, DATA), ("old", "new"), False),
        ((DATA, ACCESS), ("group", "group"), False),
        ((DATA, DATA), ("old-group", "new-other"), True),
        ((DATA, DATA), ("group", "new-group"), True),
        ((DATA, ACCESS), ("group", "other"), True),
    ],
)
def test_what_follows_from_a_renamed_component_is_shown_only_there(
    types: tuple[str, str], names: tuple[str, str], is_own: bool
) -> None:
    before, after = state(types[0], "old"), state(types[1], "new")
    children = [
        state(f"{kind}${GROUP}", name, parent["urn"])
        for kind, name, parent in zip(types, names, (before, after), strict=True)
    ]
    # The engine may report a child first.
    stack = evaluate((children[0], children[1]), (before, after))
    assert [step.resource.name for step in stack.changed] == ([names[1], "new"] if is_own else ["new"])
    renamed = next(step for step in stack.steps.values() if step.resource.type == GROUP)
    assert renamed.resource.rename.former_name == (names[0] if names[0] != names[1] else "")


def test_a_child_that_differs_otherwise_shows_its_name_as_well() -> None:
    before, after = state(DATA, "old"), state(DATA, "new")
    children = [
        state(f"{DATA}${GROUP}", f"{parent['urn'][-3:]}-group", parent["urn"], inputs={"name": value})
        for parent, value in ((before, "a"), (after, "b"))
    ]
    stack = evaluate((before, after), (children[0], children[1]), op="update")
    names = [("logical name", "old-group", "new-group"), ("name", "a", "b")]
    assert shown(stack, stack.changed[1]) == names


def test_a_deleted_object_shows_the_name_of_a_component_in_its_place() -> None:
    stack = evaluate((state(GROUP, "database"), state(ACCESS, "bastion")), op="replace")
    [step] = stack.changed
    assert (step.op, [item.path for item in deleted_properties(step)]) == ("delete", ["logical name"])


def test_another_project_or_stack_is_no_rename() -> None:
    old, new = state(GROUP, "group"), state(GROUP, "group")
    new["urn"] = new["urn"].replace("dev::pipe", "prod::other")
    new["parent"] = "urn:pulumi:prod::other::pulumi:pulumi:Stack::other-prod"
    assert evaluate((old, new)).changed == []


def test_a_name_cannot_pass_for_a_word_of_the_report() -> None:
    stack = evaluate((state(GROUP, "(absent)"), state(GROUP, "group")))
    assert shown(stack, stack.changed[0]) == [("logical name", "(absent\u200b)", "group")]


def test_an_unchanged_secret_of_a_renamed_resource_is_no_change() -> None:
    secret = {"password": "[secret]"}
    stack = evaluate((state(GROUP, "a", inputs=secret), state(GROUP, "b", inputs=secret)))
    assert shown(stack, stack.changed[0]) == [("logical name", "a", "b")]

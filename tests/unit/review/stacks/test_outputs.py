"""Tests of changed outputs of a stack."""

from pathlib import Path
from typing import Any

from review.findings.unknown_values import find_component_outputs
from review.stacks.engine_run import EngineRun, Step
from review.stacks.outputs import find_changes, find_properties
from review.stacks.properties import KNOWN_LATER
from review.stacks.stack import Stack
from sandbox.progress import ROOT_TYPE
from sandbox.summary import LATER, MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import KEY, resource, set_outputs, stack, urn


def reviewed(before: dict[str, Any], after: dict[str, Any]) -> Stack:
    """Return a stack with these outputs in base and head."""
    key = resource(KEY, "it")
    base, head = (EngineRun(Path(), {key.urn: Step("same", key, key)}) for _ in range(2))
    set_outputs(base, before)
    set_outputs(head, after)
    return Stack("dev", head, base, predicted=True)


def test_outputs_that_differ_are_a_change_of_the_stack() -> None:
    [change] = find_changes(reviewed({"url": "a", "same": 1, "old": {"x": 1}}, {"url": "b", "same": 1}))
    assert (change.name, change.type, change.op) == ("pipe-dev", "pulumi:pulumi:Stack", "update")
    assert [(changed.path, changed.before, changed.after) for changed in change.properties] == [
        ("output old", '{"x": 1}', None),
        ("output url", "a", "b"),
    ]
    assert find_changes(reviewed({"url": "a"}, {"url": "a"})) == []


def test_an_output_that_the_events_still_have_is_removed() -> None:
    """The engine adds the former outputs in its events if a resource violates a mandatory policy."""
    removed = reviewed({"n2": "x", "n5": "x"}, {"n5": "y"})
    assert removed.head
    removed.head.phase.outputs = {"n2": "x", "n5": "y"}
    [change] = find_changes(Stack("dev", removed.head, removed.base, predicted=True))
    assert [(changed.path, changed.before, changed.after) for changed in change.properties] == [
        ("output n2", "x", None),
        ("output n5", "x", "y"),
    ]


def test_a_stack_without_registered_outputs_has_those_of_the_events() -> None:
    kept = reviewed({"a": "x"}, {})
    assert kept.head
    kept.head.component_outputs.clear()
    kept.head.phase.outputs = {"a": "x"}
    assert find_changes(Stack("dev", kept.head, kept.base, predicted=True)) == []


def test_another_secret_output_is_a_change() -> None:
    [change] = find_changes(
        reviewed({"a": secret("x"), "b": secret("x")}, {"a": secret("y"), "b": secret("x")})
    )
    assert [(changed.path, changed.before, changed.after) for changed in change.properties] == [
        ("output a", MASK, MASK)
    ]


def test_another_secret_beside_another_difference_of_an_output_is_shown() -> None:
    key = resource(KEY, "it")
    base, head = (
        EngineRun(Path(), {key.urn: Step("same", key, key)}, generated={key.urn: {secret}})
        for secret in ("first-secret", "second-secret")
    )
    set_outputs(base, {"url": "a first-secret"})
    set_outputs(head, {"url": "b second-secret"})
    [change] = find_changes(Stack("dev", head, base, predicted=True))
    assert [(changed.path, changed.before, changed.after) for changed in change.properties] == [
        ("output url", "a first-secret", "b second-secret"),  # The whole report is masked later.
        ("output url › secret", MASK, MASK),
    ]


def test_a_null_output_is_not_absent() -> None:
    [change] = find_changes(reviewed({"a": "x", "b": "null"}, {"a": None, "b": None}))
    assert [(changed.before, changed.after) for changed in change.properties] == [
        ('"x"', "null"),
        ('"null"', "null"),
    ]


def test_an_output_with_a_word_of_the_report_is_marked(tmp_path: Path) -> None:
    outputs = {"a": LATER, "b": sentinels.UNKNOWN, "c": "(absent)", "d": f"{MASK} {LATER}"}
    urn = f"urn:pulumi:dev::pipe::{ROOT_TYPE}::pipe-dev"
    root = {"urn": urn, "parent": "", "outputs": outputs}
    metadata = {"op": "same", "type": ROOT_TYPE, "urn": urn, "old": None, "new": root}
    run = EngineRun(tmp_path).add([{"resOutputsEvent": {"metadata": metadata}}])
    later = "[known after up\u200b]"
    assert run.phase.outputs == {"a": later, "b": LATER, "c": "(absent\u200b)", "d": f"{MASK} {later}"}


def test_a_component_with_the_type_of_the_stack_sets_no_outputs(tmp_path: Path) -> None:
    events = [
        {
            "resOutputsEvent": {
                "metadata": {
                    "op": "same",
                    "type": ROOT_TYPE,
                    "urn": f"urn:pulumi:dev::pipe::{ROOT_TYPE}::{name}",
                    "old": None,
                    "new": {"urn": name, "parent": "", "outputs": {"url": url}},
                }
            }
        }
        for name, url in (("pipe-dev", "evil"), ("other", "good"))
    ]
    assert EngineRun(tmp_path).add(events).phase.outputs == {"url": "evil"}


def test_a_component_with_the_type_of_the_stack_is_a_change() -> None:
    for name, count in (("other", 1), ("pipe-dev", 0)):
        step = Step("create", None, resource(ROOT_TYPE, name))
        assert len(stack(step).changed) == count


def test_outputs_of_a_failed_side_are_not_compared() -> None:
    failed = reviewed({"url": "a"}, {"url": "b"})
    assert failed.head
    failed.head.phase.errors.append("it failed")
    assert find_changes(failed) == []


def test_all_outputs_of_a_new_stack_are_new() -> None:
    new = reviewed({}, {"kubeconfig": "x"})
    [change] = find_changes(Stack("dev", new.head, predicted=True))
    assert (change.op, change.name) == ("create", "pipe-dev")
    assert [(row.path, row.before, row.after) for row in change.properties] == [
        ("output kubeconfig", None, "x")
    ]


def test_a_real_preview_compares_with_the_outputs_in_the_state() -> None:
    urn = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
    secret = {sentinels.SIGNATURE: sentinels.SECRET, "value": "x"}
    outputs = (
        {"url": "a", "id": "i", "same": 1, "secret": secret},
        {"url": "b", "id": sentinels.UNKNOWN, "same": 1, "secret": secret},
    )
    old, new = ({"urn": urn, "type": ROOT_TYPE, "parent": "", "outputs": side} for side in outputs)
    metadata = {"op": "same", "urn": urn, "type": ROOT_TYPE, "old": old, "new": new}
    run = EngineRun(Path()).add({"steps": []}, [{"resOutputsEvent": {"metadata": metadata}}])
    [change] = find_changes(Stack("dev", run))
    assert change.op == "update"
    assert [(row.path, row.before, row.after, row.folded) for row in change.properties] == [
        ("output id", "i", LATER, KNOWN_LATER),
        ("output url", "a", "b", ""),
    ]


COMPONENT = "pipe:index:Api"
SETTING = "1f0c6c9c2d7f4f2c8f7e6a5b4c3d2e1f"


def secret(value: Any) -> dict[str, Any]:
    return {sentinels.SIGNATURE: sentinels.SECRET, "value": value}


def registered(before: dict[str, Any] | None, after: dict[str, Any], *steps: Step) -> Stack:
    """Return a reviewed stack with a component that registers these outputs; without `before`, it is new."""
    old, new = (resource(COMPONENT, "api", custom=False) for _ in range(2))
    root: dict[str, Any] = {"registered": urn(ROOT_TYPE, "pipe-dev"), "outputs": {}}
    step = Step("create", None, new) if before is None else Step("same", old, new)
    base, head = (
        EngineRun(Path(), {item.resource.urn: item for item in (step, *steps)}).add(
            [root, {"registered": new.urn, "outputs": outputs}]
        )
        for outputs in (before or {}, after)
    )
    return Stack("dev", head, base, predicted=True, secrets={SETTING: "pipe:token"})


def rows(stack: Stack) -> list[tuple[str, str | None, str | None]]:
    """Return the changed outputs of the only component that changes."""
    [change] = find_changes(stack)
    assert (change.name, change.type, change.op, change.is_component) == ("api", COMPONENT, "update", True)
    return [(row.path, row.before, row.after) for row in change.properties]


def test_outputs_that_a_component_registers_are_compared() -> None:
    assert rows(registered({"a": "x", "b": 1, "same": [1]}, {"a": "y", "c": {"d": None}, "same": [1]})) == [
        ("output a", "x", "y"),
        ("output b", "1", None),
        ("output c", None, '{"d": null}'),
    ]
    assert find_changes(registered({"a": "x"}, {"a": "x"})) == []


def test_a_component_that_changes_otherwise_has_its_outputs_there() -> None:
    new = registered(None, {"a": "x"})
    assert find_changes(new) == []
    [row] = find_properties(new.changed[0], new)
    assert (row.path, row.before, row.after) == ("output a", None, "x")


def test_a_secret_output_of_a_component_is_a_mask_as_a_whole() -> None:
    text = f"the key {SETTING}"
    assert rows(registered({"a": secret(text), "b": secret("x")}, {"a": secret("z"), "b": secret("x")})) == [
        ("output a", MASK, MASK)
    ]
    assert rows(registered({"a": secret(SETTING)}, {"a": SETTING})) == [
        ("output a", MASK, f"{SETTING} (not secret)")  # The whole report is masked later.
    ]


def test_a_reference_to_a_resource_is_shown_as_its_id() -> None:
    reference = {sentinels.SIGNATURE: sentinels.RESOURCE, "urn": "urn:a", "id": "i"}
    assert rows(registered({}, {"it": reference})) == [("output it", None, "i")]


def test_an_output_that_only_repeats_a_replaced_resource_is_left_out() -> None:
    def replaced(output: str) -> Stack:
        old, new = (resource(KEY, "key", id=text) for text in ("key-000001", "key-000002"))
        step = Step("replace", old, new)
        stack = registered({"key": "the key-000001"}, {"key": output}, step)
        for side in (stack.base, stack.head):
            assert side
            side.renewed[step.resource.urn] = {"key-000001": "key-000002"}
        return stack

    assert find_changes(replaced("the key-000002")) == []
    assert rows(replaced("a key-000002")) == [("output key", "the key-000001", "a key-000002")]


def test_outputs_of_components_are_not_compared_with_a_side_that_has_none() -> None:
    unrecorded, failed = registered({"a": "x"}, {"a": "y"}), registered({"a": "x"}, {"a": "y"})
    assert unrecorded.base and failed.head
    unrecorded.base.component_outputs.clear()
    failed.head.phase.errors.append("it failed")
    assert find_changes(unrecorded) == find_changes(failed) == []


def test_a_real_preview_has_the_outputs_of_a_component_in_its_last_event() -> None:
    key = {"key": "a", "keys": ["a", "b"]}
    sides = key | {"url": "a", "secret": secret("x")}, {"url": "b", "new": secret("x"), "secret": secret("y")}
    unknown = {"key": sentinels.UNKNOWN, "keys": [sentinels.UNKNOWN]}
    state = {"urn": urn(COMPONENT, "api"), "type": COMPONENT, "parent": ""}
    states = [state | {"outputs": outputs} for outputs in (sides[0], sides[0], sides[1] | unknown)]
    plan = {"steps": [{"op": "same", "urn": state["urn"], "oldState": state, "newState": state}]}
    events = [
        {"resOutputsEvent": {"metadata": {"op": "same", **state, "old": states[0], "new": new}}}
        for new in states[1:]
    ]
    run = EngineRun(Path()).add(plan, events)
    stack = Stack("dev", run)
    assert rows(stack) == [("output new", None, MASK), ("output url", "a", "b")]
    assert [*find_component_outputs(stack)] == []  # What is known after `up` hides nothing.

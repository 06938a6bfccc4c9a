"""Tests of runs that are read from ledgers."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.engine.ledger import Ledger, Row
from review import evaluate
from review.findings.provider_changes import find_new_addresses
from review.findings.unknown_values import find_hidden_literals
from review.stacks.engine_run import EngineRun, read
from review.stacks.properties import PENDING, changed_properties, deleted_properties, new_properties
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK, PROGRAM_FAILED
from sandbox.wire import sentinels

ROOT, BUCKET = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev", "urn:pulumi:dev::pipe::b::b"
METADATA = {"urn": BUCKET, "type": "b", "op": "create", "old": None}


def test_the_summary_row_of_a_stack_is_no_violation_of_its_own(tmp_path: Path) -> None:
    row = {"policy": "s3-versioning-off", "verdict": "unknown", "level": "mandatory"}
    detail = "not known in this preview: bucket"
    run = EngineRun(tmp_path).add(
        [{"urn": BUCKET, **row, "detail": detail}, {"urn": ROOT, **row, "detail": ""}]
    )
    [violation] = run.phase.violations
    expected = {"policy": "s3-versioning-off", "urn": BUCKET, "level": "unknown", "message": detail}
    assert violation.items() >= expected.items()


def test_a_part_that_a_rule_cannot_judge_counts_beside_its_violation(tmp_path: Path) -> None:
    row = {"urn": BUCKET, "policy": "p", "level": "mandatory", "detail": "acl is 'public-read'"}
    for verdict in ("violation", "waived", "crashed", "pass"):
        for unknown in ("not known in this preview: policy", ""):
            run = EngineRun(tmp_path).add([row | {"verdict": verdict, "unknown": unknown}])
            messages = [(item["level"], item["message"]) for item in run.phase.violations]
            assert messages == ([("unknown", unknown)] if unknown else [])


def pre_event(op: str, name: str, *, old: bool = False, **inputs: Any) -> dict[str, Any]:
    """Return the engine's event before a step of a provider."""
    kind = "pulumi:providers:aws"
    state = {"urn": f"urn:pulumi:dev::pipe::{kind}::{name}", "type": kind, "custom": True, "inputs": inputs}
    sides = {"old": state if old else None, "new": None if op == "delete" else state}
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": state["urn"], "type": kind, **sides}}}


def test_default_providers_come_from_the_events_since_a_plan_leaves_them_out(tmp_path: Path) -> None:
    address = "https://plugins.example"
    events = [
        pre_event("delete", "default_7", old=True, version="7"),
        pre_event("create", "default_7_https", version="7", __internal={"pluginDownloadURL": address}),
        {"resourcePreEvent": {"metadata": {"op": "create", "urn": BUCKET, "type": "b"}}},
    ]
    stack = Stack("dev", EngineRun(tmp_path).add({"steps": []}, events))
    assert [(step.op, step.resource.name) for step in stack.changed] == [
        ("delete", "default_7"),
        ("create", "default_7_https"),
    ]
    [(_, finding)] = find_new_addresses(stack)
    assert finding.blocks and address in finding.message


def test_the_step_of_a_provider_in_the_plan_stays(tmp_path: Path) -> None:
    event = pre_event("update", "east", old=True)
    metadata = event["resourcePreEvent"]["metadata"]
    step = {"op": "update", "oldState": metadata["old"], "newState": metadata["new"]}
    step["detailedDiff"] = {"region": {"kind": "update"}}
    [recorded] = EngineRun(tmp_path).add({"steps": [step]}, [event]).steps.values()
    assert recorded.diff == {"region": "update"}


def test_the_engines_own_settings_of_a_provider_are_a_change(tmp_path: Path) -> None:
    def state(**internal: Any) -> dict[str, Any]:
        return pre_event("same", "east", __internal=internal)["resourcePreEvent"]["metadata"]["new"]

    mapping = {"OTHER_KEY": "AWS_ACCESS_KEY_ID"}
    for new, op in ((state(), "same"), (state(envVarMappings=mapping), "update")):
        run = EngineRun(tmp_path).add({"steps": [{"op": "same", "oldState": state(), "newState": new}]})
        [step] = run.steps.values()
        assert step.op == op
    [changed] = changed_properties(step, Stack("dev", run))
    assert changed.path == "__internal.envVarMappings" and changed.after == json.dumps(mapping)
    [created] = new_properties(step, Stack("dev", run))
    assert created.path == "__internal.envVarMappings.OTHER_KEY"


def test_a_failed_program_has_an_error_even_if_it_has_logged_none(tmp_path: Path) -> None:
    def errors(*messages: str) -> list[str]:
        rows = [{"diagnosticEvent": {"severity": "error", "message": message}} for message in messages]
        return EngineRun(tmp_path).add(rows).errors

    failed = f"an unhandled error occurred: {PROGRAM_FAILED}"
    assert errors(failed, "preview failed") == [PROGRAM_FAILED]
    assert errors("no such file", failed) == ["no such file"]
    assert errors("RPC error: a", "an unhandled error occurred: a") == ["a"]


def test_only_a_plan_counts_as_a_plan(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    for text, expected in (
        ('{"steps": []}', True),
        ('{"changeSummary": {}}', True),
        ('{"steps": [', False),
        ("", False),
        ('{"stack": "dev", "resources": [], "errors": []}', False),
        ('{"sequence": 1}', False),
    ):
        file.write_text(text)
        assert EngineRun(tmp_path).add(read(file)).has_plan is expected, text


def test_a_preview_without_a_plan_and_without_an_error_is_trouble(tmp_path: Path) -> None:
    # A mandatory violation, which the base may have as well, is no error, but the preview ends with 1.
    event = {"policyEvent": {"policyName": "p", "enforcementLevel": "mandatory", "message": "m"}}
    (tmp_path / "head-events.jsonl").write_text(json.dumps({"sequence": 1, **event}))
    (tmp_path / "head-summary.json").write_text(json.dumps({"errors": []}))
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    projects = tmp_path, tmp_path
    for code, text, trouble in (
        ("0", '{"steps": []}', ""),
        ("0", '{"steps": [', "the preview's plan (engine.log) cannot be read"),
        ("1", '{"steps": []}', ""),
        ("1", '{"steps": [', "the preview's plan (engine.log) cannot be read"),
    ):
        (tmp_path / "head.code").write_text(code)
        (tmp_path / "head-engine.log").write_text(text)
        stack = evaluate.read_stack("dev", projects, projects, tmp_path)
        assert stack.trouble.partition(";")[0] == trouble


def state(**fields: Any) -> dict[str, Any]:
    """Return the state of a bucket."""
    return {"urn": BUCKET, "type": "b", "custom": True, "parent": "", **fields}


def test_outputs_of_the_event_log_are_added_to_the_new_state(tmp_path: Path) -> None:
    plan = {"steps": [{"op": "create", "urn": BUCKET, "newState": state()}]}
    event = {"resOutputsEvent": {"metadata": METADATA | {"new": state(id="b-1", outputs={"arn": "arn:b"})}}}
    for contents in ((plan, [event]), ([event], plan)):
        step = EngineRun(tmp_path).add(*contents).steps[BUCKET]
        assert {*step.resource.texts} == {("id", "b-1"), ("outputs.arn", "arn:b")}


def finished(op: str = "create", **fields: Any) -> dict[str, Any]:
    """Return the engine's event after a step of a bucket."""
    return {"resOutputsEvent": {"metadata": METADATA | {"op": op, "new": state(**fields)}}}


# The events mask secrets, so the last two may differ, too.
@pytest.mark.parametrize("outputs", [{"arn": "arn:other"}, {}, None, {"arn": "arn:b"}])
def test_outputs_that_the_program_replaces_do_not_count(
    outputs: dict[str, str] | None, tmp_path: Path
) -> None:
    plan = {"steps": [{"op": "create", "urn": BUCKET, "newState": state()}]}
    replaced: dict[str, Any] = {} if outputs is None else {"outputs": outputs}
    for custom, overwritten in ((True, {BUCKET}), (False, set[str]())):
        events = [finished(custom=custom, outputs={"arn": "arn:b"}), finished(custom=custom, **replaced)]
        assert EngineRun(tmp_path).add(plan, events[:1]).overwritten == set()
        run = EngineRun(tmp_path).add(plan, events)
        assert run.overwritten == overwritten
        assert dict(run.steps[BUCKET].resource.texts)["outputs.arn"] == "arn:b"


def test_the_steps_of_a_replacement_and_the_phases_of_an_up_replace_no_outputs(tmp_path: Path) -> None:
    steps = [finished(op, outputs={"arn": op}) for op in ("create-replacement", "replace", "delete-replaced")]
    prelude: dict[str, Any] = {"preludeEvent": {}}
    phases = [prelude, *steps, prelude, *steps]
    assert EngineRun(tmp_path).add(phases).overwritten == set()
    assert EngineRun(tmp_path).add([*phases, finished("replace")]).overwritten == {BUCKET}


def test_a_change_of_an_option_alone_is_an_update(tmp_path: Path) -> None:
    for options, op in (({}, "update"), ({"protect": True}, "same")):
        step = {"op": "same", "urn": BUCKET, "oldState": state(protect=True), "newState": state(**options)}
        assert EngineRun(tmp_path).add({"steps": [step]}).steps[BUCKET].op == op


def test_a_secret_at_another_path_is_an_update(tmp_path: Path) -> None:
    sides = {"x.y": MASK, "x": {"y": "s"}}, {"x.y": "s", "x": {"y": MASK}}
    old, new = (state(inputs=inputs) for inputs in sides)
    for after, op in ((new, "update"), (old, "same")):
        step = {"op": "same", "urn": BUCKET, "oldState": old, "newState": after}
        assert EngineRun(tmp_path).add({"steps": [step]}).steps[BUCKET].op == op


READ_STATE: dict[str, Any] = {
    "inputs": {"bucket": "a"},
    "provider": "urn:pulumi:dev::pipe::pulumi:providers:aws::here::1",
}


def test_a_read_that_differs_is_an_update(tmp_path: Path) -> None:
    def op_of(**new: Any) -> str:
        sides = {"oldState": state(external=True, **READ_STATE), "newState": state(external=True, **new)}
        return EngineRun(tmp_path).add({"steps": [{"op": "read", "urn": BUCKET, **sides}]}).steps[BUCKET].op

    assert op_of(**READ_STATE) == "read"
    assert (
        op_of(**READ_STATE | {"provider": "urn:pulumi:dev::pipe::pulumi:providers:aws::there::1"}) == "update"
    )
    assert op_of(**READ_STATE | {"inputs": {"bucket": "b"}}) == "update"
    assert op_of(**READ_STATE | {"id": "b-1"}) == "update"


def test_a_read_with_a_number_in_place_of_a_boolean_is_an_update(tmp_path: Path) -> None:
    sides = (state(external=True, inputs={"default": value}) for value in (True, 1))
    plan = {
        "steps": [{"op": "read", "urn": BUCKET, **dict(zip(("oldState", "newState"), sides, strict=True))}]
    }
    assert EngineRun(tmp_path).add(plan).steps[BUCKET].op == "update"


def test_the_former_id_of_a_read_is_shown(tmp_path: Path) -> None:
    sides = (state(external=True, id=name) for name in ("vpc-a", "vpc-b"))
    plan = {
        "steps": [{"op": "read", "urn": BUCKET, **dict(zip(("oldState", "newState"), sides, strict=True))}]
    }
    reviewed = Stack("dev", EngineRun(tmp_path).add(plan), EngineRun(tmp_path), predicted=True)
    [step] = reviewed.changed
    [changed] = changed_properties(step, reviewed)
    assert (step.op, changed.path, changed.before, changed.after) == ("update", "read ID", "vpc-a", "vpc-b")


def test_the_events_tell_which_operation_of_a_replacement_is_the_first(tmp_path: Path) -> None:
    plan = {"steps": [{"op": "replace", "urn": BUCKET, "oldState": state(), "newState": state()}]}
    operations = ["create-replacement", "replace", "delete-replaced"]
    for order, created_first in ((operations, True), (operations[::-1], False)):
        events = [{"resourcePreEvent": {"metadata": METADATA | {"op": op}}} for op in order]
        for contents in ((plan, events), (events, plan)):
            step = EngineRun(tmp_path).add(*contents).steps[BUCKET]
            assert (step.created_first, step.deleted_first) == (created_first, not created_first)
    unknown = EngineRun(tmp_path).add(plan).steps[BUCKET]
    assert not unknown.created_first and not unknown.deleted_first


def test_both_operations_of_a_replacement_with_an_alias_belong_together(tmp_path: Path) -> None:
    """The deletion has the former URN, which another resource of the program may have now."""
    names = [f"{BUCKET}{end}" for end in ("-a", "-b", "-c")]
    first, second, third = ({**state(), "urn": urn} for urn in names)
    steps = [
        {"op": "replace", "urn": second["urn"], "oldState": first, "newState": second},
        {"op": "replace", "urn": third["urn"], "oldState": second, "newState": third},
    ]
    events = [
        {"resourcePreEvent": {"metadata": METADATA | {"op": op, "urn": urn}}}
        for op, urn in [
            ("create-replacement", names[2]),
            ("delete-replaced", names[0]),
            ("create-replacement", names[1]),
            ("delete-replaced", names[1]),
        ]
    ]
    run = EngineRun(tmp_path).add({"steps": steps}, events)
    orders = [(run.steps[urn].created_first, run.steps[urn].deleted_first) for urn in names[1:]]
    assert orders == [(False, True), (True, False)]


def test_a_resource_that_is_deleted_with_a_replaced_one_counts_as_deleted(tmp_path: Path) -> None:
    plan = {"steps": [{"op": "delete-replaced", "urn": BUCKET, "oldState": state(dependencies=["urn:a"])}]}
    operations = ("delete-replaced", "remove-pending-replace")
    metadata = [METADATA | {"op": op, "old": state(), "new": None} for op in operations]
    events = [{"resourcePreEvent": {"metadata": event}} for event in metadata]
    [step] = EngineRun(tmp_path).add(plan, events).steps.values()
    assert (step.op, step.resource.dependencies) == ("delete", ["urn:a"])
    [step] = EngineRun(tmp_path).add({"steps": []}, events).steps.values()
    assert (step.op, step.resource.urn) == ("delete", BUCKET)


def test_the_old_resource_of_an_earlier_replacement_counts_as_deleted(tmp_path: Path) -> None:
    present, former = state(id="new"), state(id="old", delete=True)
    deletion = {"op": "delete-replaced", "urn": BUCKET, "oldState": former}
    same = {"op": "same", "urn": BUCKET, "oldState": present, "newState": present}
    step, pending = EngineRun(tmp_path).add({"steps": [same, deletion]}).steps.values()
    assert (step.op, step.is_pending) == ("same", False)
    assert (pending.op, pending.is_pending, pending.resource.urn) == ("delete", True, BUCKET)
    stack = Stack("dev", EngineRun(tmp_path).add({"steps": [same, deletion]}))
    [changed] = deleted_properties(*stack.changed)
    assert (changed.path, changed.before) == (PENDING, "old")
    assert [old.state["id"] for old in stack.old.values()] == ["new"]
    replaced = {"op": "replace", "urn": BUCKET, "oldState": present, "newState": state(id="")}
    own = {"op": "delete-replaced", "urn": BUCKET, "oldState": present}
    steps = EngineRun(tmp_path).add({"steps": [replaced, own, deletion]}).steps.values()
    assert [(step.op, step.is_pending) for step in steps] == [("replace", False), ("delete", True)]


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_provider_that_a_plan_leaves_out_has_both_sides_of_a_replacement(
    deleted_first: bool, tmp_path: Path
) -> None:
    def event(op: str) -> dict[str, Any]:
        [details] = pre_event(op, "default_k", old=True, region="here").values()
        metadata: dict[str, Any] = details["metadata"]
        new = None if op == "delete-replaced" else metadata["new"] | {"inputs": {"region": "there"}}
        return {"resourcePreEvent": {"metadata": metadata | {"op": op, "new": new}}}

    operations = ["create-replacement", "replace", "delete-replaced"]
    events = [event(op) for op in (operations[::-1] if deleted_first else operations)]
    stack = Stack("dev", EngineRun(tmp_path).add({"steps": []}, events))
    [step] = stack.changed
    assert (step.op, step.deleted_first) == ("replace", deleted_first)
    changes = [(change.path, change.before, change.after) for change in changed_properties(step, stack)]
    assert changes == [("region", "here", "there")]


def test_a_plan_without_a_step_for_a_resource_of_the_base_is_incomplete(tmp_path: Path) -> None:
    base = EngineRun(tmp_path).add([finished("create")])
    same = {"op": "same", "urn": BUCKET, "oldState": state(), "newState": state()}
    assert EngineRun(tmp_path).add({"steps": [same]}).find_missing(base) == ""
    empty = EngineRun(tmp_path).add({"steps": []})
    assert empty.find_missing(base) == "the preview has no step for b; run the review again"
    assert empty.find_missing(None) == ""
    # Not all resources of a base that has failed are in its state.
    failed = base.add([{"diagnosticEvent": {"severity": "error", "message": "no"}}])
    assert empty.find_missing(failed) == ""


def test_a_step_that_is_not_understood_or_lacks_the_new_side_makes_a_plan_incomplete(tmp_path: Path) -> None:
    def find_missing(events: list[dict[str, Any]], **step: Any) -> str:
        return EngineRun(tmp_path).add({"steps": [step] if step else []}, events).find_missing(None)

    sides = {"oldState": state(), "newState": state()}
    message = "the preview has no step for b; run the review again"
    assert find_missing([], op="renew", **sides) == message
    assert find_missing([], op="update", **sides) == ""
    for op in ("create", "read", "renew"):
        assert find_missing([finished(op)]) == message
        assert find_missing([finished(op)], op="delete", oldState=state()) == message
        assert find_missing([finished(op)], op="create", newState=state()) == ""
    # The event about the old resource of a replacement has its name in the base.
    deleted = {
        "resOutputsEvent": {"metadata": METADATA | {"op": "delete-replaced", "old": state(), "new": None}}
    }
    renamed = {"newState": state(urn=f"{BUCKET}2")}
    assert find_missing([deleted], op="replace", oldState=state(), **renamed) == ""


def test_a_change_of_the_type_alone_is_an_update(tmp_path: Path) -> None:
    step = {"op": "same", "urn": BUCKET, "oldState": state() | {"type": "old"}, "newState": state()}
    assert EngineRun(tmp_path).add({"steps": [step]}).steps[BUCKET].op == "update"


def test_a_managed_resource_that_is_only_read_counts_as_deleted(tmp_path: Path) -> None:
    for old, op in (
        (state(id="b-1"), "delete"),
        (state(id="b-1", external=True), "read"),
        (None, "read"),
    ):
        content = {"op": "read", "urn": BUCKET, "oldState": old, "newState": state(id="b-1", external=True)}
        step = EngineRun(tmp_path).add({"steps": [content]}).steps[BUCKET]
        # With another ID, the engine replaces the resource.
        assert (step.op, step.is_replaced) == (op, op == "delete")


def test_a_managed_resource_in_place_of_a_read_one_counts_as_created(tmp_path: Path) -> None:
    base = EngineRun(tmp_path).add([finished("read", external=True)])
    sides = {"oldState": state(external=True, inputs={"bucket": "a"}), "newState": state()}
    operations = ("create-replacement", "replace")
    plan = {"steps": [{"op": op, "urn": BUCKET, **sides, "replaceReasons": ["id"]} for op in operations]}
    run = EngineRun(tmp_path).add(plan)
    [step] = run.steps.values()
    assert (step.op, step.old, step.forced_by, step.is_replaced) == ("create", None, (), True)
    assert run.find_missing(base) == ""


def test_a_resource_that_becomes_a_component_counts_as_deleted_and_the_reverse_as_created(
    tmp_path: Path,
) -> None:
    resource, component = state(id="b-1", provider="p::1"), state(custom=False)
    for old, new, op in ((resource, component, "delete"), (component, resource, "create")):
        steps = [
            {"op": "create-replacement", "urn": BUCKET, "oldState": old, "newState": new},
            {"op": "replace", "urn": BUCKET, "oldState": old, "newState": new},
            {"op": "delete-replaced", "urn": BUCKET, "oldState": old},
        ]
        for steps_in_order in (steps, steps[::-1]):
            events = [
                {"resourcePreEvent": {"metadata": METADATA | {"op": step["op"]}}} for step in steps_in_order
            ]
            # The engine's order is known even if the plan has been read before the events.
            for contents in (({"steps": steps_in_order}, events), (events, {"steps": steps_in_order})):
                run = EngineRun(tmp_path)
                for content in contents:
                    run.add(content)
                step = run.steps[BUCKET]
                assert (step.op, step.is_replaced) == (op, True)
                assert step.deleted_first == (steps_in_order != steps)


@pytest.mark.parametrize("separator", ["\u2028", "\u0085"])
def test_a_line_break_of_unicode_in_a_name_hides_no_verdict(tmp_path: Path, separator: str) -> None:
    named = f"{BUCKET}{separator}more"
    ledger = Ledger(f"{tmp_path / 'ledger.jsonl'}")
    ledger.add(named, [Row("p", "unknown", "mandatory", "ingress"), Row("q", "not applicable")])
    ledger.complete()
    outputs = [{"ip": "1"}, {"ip": "2"}]
    states = [
        {"urn": named, "type": "b", "custom": True, "parent": "", "outputs": value} for value in outputs
    ]
    metadata = [METADATA | {"urn": named, "new": state} for state in states]
    events = [{"sequence": 1, "resOutputsEvent": {"metadata": event}} for event in metadata]
    log = tmp_path / "events.jsonl"
    log.write_text("\n".join(json.dumps(event, ensure_ascii=False) for event in events))
    run = EngineRun(tmp_path).add(read(tmp_path / "ledger.jsonl"), read(log))
    assert [(row["urn"], row["policy"]) for row in run.phase.violations] == [(named, "p")]
    assert run.overwritten == {named}


def test_a_look_up_is_no_row_of_a_ledger_whatever_its_arguments(tmp_path: Path) -> None:
    lookup = {"lookup": "aws:ec2/getVpc:getVpc", "args": {"tags": {"verdict": "not applicable"}}}
    file = tmp_path / "lookups.jsonl"
    file.write_text(f"{json.dumps(lookup)}\n{json.dumps(lookup)}\n")
    assert read(file) == [lookup, lookup]


def test_a_successful_run_with_an_invalid_file_does_not_count_as_successful(tmp_path: Path) -> None:
    trees, projects = (tmp_path, tmp_path), (None, tmp_path)
    (tmp_path / "head-engine.log").write_text('{"steps": []}')
    for code, errors in (
        ("0", ["head-ledger.jsonl cannot be read; run the review again"]),
        ("1", ["stopped"]),
    ):
        (tmp_path / "head.code").write_text(code)
        (tmp_path / "head.errors").write_text("stopped")
        (tmp_path / "head-ledger.jsonl").write_text('{"run": "complete"}\n{"urn": ')
        head = evaluate.read_stack("dev", trees, projects, tmp_path).head
        assert head and head.errors == errors


@pytest.mark.parametrize("trigger", [0, False, "", "x"])
def test_a_new_trigger_of_replacements_is_shown_whatever_its_value(trigger: object, tmp_path: Path) -> None:
    state = {"urn": BUCKET, "type": "b", "custom": True}
    step = {"op": "same", "oldState": state, "newState": state | {"replacementTrigger": trigger}}
    run = EngineRun(tmp_path).add({"steps": [step]})
    assert [(step.op, step.resource.options) for step in Stack("dev", run).changed] == [
        ("update", {"replacementTrigger": trigger})
    ]


DEPLOYMENT = "urn:pulumi:dev::pipe::kubernetes:apps/v1:Deployment::api"


def ignoring_stack(
    tmp_path: Path, op: str, before: dict[str, Any] | None, after: dict[str, Any], *, image: Any = "a"
) -> Stack:
    """Return a stack in which the engine keeps the replicas and the image of a Deployment.

    `before` has the rows of the base's program, which may not ignore any change (None). `image` is the image
    in the state.
    """
    state = {
        "urn": DEPLOYMENT,
        "type": "kubernetes:apps/v1:Deployment",
        "custom": True,
        "inputs": {"spec": {"replicas": 3, "image": image}},
        "ignoreChanges": ["spec.replicas", "spec.image"],
    }
    plan = {"steps": [{"op": op, "oldState": state, "newState": state}]}
    base, head = (
        EngineRun(tmp_path).add([{"declared": DEPLOYMENT, "inputs": {"spec": spec}}] if spec else [])
        for spec in (before, None)
    )
    head.add(plan, [{"declared": DEPLOYMENT, "inputs": {"spec": after}}])
    settings = {SETTING: "pipe:token", OTHER_SETTING: "pipe:other"}
    return Stack("dev", head, base, predicted=True, secrets=settings)


SETTING, OTHER_SETTING = "0123456789abcdef", "fedcba9876543210"


def secret(value: Any) -> Any:
    """Return a secret in the engine's form."""
    return {sentinels.SIGNATURE: sentinels.SECRET, "value": value}


def reference(identifier: str) -> Any:
    """Return a reference to a resource in the engine's form."""
    return {sentinels.SIGNATURE: sentinels.RESOURCE, "urn": "urn:it", "id": identifier}


def ignored_image(*changes: tuple[str, str | None, str | None]) -> list[tuple[str, str | None, str | None]]:
    """Return changes of the image; their paths begin after its own."""
    path = "option ignoreChanges (spec.image of a later replacement)"
    return [(f"{path}{part}", before, after) for part, before, after in changes]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (
            {"replicas": 3, "image": "a"},
            {"replicas": 0, "image": "a"},
            [("option ignoreChanges (spec.replicas of a later replacement)", "3", "0")],
        ),
        (
            None,
            {"replicas": 0, "image": "a"},
            [("option ignoreChanges (spec.replicas of a later replacement)", "3", "0")],
        ),
        ({"replicas": 3, "image": "a"}, {"replicas": 3}, ignored_image(("", "a", None))),
        ({"replicas": 3, "image": "a"}, {"replicas": 3, "image": "a"}, []),
        (None, {"replicas": 3, "image": "a"}, []),
        ({"image": reference("a")}, {"image": reference("b")}, ignored_image(("", "a", "b"))),
        ({"replicas": 3, "image": "a"}, {"replicas": 3, "image": reference("a")}, []),
        (None, {"replicas": 3, "image": reference("a")}, []),
        ({"image": reference("")}, {"image": reference("a")}, ignored_image(("", LATER, "a"))),
        ({"replicas": 3}, {"replicas": 3, "image": None}, ignored_image(("", None, "null"))),
        ({"replicas": 3, "image": None}, {"replicas": 3}, ignored_image(("", "null", None))),
        ({"image": {"a": None}}, {"image": {"a": None}}, []),
        ({"image": {"a": None}}, {"image": {}}, ignored_image(("", '{"a": null}', "{}"))),
    ],
)
def test_a_change_that_the_engine_ignores_is_shown(
    before: dict[str, Any] | None, after: dict[str, Any], shown: list[Any], tmp_path: Path
) -> None:
    reviewed = ignoring_stack(tmp_path, "same", before, after)
    assert changes_of(reviewed) == shown
    assert [step.op for step in reviewed.changed] == ["update"] * bool(shown)


@pytest.mark.parametrize("image", [None, {"a": None}])
def test_a_null_that_the_engine_ignores_from_now_on_is_no_change(image: Any, tmp_path: Path) -> None:
    reviewed = ignoring_stack(tmp_path, "same", None, {"replicas": 3, "image": image}, image=image)
    assert changes_of(reviewed) == []


def changes_of(reviewed: Stack) -> list[tuple[str, str | None, str | None]]:
    """Return the paths and the values of all changed properties."""
    return [
        (change.path, change.before, change.after)
        for step in reviewed.changed
        for change in changed_properties(step, reviewed)
    ]


FIRST, SECOND = f"https://a.example/{SETTING}", f"https://b.example/{OTHER_SETTING}"
SHOWN = "https://a.example/[secret] (secret)", "https://b.example/[secret] (secret)"


@pytest.mark.parametrize(
    ("before", "after", "shown", "literals"),
    [
        ("a", secret("known"), [("", "a (not secret)", MASK)], {"spec.image": "known"}),
        (secret("other"), secret("known"), [("", MASK, MASK)], {"spec.image": "known"}),
        (
            secret(SETTING),
            secret("known"),
            [("", MASK, MASK), (" › setting", "pipe:token", None)],
            {"spec.image": "known"},
        ),
        (
            secret(FIRST),
            secret(SECOND),
            [("", *SHOWN), (" › secret", MASK, MASK), (" › setting", "pipe:token", "pipe:other")],
            {},
        ),
        (
            secret({"a": SETTING, "b": "x"}),
            secret({"a": SETTING, "b": "y"}),
            [("", f'{{"a": "{MASK}", "b": "{MASK}"}}', f'{{"a": "{MASK}", "b": "{MASK}"}}')],
            {"spec.image.b": "y"},
        ),
        (secret(SETTING), secret(SETTING), [], {}),
    ],
)
def test_a_secret_that_the_engine_ignores_is_shown_and_a_literal_counts(
    before: Any, after: Any, shown: list[Any], literals: dict[str, Any], tmp_path: Path
) -> None:
    sides = ({"replicas": 3, "image": image} for image in (before, after))
    reviewed = ignoring_stack(tmp_path, "same", *sides)
    assert changes_of(reviewed) == ignored_image(*shown)
    assert reviewed.steps[DEPLOYMENT].resource.literals == literals
    findings = [finding.message for _, finding in find_hidden_literals(reviewed) if finding.blocks]
    message = "secret, but neither from a secret setting nor computed"
    assert findings == [f"{message}: {path}" for path in literals]


def test_a_replacement_and_a_run_without_declared_inputs_show_no_ignored_changes(tmp_path: Path) -> None:
    replaced = ignoring_stack(tmp_path, "replace", {"replicas": 3}, {"replicas": 0})
    [step] = replaced.changed
    assert changed_properties(step, replaced) == []
    run = EngineRun(tmp_path).add({"steps": []})
    assert Stack("dev", run, run).changed == []

"""Tests of the selection of the inputs of created resources that every format shows."""

from dataclasses import replace

from review.model import Change, Property
from review.render.shown_inputs import MOST_INPUTS, MOST_INPUTS_OF_ONE, show_inputs
from tests.support.review import samples

POLICY, TOPIC = "aws:sns/topicPolicy:TopicPolicy", "aws:sns/topic:Topic"


def created(name: str, count: int, *always: str, kind: str = TOPIC) -> Change:
    """Return a created resource with this number of inputs, and those that are always shown."""
    inputs = [
        Property(path, None, "x", forces=False, folded="", setting=None, always_shown=path in always)
        for path in (*always, *map(str, range(count)))
    ]
    key = f"{kind}::{name}"
    return replace(samples.change(op="create"), name=name, type=kind, key=key, properties=inputs)


def test_the_inputs_of_a_created_resource_are_shown_up_to_a_limit() -> None:
    few, many = show_inputs([created("few", 3), created("many", 50, "bucket")], [])
    assert len(few.differences) == 3 and few.omitted == 0
    assert [item.path for item in many.differences[:2]] == ["bucket", "0"]
    assert len(many.differences) == 1 + MOST_INPUTS_OF_ONE and many.omitted == 50 - MOST_INPUTS_OF_ONE


def test_resources_with_findings_and_those_about_access_come_first() -> None:
    crowd = [created(f"topic-{number}", MOST_INPUTS_OF_ONE) for number in range(50)]
    risky = replace(samples.finding(), key=crowd[49].key, blocks=False)
    changes = show_inputs([*crowd, created("policy", 5, kind=POLICY)], [risky])
    shown = [change.name for change in changes if change.differences]
    assert {"topic-49", "policy", "topic-0"} <= {*shown} and "topic-48" not in shown
    assert sum(len(change.differences) for change in changes) == MOST_INPUTS


def test_other_changes_stay_as_they_are() -> None:
    change = samples.change(op="update")
    assert show_inputs([change], []) == [change]

"""Tests of values that a program hides from a preview that knows all values."""

from typing import Any

from review.findings.unknown_values import find_unknown
from review.model import UNKNOWN
from review.stacks.engine_run import Step
from sandbox.summary import LATER, MASK
from tests.support.review.stacks import JOB, resource, stack, urn

IMAGE: dict[str, Any] = {"spec": {"containers": [{"image": LATER}, {"image": "b"}]}}


def messages(inputs: dict[str, Any], *undecided: str, predicted: bool = True) -> list[str]:
    """Return the messages about a job, for which policies could not decide about values."""
    reviewed = stack(Step("same", resource(JOB, "it", inputs), resource(JOB, "it", inputs)))
    reviewed.predicted = predicted
    assert reviewed.head
    row = {"policy": "p", "urn": urn(JOB, "it"), "level": UNKNOWN, "severity": ""}
    reviewed.head.phase.violations += [row | {"message": message} for message in undecided]
    findings = [*find_unknown(reviewed)]
    assert all(target == urn(JOB, "it") and finding.blocks for target, finding in findings)
    return [finding.message.partition(": ")[2] for _, finding in findings]


def test_an_unknown_value_blocks_where_all_values_are_predicted() -> None:
    assert messages(IMAGE) == ["spec.containers[0].image"]
    assert messages({"spec": {}}) == []
    assert messages(IMAGE, predicted=False) == []


def test_an_unknown_secret_blocks_if_a_policy_could_not_decide() -> None:
    assert messages({"password": MASK}) == []
    undecided = "not known in this preview: password"
    assert messages({"password": MASK}, undecided) == [undecided]

"""Tests of values that a program hides from a preview that knows all values."""

from typing import Any

from review.findings.unknown_values import STASH, find_unknown
from review.model import UNKNOWN
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from sandbox.summary import LATER, MASK
from tests.support.review.stacks import JOB, VPC, resource, stack, urn

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


def test_a_new_or_changed_read_blocks() -> None:
    def names(*reads: Step) -> list[str]:
        reviewed = stack(*reads)
        reviewed.predicted = True
        return [finding.message.partition(" (get)")[0] for _, finding in find_unknown(reviewed)]

    def read(cidr: str, identifier: str = "vpc-1") -> Resource:
        return resource(VPC, "it", {"cidrBlock": cidr}, id=identifier, external=True)

    before = read("10.0.0.0/8")
    assert names(Step("read", None, before)) == ["reads vpc-1"]
    assert names(Step("read", before, read("10.0.0.0/8"))) == []
    assert names(Step("read", before, read("10.0.0.0/9"))) == ["reads vpc-1"]
    assert names(Step("read", before, read("10.0.0.0/8", "vpc-2"))) == ["reads vpc-2"]
    managed = resource(VPC, "it", {"cidrBlock": "10.0.0.0/8"}, id="vpc-0")
    assert names(Step("replace", managed, read("10.0.0.0/9"))) == ["reads vpc-1"]
    assert names(Step("create", None, managed), Step("replace", before, managed)) == []


def test_a_new_stash_blocks() -> None:
    old, new = (resource(STASH, "it", {"input": value}) for value in "ab")
    for step, blocks in ((Step("create", None, old), True), (Step("update", old, new), False)):
        reviewed = stack(step)
        reviewed.predicted = True
        assert [finding.blocks for _, finding in find_unknown(reviewed)] == [True] * blocks


def test_a_resource_whose_outputs_the_program_replaces_blocks() -> None:
    reviewed = stack(Step("same", resource(VPC, "it"), resource(VPC, "it")))
    reviewed.predicted = True
    assert reviewed.head
    assert [*find_unknown(reviewed)] == []
    reviewed.head.overwritten.add(urn(VPC, "it"))
    [(target, finding)] = find_unknown(reviewed)
    assert (target, finding.blocks) == (urn(VPC, "it"), True)

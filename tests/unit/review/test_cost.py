"""The monthly difference, and what nobody knows of it."""

from pathlib import Path
from typing import Any

import pytest

from review.build import build
from review.cost import TABLE, Costs, cost
from review.engine_run import Observed, Stack, Step
from review.model import BASE_TO_HEAD, CostLine
from review.plain_data import masks
from review.render import renderings
from tests.support.components.fixtures import Recorder
from tests.support.foundation.fixtures import foundation  # noqa: F401  # pyright: ignore[reportUnusedImport]
from tests.support.review.stacks import KEY, resource
from tools.generate_docs import STACKS, program

ENDPOINT, GATEWAY, DATABASE = (
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/natGateway:NatGateway",
    "aws:rds/instance:Instance",
)
NONE: list[str] = []
INTERFACE = {"vpcEndpointType": "Interface"}


def change(kind: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Step:
    """A creation, an update or a deletion."""
    one, two = (None if each is None else resource(kind, "it", each) for each in (old, new))
    return Step("create" if old is None else "delete" if new is None else "update", one, two)


def unpriced(*what: str) -> Costs:
    """What has no price, and nothing else."""
    return 0, [], [*what]


NOTHING = unpriced()


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (change(GATEWAY, None, {}), (45.26, [CostLine("it", "gateway", 0, 45.26)], NONE)),
        (change(KEY, {}, None), (-1, [CostLine("it", "key", 1, 0)], NONE)),
        (
            change(ENDPOINT, {**INTERFACE, "subnetIds": ["a"]}, {**INTERFACE, "subnetIds": ["a", "b"]}),
            (10.22, [CostLine("it", "endpoint, a zone", 10.22, 20.44)], NONE),
        ),
        (change(ENDPOINT, None, {"vpcEndpointType": "Gateway"}), NOTHING),
        (change(ENDPOINT, None, {"vpcEndpointType": "Other"}), unpriced("it: endpoint, a zone")),
        (
            change(DATABASE, {"multiAz": False}, {"multiAz": True}),
            unpriced("it: instance hours and storage"),
        ),
        (change(DATABASE, {"tags": {}}, {"tags": {"a": "b"}}), NOTHING),
        (change("aws:iam/role:Role", None, {}), NOTHING),
        (change("pipe:data:Database", None, {}), NOTHING),
    ],
    ids=[
        "created",
        "deleted",
        "by number",
        "free",
        "no price fits",
        "unknown",
        "not what costs",
        "free type",
        "component",
    ],
)
def test_a_change_costs_what_the_table_says(step: Step, found: Costs) -> None:
    assert cost([step]) == found


@pytest.mark.parametrize(
    "kind",
    [
        "aws:ec2/instance:Instance",
        "aws:ebs/volume:Volume",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:ec2/fleet:Fleet",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:s3/bucketMetric:BucketMetric",
        "cloudflare:index/loadBalancer:LoadBalancer",
        "kubernetes:core/v1:PersistentVolumeClaim",
    ],
)
def test_a_type_that_nobody_entered_is_not_free(kind: str) -> None:
    assert cost([change(kind, None, {})]) == unpriced(f"it: {kind} is not in the price table")


def test_the_table_knows_every_type_that_the_programs_use(foundation: Recorder) -> None:  # noqa: F811
    kinds = {each.type for stack in STACKS for each in program(stack)} | {
        kind for kind, _ in foundation.inputs
    }
    found = cost(change(kind, None, {}) for kind in sorted(kinds))
    assert found[1]
    assert [each for each in found[2] if "not in the price table" in each] == []


def test_no_type_is_free_and_has_a_price() -> None:
    priced = {each["type"] for each in TABLE["prices"]} | {*TABLE["unknown"]}
    assert priced & {*TABLE["free"]} == set()


def test_what_a_base_costs_that_does_not_evaluate_is_not_known(tmp_path: Path) -> None:
    base = Observed(tmp_path)
    base.said.errors.append("no")
    looked = Stack("dev", Observed(tmp_path), base)
    report = build(BASE_TO_HEAD, ("base", "head"), [looked], masks([]), tmp_path)
    assert report.stacks[0].unpriced == ["what the base costs"]
    assert "dev: unknown: what the base costs" in renderings.terminal(report)

"""Tests of the monthly cost difference and its unknown parts."""

from pathlib import Path
from typing import Any

import pytest

from review.build import build
from review.cost import TABLE, Costs, cost, month
from review.engine_run import EngineRun, Stack, Step
from review.model import BASE_TO_HEAD, CostLine
from review.plain_data import build_mask
from review.render import renderings
from tests.support.components.fixtures import Recorder
from tests.support.foundation.fixtures import foundation  # noqa: F401  # pyright: ignore[reportUnusedImport]
from tests.support.review.stacks import KEY, resource
from tools.generate_docs import STACKS, evaluate_program

ENDPOINT, GATEWAY, DATABASE = (
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/natGateway:NatGateway",
    "aws:rds/instance:Instance",
)
NONE: list[str] = []
INTERFACE = {"vpcEndpointType": "Interface"}


def change(kind: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Step:
    """Return a step that creates, updates or deletes a resource."""
    before, after = (None if inputs is None else resource(kind, "it", inputs) for inputs in (old, new))
    return Step("create" if old is None else "delete" if new is None else "update", before, after)


def unpriced(*parts: str) -> Costs:
    """Return costs that consist of parts without a price."""
    return 0, [], [*parts]


NOTHING = unpriced()


@pytest.mark.parametrize(
    ("step", "costs"),
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
        "irrelevant input",
        "free type",
        "component",
    ],
)
def test_a_change_is_priced_by_the_table(step: Step, costs: Costs) -> None:
    assert cost([step]) == costs


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
def test_a_type_that_the_table_lacks_is_unpriced(kind: str) -> None:
    assert cost([change(kind, None, {})]) == unpriced(f"it: {kind} is not in the price table")


@pytest.mark.parametrize(
    ("kind", "inputs", "dollars"),
    [
        ("aws:kms/key:Key", {}, 1.0),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Gateway"}, 0.0),
        ("aws:s3/bucket:Bucket", {}, None),
        ("aws:it/thing:Thing", {}, None),
    ],
)
def test_the_month_of_one_resource_has_a_price_or_none(
    kind: str, inputs: dict[str, Any], dollars: float | None
) -> None:
    assert month(kind, inputs) == dollars


def test_the_table_knows_every_type_that_the_programs_use(foundation: Recorder) -> None:  # noqa: F811
    kinds = {declared.type for stack in STACKS for declared in evaluate_program(stack)}
    kinds |= {kind for kind, _ in foundation.inputs}
    _, lines, unpriced_parts = cost(change(kind, None, {}) for kind in sorted(kinds))
    assert lines
    assert [part for part in unpriced_parts if "not in the price table" in part] == []


def test_no_type_is_free_and_has_a_price() -> None:
    priced = {price["type"] for price in TABLE["prices"]} | {*TABLE["unknown"]}
    assert priced & {*TABLE["free"]} == set()


def test_the_cost_of_a_base_that_does_not_evaluate_is_unknown(tmp_path: Path) -> None:
    base = EngineRun(tmp_path)
    base.phase.errors.append("no")
    stack = Stack("dev", EngineRun(tmp_path), base)
    report = build(BASE_TO_HEAD, ("base", "head"), [stack], build_mask([]), tmp_path)
    assert report.stacks[0].unpriced == ["cost of the base"]
    assert "dev: unknown: cost of the base" in renderings.render_terminal(report)

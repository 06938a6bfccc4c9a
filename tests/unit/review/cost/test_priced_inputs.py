"""Tests of the inputs that the prices hold for: another one makes the change of the bill unknown."""

from typing import Any

import pytest

from review.cost import estimate, nodes, price_table
from review.cost.estimate import CHARGES, OTHER_INPUTS
from review.cost.priced_inputs import PricedInputs
from review.stacks.resources import Resource
from tests.support.review.stacks import resource

CLUSTER, DATABASE = "aws:eks/cluster:Cluster", "aws:rds/instance:Instance"
TRAIL, GATEWAY = "aws:cloudtrail/trail:Trail", "aws:ec2/natGateway:NatGateway"
ENDPOINT, SERVICE = "aws:ec2/vpcEndpoint:VpcEndpoint", "kubernetes:core/v1:Service"
LOAD_BALANCER = "service.beta.kubernetes.io/aws-load-balancer-{}"

KNOWN: dict[str, dict[str, Any]] = {
    "aws:accessanalyzer/analyzer:Analyzer": {"type": "ACCOUNT"},
    "aws:codebuild/project:Project": {
        "environment": {"computeType": "BUILD_GENERAL1_SMALL", "type": "LINUX_CONTAINER"}
    },
    GATEWAY: {},
    "aws:ec2/subnet:Subnet": {"mapPublicIpOnLaunch": False},
    ENDPOINT: {"vpcEndpointType": "Interface", "subnetIds": ["a"]},
    CLUSTER: {
        "version": "1.35",
        "upgradePolicy": {"supportType": "STANDARD"},
        "computeConfig": {"nodePools": ["system"]},
    },
    "aws:eks/addon:Addon": {"addonName": "metrics-server"},
    DATABASE: {
        "instanceClass": "db.m7g.large",
        "allocatedStorage": 100,
        "storageType": "gp3",
        "engineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "performanceInsightsRetentionPeriod": 7,
    },
    "aws:sns/topicSubscription:TopicSubscription": {"protocol": "email"},
    TRAIL: {},
    "datadog:index/syntheticsTest:SyntheticsTest": {
        "type": "api",
        "status": "live",
        "locations": ["a"],
        "optionsList": {"tickEvery": 60},
    },
    nodes.NODE_CLASS: {"spec": {"ephemeralStorage": {"size": "80Gi"}}},
    nodes.POOL: {"spec": {"template": {"spec": {"requirements": []}}}},
    nodes.RELEASE: {"chart": "datadog", "values": {"datadog": {"apm": {"portEnabled": True}}}},
    SERVICE: {"spec": {"type": "LoadBalancer"}, "metadata": {"name": "a", "annotations": {}}},
}
"""Inputs with a price of samples of types."""


def deployment(**pod: Any) -> dict[str, Any]:
    """Return the inputs of a Deployment with these further fields of its pods."""
    containers = [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]
    return {"spec": {"replicas": 3, "template": {"spec": {"containers": containers, **pod}}}}


KNOWN[nodes.DEPLOYMENT] = deployment()


def others(resource_type: str, inputs: dict[str, Any]) -> list[str]:
    """Return the inputs for which the table has no price."""
    return price_table.TABLE.inputs_of(resource_type).unpriced(inputs)


@pytest.mark.parametrize(
    ("resource_type", "change", "names"),
    [
        (CLUSTER, {"controlPlaneScalingConfig": {"tier": "tier-4xl"}}, ["controlPlaneScalingConfig.tier"]),
        (CLUSTER, {"upgradePolicy": {"supportType": "EXTENDED"}}, ["upgradePolicy.supportType"]),
        (CLUSTER, {"upgradePolicy": None}, ["upgradePolicy.supportType"]),
        (
            CLUSTER,
            {"computeConfig": {"nodePools": ["system", "general-purpose"]}},
            ["computeConfig.nodePools"],
        ),
        (DATABASE, {"dedicatedLogVolume": True}, ["dedicatedLogVolume"]),
        (DATABASE, {"performanceInsightsRetentionPeriod": 731}, ["performanceInsightsRetentionPeriod"]),
        (
            DATABASE,
            {"engineLifecycleSupport": "open-source-rds-extended-support"},
            ["engineLifecycleSupport"],
        ),
        (DATABASE, {"engineLifecycleSupport": None}, ["engineLifecycleSupport"]),
        (DATABASE, {"publiclyAccessible": True}, ["publiclyAccessible"]),
        (DATABASE, {"replicateSourceDb": "d", "allocatedStorage": None}, ["replicateSourceDb"]),
        (
            nodes.NODE_CLASS,
            {"spec": {"ephemeralStorage": {"size": "80Gi", "iops": 16000}}},
            ["spec.ephemeralStorage.iops"],
        ),
        (
            nodes.NODE_CLASS,
            {"spec": {"advancedNetworking": {"associatePublicIPAddress": True}}},
            ["spec.advancedNetworking"],
        ),
        (
            nodes.POOL,
            {"spec": {"template": {"spec": {"requirements": [{"key": "a", "minValues": 9}]}}}},
            ["spec.template.spec.requirements.minValues"],
        ),
        (
            nodes.DEPLOYMENT,
            deployment(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {"a": 1}}}}]),
            ["spec.template.spec.volumes.ephemeral"],
        ),
        (
            nodes.DEPLOYMENT,
            deployment(containers=[{"ports": [{"hostPort": 80}]}]),
            ["spec.template.spec.containers.ports.hostPort"],
        ),
        (
            nodes.DEPLOYMENT,
            deployment(initContainers=[{"restartPolicy": "Always"}]),
            ["spec.template.spec.initContainers.restartPolicy"],
        ),
        (GATEWAY, {"availabilityMode": "regional"}, ["availabilityMode"]),
        ("aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True}, ["mapPublicIpOnLaunch"]),
        (
            "aws:codebuild/project:Project",
            {"environment": {"computeType": "BUILD_GENERAL1_SMALL", "type": "LINUX_GPU_CONTAINER"}},
            ["environment.type"],
        ),
        ("datadog:index/syntheticsTest:SyntheticsTest", {"subtype": "multi"}, ["subtype"]),
        (
            nodes.RELEASE,
            {"values": {"datadog": {"networkMonitoring": {"enabled": True}}}},
            ["values.datadog.networkMonitoring"],
        ),
        (ENDPOINT, {"subnetConfigurations": [{"subnetId": "a"}]}, ["subnetConfigurations"]),
        (ENDPOINT, {"vpcEndpointType": "GatewayLoadBalancer"}, ["vpcEndpointType"]),
        (
            SERVICE,
            {"metadata": {"annotations": {LOAD_BALANCER.format("minimum-load-balancer-capacity"): "9"}}},
            [f'metadata.annotations["{LOAD_BALANCER.format("minimum-load-balancer-capacity")}"]'],
        ),
        ("aws:accessanalyzer/analyzer:Analyzer", {"type": "ACCOUNT_UNUSED_ACCESS"}, ["type"]),
        (TRAIL, {"eventSelectors": [{"readWriteType": "All"}]}, ["eventSelectors"]),
        ("aws:eks/addon:Addon", {"addonName": "kubecost_kubecost"}, ["addonName"]),
        ("aws:eks/addon:Addon", {"configurationValues": '{"replicas": 99}'}, ["configurationValues"]),
        ("aws:sns/topicSubscription:TopicSubscription", {"protocol": "sms"}, ["protocol"]),
    ],
)
def test_an_input_without_a_price_makes_the_change_unknown(
    resource_type: str, change: dict[str, Any], names: list[str]
) -> None:
    known = KNOWN[resource_type]
    assert others(resource_type, known) == []
    assert others(resource_type, known | change) == names
    before, after = (resource(resource_type, "it", inputs) for inputs in (known, known | change))
    costs = estimate.compare("dev", [before], [after])
    assert costs.difference is None
    assert costs.is_after_minimum
    [line] = [line for line in costs.unknown if line.part == OTHER_INPUTS]
    assert line.basis == f"no price of {resource_type} with this {names[0]} in ap-northeast-1"
    assert estimate.compare("dev", [before], [before]).difference == 0


def test_every_type_with_a_charge_has_inputs_and_an_unnamed_one_is_unknown() -> None:
    priced = {name for group in price_table.TABLE.priced for name in group.types}
    assert priced == CHARGES.keys()
    for resource_type in sorted(priced):
        assert "newInput" in others(resource_type, {"newInput": {"tier": 9}})


def test_a_second_trail_has_no_price() -> None:
    trails = [resource(TRAIL, name, {}) for name in "ab"]
    costs = estimate.compare("dev", trails[:1], trails)
    assert (costs.difference, [line.resource for line in costs.unknown]) == (None, ["b"])


def test_a_database_without_a_size_has_storage_without_a_price() -> None:
    known = {name: value for name, value in KNOWN[DATABASE].items() if name != "allocatedStorage"}
    costs = estimate.compare("dev", [], [resource(DATABASE, "it", {**known, "snapshotIdentifier": "s"})])
    assert [line.basis for line in costs.unknown] == [
        "no price of an unknown amount of storage in ap-northeast-1"
    ]


@pytest.mark.parametrize(
    ("resource_type", "path"),
    [
        ("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "bucket"),
        ("aws:ecr/replicationConfiguration:ReplicationConfiguration", "region"),
    ],
)
def test_each_destination_of_copies_costs_a_transfer(resource_type: str, path: str) -> None:
    def copies(*names: str) -> Resource:
        if path == "bucket":
            rules: Any = [{"destination": {"bucket": name}} for name in names]
            return resource(resource_type, "it", {"rules": rules})
        rules = [{"destinations": [{"region": name, "registryId": "1"} for name in names]}]
        return resource(resource_type, "it", {"replicationConfiguration": {"rules": rules}})

    once, twice = (
        estimate.total(estimate.estimate([copies(*names)], estimate.usage_of("")))
        for names in (("a", "a"), ("a", "b"))
    )
    assert once > 0
    assert twice == pytest.approx(2 * once)


def test_an_input_in_a_list_counts_for_each_item_and_notes_of_a_provider_do_not() -> None:
    table = PricedInputs(
        neutral=("items.name",), priced_for={"items.kind": (None, "a"), "off": (False, None)}
    )
    assert table.unpriced({"items": [{"name": 1, "kind": "a", "__defaults": ["x"]}, {"name": 2}]}) == []
    assert table.unpriced({"items": [{"kind": "a"}, {"kind": "b"}]}) == ["items.kind"]
    assert table.unpriced({"items": "[secret]"}) == ["items", "items.kind"]
    assert table.unpriced({"off": 0}) == ["off"]
    assert table.unpriced({"new": {"a": [{}, None]}, "__defaults": ["new"]}) == []
    assert table.unpriced({"new": {"a": [{}, 0]}}) == ["new"]

"""Tests that the values which AWS decides agree with each other, and with what AWS decides for sure."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.target import LiveResource
from sandbox.wire.sentinels import INVENTED
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, changed, resource

EIP, NAT_GATEWAY = "aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
SUBNET = "aws:ec2/subnet:Subnet"
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


@pytest.fixture
def plan() -> AwsPlan:
    return AwsPlan(recognizable=True, salt="salt")


def create(plan: AwsPlan, token: str, inputs: dict[str, Any], name: str = "it") -> LiveResource:
    return plan.create(resource(token, inputs, name))


def test_a_nat_gateway_has_the_address_of_its_allocation(plan: AwsPlan) -> None:
    address, other = (create(plan, EIP, {"domain": "vpc"}, name) for name in ("a", "b"))
    gateways = [
        create(plan, NAT_GATEWAY, {"subnetId": "subnet-1", "allocationId": address.id}, name) for name in "cd"
    ]
    for gateway in gateways:
        assert gateway.outputs["publicIp"] == address.outputs["publicIp"] != other.outputs["publicIp"]
    assert gateways[0].id != gateways[1].id
    private = create(plan, NAT_GATEWAY, {"subnetId": "subnet-1", "connectivityType": "private"})
    assert private.outputs["publicIp"] == ""


def test_a_region_of_an_account_has_one_setting_for_encryption(plan: AwsPlan) -> None:
    token = "aws:ebs/encryptionByDefault:EncryptionByDefault"
    first, same, other = (
        create(plan, token, {"enabled": True} | region, name)
        for name, region in (("a", {}), ("b", {}), ("c", {"region": "us-east-1"}))
    )
    assert first.id == same.id != other.id


def test_a_vpc_has_one_route_table_and_one_security_group_at_first(plan: AwsPlan) -> None:
    vpc, other = (create(plan, r.VPC, VALID[r.VPC], name) for name in ("a", "b"))
    assert vpc.outputs["mainRouteTableId"] == vpc.outputs["defaultRouteTableId"]
    assert create(plan, DEFAULT_GROUP, {"vpcId": vpc.id}).id == vpc.outputs["defaultSecurityGroupId"]
    assert create(plan, DEFAULT_GROUP, {"vpcId": other.id}).id == other.outputs["defaultSecurityGroupId"]
    updated = plan.update(replace(resource(r.VPC, VALID[r.VPC], "a"), id=vpc.id), vpc)
    assert updated.outputs["defaultSecurityGroupId"] == vpc.outputs["defaultSecurityGroupId"]


@pytest.mark.parametrize("action", ["create", "diff", "read"])
def test_a_cluster_is_in_the_vpc_of_its_subnets(plan: AwsPlan, action: str) -> None:
    inputs = {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24"}
    subnet = replace(resource(SUBNET, inputs), id="subnet-1")
    expected = "vpc-1"
    if action == "create":
        subnet = replace(subnet, id=plan.create(subnet).id)
    elif action == "diff":
        plan.replacement_paths(subnet)
    else:
        live = plan.read(replace(subnet, inputs={}), {"id": "subnet-1"})
        assert live
        expected = live.outputs["vpcId"]
    cluster = create(plan, r.CLUSTER, changed(r.CLUSTER, "vpcConfig", {"subnetIds": [subnet.id]}))
    assert cluster.outputs["vpcConfig"]["vpcId"] == expected


def test_the_zone_of_a_subnet_has_the_id_that_a_look_up_finds(plan: AwsPlan) -> None:
    zones = plan.invoke(ZONES, {"state": "available"}, {"region": "ap-northeast-1"})
    for zone, zone_id in zip(zones["names"], zones["zoneIds"], strict=True):
        inputs = {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24", "availabilityZone": zone}
        assert create(plan, SUBNET, inputs).outputs["availabilityZoneId"] == zone_id


@pytest.mark.parametrize(
    ("arguments", "letters"),
    [
        ({}, "acd"),
        ({"excludeNames": ["ap-northeast-1a"]}, "cd"),
        ({"filters": [{"name": "zone-name", "values": ["ap-northeast-1c"]}]}, "c"),
        ({"filters": [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]}, "acd"),
        ({"filters": [{"name": "zone-type", "values": ["local-zone"]}]}, ""),
        ({"allAvailabilityZones": True}, ""),
        ({"state": "impaired"}, ""),
        ({"region": "us-west-2"}, ""),
    ],
)
def test_a_look_up_finds_the_zones_for_its_arguments_or_invents_them(
    plan: AwsPlan, arguments: dict[str, Any], letters: str
) -> None:
    answer = plan.invoke(ZONES, arguments, {"region": "ap-northeast-1"})
    if letters:
        assert answer["names"] == [f"ap-northeast-1{letter}" for letter in letters]
        excluded = plan.invoke(ZONES, {"excludeZoneIds": answer["zoneIds"][:1]}, {"region": "ap-northeast-1"})
        assert answer["names"][0] not in excluded["names"]
    else:
        assert all(name.startswith(INVENTED) for name in (*answer["names"], *answer["zoneIds"]))


@pytest.mark.parametrize(
    ("engine", "version", "start", "is_whole"),
    [
        ("postgres", "17", "17.", False),
        ("postgres", "17.6", "17.6", True),
        ("MySQL", "8.0", "8.0.", False),
        ("mariadb", "10.11.8", "10.11.8", True),
        ("sqlserver-ex", "15.00", INVENTED, False),
    ],
)
def test_a_review_invents_what_a_version_leaves_out(
    plan: AwsPlan, engine: str, version: str, start: str, is_whole: bool
) -> None:
    inputs = VALID[r.DATABASE] | {"engine": engine, "engineVersion": version}
    live = create(plan, r.DATABASE, inputs)
    actual = live.outputs["engineVersionActual"]
    assert actual.startswith(start) and (actual == version) == is_whole
    updated = plan.update(replace(resource(r.DATABASE, inputs), id=live.id), live)
    assert updated.outputs["engineVersionActual"] == actual


def test_the_expected_owner_of_a_bucket_is_a_part_of_the_id(plan: AwsPlan) -> None:
    inputs = {"bucket": "data", "versioningConfiguration": {"status": "Enabled"}}
    token = "aws:s3/bucketVersioning:BucketVersioning"
    assert create(plan, token, inputs).id == "data"
    owner = {"expectedBucketOwner": "123456789012"}
    assert create(plan, token, inputs | owner).id == "data,123456789012"


def test_only_an_endpoint_with_interfaces_has_names(plan: AwsPlan) -> None:
    inputs = {"vpcId": "vpc-1", "serviceName": "com.amazonaws.ap-northeast-1.s3"}
    token = "aws:ec2/vpcEndpoint:VpcEndpoint"
    for kind, is_empty in (({}, True), ({"vpcEndpointType": "Interface"}, False)):
        outputs = create(plan, token, inputs | kind).outputs
        assert [not outputs[name] for name in ("dnsEntries", "networkInterfaceIds")] == [is_empty] * 2


@pytest.mark.parametrize(
    ("region", "partition", "suffix", "reverse"),
    [
        ("ap-northeast-1", "aws", "amazonaws.com", "com.amazonaws"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn", "cn.com.amazonaws"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com", "com.amazonaws"),
        ("xx-new-1", "aws", "amazonaws.com", "com.amazonaws"),
    ],
)
def test_arns_and_names_are_those_of_the_partition(
    plan: AwsPlan, region: str, partition: str, suffix: str, reverse: str
) -> None:
    settings = {"region": region}
    answer = plan.invoke("aws:index/getPartition:getPartition", {}, settings)
    assert [answer["partition"], answer["dnsSuffix"], answer["reverseDnsPrefix"]] == [
        partition,
        suffix,
        reverse,
    ]
    caller = plan.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, settings)
    topic = plan.create(resource("aws:sns/topic:Topic", {"name": "alarms"}, **settings))
    for arn in (topic.id, topic.outputs["arn"], caller["arn"]):
        assert arn.startswith(f"arn:{partition}:s")
    cluster = plan.create(resource(r.CLUSTER, VALID[r.CLUSTER], **settings))
    assert cluster.outputs["endpoint"].endswith(f".{region}.eks.{suffix}")


def test_an_output_has_nothing_of_an_input_that_is_only_written(plan: AwsPlan) -> None:
    inputs = VALID[r.DATABASE] | {"passwordWo": "secret", "passwordWoVersion": 1}
    live = create(plan, r.DATABASE, inputs)
    assert live.inputs["passwordWo"] == "secret"
    assert "passwordWo" not in live.outputs and live.outputs["passwordWoVersion"] == 1

"""Tests of the VPC: subnets, routes, and flow logs.

The policy pack checks the default security group and public addresses; tests/engine/test_stacks.py runs the
pack on every stack.
"""

from functools import partial
from typing import Any

import pulumi
import pytest

from components.aws.network import zone_name
from tests.support.components import aws
from tests.support.components.fixtures import Declare, Recorder, evaluate
from tests.support.components.iam import verdict

SUBNET, NAT = "aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway"


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.network)


def destinations(recorder: Recorder, table: str) -> dict[str, Any]:
    """Return the gateways of a route table's routes, by destination."""
    return {
        route["destinationCidrBlock"]: route.get("natGatewayId") or route.get("gatewayId")
        for route in recorder.of_type("aws:ec2/route:Route").values()
        if route["routeTableId"] == f"{table}-id"
    }


def test_each_tier_has_a_subnet_in_each_zone_with_the_tags_of_load_balancers(declare: Declare) -> None:
    subnets = declare("prod").of_type(SUBNET)
    placed = {
        name: (
            subnet["availabilityZone"],
            subnet["cidrBlock"],
            *(key for key in subnet["tags"] if key.startswith("kubernetes.io/")),
        )
        for name, subnet in subnets.items()
    }
    public, private = "kubernetes.io/role/elb", "kubernetes.io/role/internal-elb"
    assert placed == {
        "network-public-1": ("ap-northeast-1a", "10.30.0.0/24", public),
        "network-public-2": ("ap-northeast-1c", "10.30.1.0/24", public),
        "network-public-3": ("ap-northeast-1d", "10.30.2.0/24", public),
        "network-private-1": ("ap-northeast-1a", "10.30.16.0/20", private),
        "network-private-2": ("ap-northeast-1c", "10.30.32.0/20", private),
        "network-private-3": ("ap-northeast-1d", "10.30.48.0/20", private),
        "network-database-1": ("ap-northeast-1a", "10.30.8.0/24"),
        "network-database-2": ("ap-northeast-1c", "10.30.9.0/24"),
        "network-database-3": ("ap-northeast-1d", "10.30.10.0/24"),
    }
    assert not any("ipv6" in key.lower() for subnet in subnets.values() for key in subnet)


def test_a_subnet_stays_in_its_zone_when_the_regions_list_changes(declare: Declare) -> None:
    recorder = declare("prod")
    subnets = [names for (kind, _), names in recorder.ignored.items() if kind == SUBNET]
    assert subnets == [["availabilityZone"]] * 9
    [zones] = recorder.calls.values()
    assert "state" not in zones, "the list must include a zone that is down"


@pytest.mark.parametrize(("stack", "gateways"), [("dev", [1, 1, 1]), ("prod", [1, 2, 3])])
def test_private_subnets_use_one_nat_gateway_or_that_of_their_zone(
    declare: Declare, stack: str, gateways: list[int]
) -> None:
    recorder = declare(stack)
    assert set(recorder.of_type(NAT)) == {f"network-nat-{gateway}" for gateway in gateways}
    for zone, gateway in enumerate(gateways, 1):
        route = {"0.0.0.0/0": f"network-nat-{gateway}-id"}
        assert destinations(recorder, f"network-private-{zone}") == route
        subnet = recorder.inputs[NAT, f"network-nat-{gateway}"]["subnetId"]
        assert subnet == f"network-public-{gateway}-id"
        waits_for = recorder.dependencies[NAT, f"network-nat-{gateway}"]
        assert ("aws:ec2/internetGateway:InternetGateway", "network") in waits_for


def test_resources_that_cannot_exist_twice_are_deleted_before_their_replacement(declare: Declare) -> None:
    gateways = {(NAT, f"network-nat-{zone}") for zone in (1, 2, 3)}
    assert declare("prod").deleted_first == gateways | {("aws:ec2/flowLog:FlowLog", "network-flow-logs")}


def test_the_database_has_no_route_out(declare: Declare) -> None:
    recorder = declare()
    assert destinations(recorder, "network-public") == {"0.0.0.0/0": "network-id"}
    assert destinations(recorder, "network-database") == {}
    associations = recorder.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation").values()
    tables = {association["subnetId"]: association["routeTableId"] for association in associations}
    assert {tables[f"network-database-{zone}-id"] for zone in (1, 2, 3)} == {"network-database-id"}
    assert len(tables) == 9


def test_s3_is_reached_without_nat(declare: Declare) -> None:
    [endpoint] = declare("dev").of_type("aws:ec2/vpcEndpoint:VpcEndpoint").values()
    assert endpoint["serviceName"] == "com.amazonaws.ap-northeast-1.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert endpoint["routeTableIds"] == [f"network-private-{zone}-id" for zone in (1, 2, 3)]


OWN, OTHER = "123456789012", "111122223333"
LAYER = "arn:aws:s3:::prod-ap-northeast-1-starport-layer-bucket/a"


RUNNER = "arn:aws:s3:::codefactory-ap-northeast-1-prod-default-build-agent-executor/cawsrunner.zip"


def test_the_way_to_s3_leads_to_own_buckets_image_layers_and_the_runner(declare: Declare) -> None:
    [endpoint] = declare("dev").of_type("aws:ec2/vpcEndpoint:VpcEndpoint").values()
    for action, resource, principal_account, resource_account, expected in (
        ("s3:PutObject", "arn:aws:s3:::pipe-backup/a", OWN, OWN, "allow"),
        ("s3:PutObject", "arn:aws:s3:::theirs/a", OWN, OTHER, "nothing"),
        ("s3:PutObject", "arn:aws:s3:::theirs/a", OTHER, OTHER, "nothing"),
        ("s3:GetObject", "arn:aws:s3:::pipe-backup/a", OTHER, OWN, "nothing"),
        ("s3:GetObject", LAYER, OTHER, OTHER, "allow"),
        ("s3:PutObject", LAYER, OWN, OTHER, "nothing"),
        ("s3:GetObject", RUNNER, "", OTHER, "allow"),
        ("s3:PutObject", RUNNER, OWN, OTHER, "nothing"),
        ("s3:GetObject", RUNNER.replace("ap-northeast-1", "us-east-1"), "", OTHER, "nothing"),
    ):
        # A request without credentials has no principal's account.
        context = {"aws:ResourceAccount": resource_account}
        if principal_account:
            context["aws:PrincipalAccount"] = principal_account
        assert verdict([endpoint["policy"]], action, resource, context) == expected, (action, resource)


FLOW_LOGS = "pipe-test-flow-logs-123456789012-ap-northeast-1"


@pytest.mark.parametrize("protect", [True, False])
def test_all_traffic_is_logged_to_a_bucket_that_the_settings_protect(declare: Declare, protect: bool) -> None:
    recorder = declare("prod", protect=protect)
    [log] = recorder.of_type("aws:ec2/flowLog:FlowLog").values()
    assert (log["vpcId"], log["trafficType"], log["logDestinationType"]) == ("network-id", "ALL", "s3")
    bucket = ("aws:s3/bucket:Bucket", "network-flow-logs")
    assert recorder.inputs[bucket]["bucket"] == FLOW_LOGS
    [lifecycle] = recorder.of_type(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    ).values()
    assert {"days": 365} in [rule.get("expiration") for rule in lifecycle["rules"]]
    assert recorder.protected == ({bucket} if protect else set())
    policy = ("aws:s3/bucketVersioning:BucketVersioning", "network-flow-logs")
    assert policy in recorder.dependencies["aws:ec2/flowLog:FlowLog", "network-flow-logs"]


OF_ACCOUNT = {
    "aws:SourceAccount": "123456789012",
    "aws:SourceArn": "arn:aws:logs:ap-northeast-1:123456789012:x",
    "s3:x-amz-acl": "bucket-owner-full-control",
    "aws:SecureTransport": "true",
    "s3:TlsVersion": "1.3",
}


@pytest.mark.parametrize(
    ("action", "path", "changes", "expected"),
    [
        ("s3:PutObject", "/AWSLogs/123456789012/vpcflowlogs/a.gz", {}, "allow"),
        ("s3:PutObject", "/AWSLogs/111122223333/vpcflowlogs/a.gz", {}, "nothing"),
        ("s3:PutObject", "/AWSLogs/123456789012/a.gz", {"aws:SourceAccount": "111122223333"}, "nothing"),
        ("s3:PutObject", "/AWSLogs/123456789012/a.gz", {"s3:x-amz-acl": "public-read"}, "nothing"),
        ("s3:GetBucketAcl", "", {}, "allow"),
        ("s3:GetObject", "/AWSLogs/123456789012/a.gz", {}, "nothing"),
    ],
)
def test_log_delivery_only_adds_logs_of_the_account(
    declare: Declare, action: str, path: str, changes: dict[str, str], expected: str
) -> None:
    [policy] = declare("prod").of_type("aws:s3/bucketPolicy:BucketPolicy").values()
    context = OF_ACCOUNT | changes
    assert verdict([policy["policy"]], action, f"arn:aws:s3:::{FLOW_LOGS}{path}", context) == expected


def test_too_few_zones_are_reported_with_the_key_to_change() -> None:
    zones = pulumi.Output.from_input(["us-west-1a", "us-west-1c"])
    with pytest.raises(ValueError) as fault:
        evaluate(lambda: zone_name(zones, 3, "us-west-1"))
    assert str(fault.value) == (
        "pipe:network.subnets needs at least 3 availability zones, but us-west-1 has only 2 in which EKS "
        "accepts a cluster (us-west-1a, us-west-1c). Choose another region."
    )

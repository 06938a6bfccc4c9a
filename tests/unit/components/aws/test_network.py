import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.aws.network import Network, NetworkArgs, zone_name
from components.common.naming import Naming
from components.settings.models.network import Network as NetworkSettings
from tests.support.components.fixtures import Recorder, evaluate

Declare = Callable[..., Recorder]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any]) -> Declare:
    recorder.answers["aws:index/getAvailabilityZones:getAvailabilityZones"] = {
        "names": ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    }

    def run(stack: str = "prod", *, protect: bool = False) -> Recorder:
        settings: NetworkSettings = topic(NetworkSettings, "network", stack)
        args = NetworkArgs(settings=settings, naming=naming, protect=protect)
        evaluate(lambda: Network("network", args).vpc_id)
        return recorder

    return run


def destinations(recorder: Recorder, table: str) -> dict[str, Any]:
    """Where the routes of a table lead, by destination."""
    return {
        route["destinationCidrBlock"]: route.get("natGatewayId") or route.get("gatewayId")
        for route in recorder.of_type("aws:ec2/route:Route").values()
        if route["routeTableId"] == f"{table}-id"
    }


def test_each_tier_has_a_subnet_in_each_zone(declare: Declare) -> None:
    recorder = declare("prod")
    subnets = recorder.of_type("aws:ec2/subnet:Subnet")
    assert {name: (s["availabilityZone"], s["cidrBlock"]) for name, s in subnets.items()} == {
        "network-public-1": ("ap-northeast-1a", "10.30.0.0/24"),
        "network-public-2": ("ap-northeast-1c", "10.30.1.0/24"),
        "network-public-3": ("ap-northeast-1d", "10.30.2.0/24"),
        "network-private-1": ("ap-northeast-1a", "10.30.16.0/20"),
        "network-private-2": ("ap-northeast-1c", "10.30.32.0/20"),
        "network-private-3": ("ap-northeast-1d", "10.30.48.0/20"),
        "network-database-1": ("ap-northeast-1a", "10.30.8.0/24"),
        "network-database-2": ("ap-northeast-1c", "10.30.9.0/24"),
        "network-database-3": ("ap-northeast-1d", "10.30.10.0/24"),
    }


def test_a_subnet_stays_in_its_zone_when_the_regions_list_changes(declare: Declare) -> None:
    recorder = declare("prod")
    subnets = [options for (kind, _), options in recorder.ignored.items() if kind == "aws:ec2/subnet:Subnet"]
    assert subnets == [["availabilityZone"]] * 9
    [zones] = recorder.asked.values()
    assert "state" not in zones  # a zone that is down is still in the list


def test_no_subnet_gives_out_public_addresses_and_none_has_ipv6(declare: Declare) -> None:
    recorder = declare()
    for subnet in recorder.of_type("aws:ec2/subnet:Subnet").values():
        assert subnet["mapPublicIpOnLaunch"] is False
        assert not any("ipv6" in key.lower() for key in subnet)


def test_subnets_carry_the_tags_that_load_balancers_look_for(declare: Declare) -> None:
    recorder = declare("dev")
    roles = {
        name: {key for key in subnet["tags"] if key.startswith("kubernetes.io/")}
        for name, subnet in recorder.of_type("aws:ec2/subnet:Subnet").items()
    }
    assert roles == {
        "network-public-1": {"kubernetes.io/role/elb"},
        "network-public-2": {"kubernetes.io/role/elb"},
        "network-public-3": {"kubernetes.io/role/elb"},
        "network-private-1": {"kubernetes.io/role/internal-elb"},
        "network-private-2": {"kubernetes.io/role/internal-elb"},
        "network-private-3": {"kubernetes.io/role/internal-elb"},
        "network-database-1": set(),
        "network-database-2": set(),
        "network-database-3": set(),
    }


def test_the_default_security_group_is_closed(declare: Declare) -> None:
    recorder = declare()
    [group] = recorder.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").values()
    assert group["vpcId"] == "network-id"
    assert (group["ingress"], group["egress"]) == ([], [])


def test_one_nat_gateway_serves_all_zones(declare: Declare) -> None:
    recorder = declare("dev")
    assert [*recorder.of_type("aws:ec2/natGateway:NatGateway")] == ["network-nat-1"]
    for zone in (1, 2, 3):
        assert destinations(recorder, f"network-private-{zone}") == {"0.0.0.0/0": "network-nat-1-id"}


def test_a_nat_gateway_a_zone_survives_the_loss_of_another(declare: Declare) -> None:
    recorder = declare("prod")
    for zone in (1, 2, 3):
        nat = recorder.inputs["aws:ec2/natGateway:NatGateway", f"network-nat-{zone}"]
        assert nat["subnetId"] == f"network-public-{zone}-id"
        assert destinations(recorder, f"network-private-{zone}") == {"0.0.0.0/0": f"network-nat-{zone}-id"}


def test_a_nat_gateway_waits_for_the_way_out(declare: Declare) -> None:
    waits_for = declare("dev").dependencies["aws:ec2/natGateway:NatGateway", "network-nat-1"]
    assert ("aws:ec2/internetGateway:InternetGateway", "network") in waits_for


def test_what_there_can_be_only_one_of_goes_before_its_successor_comes(declare: Declare) -> None:
    recorder = declare("prod")
    alone = {("aws:ec2/natGateway:NatGateway", f"network-nat-{zone}") for zone in (1, 2, 3)}
    assert alone | {("aws:ec2/flowLog:FlowLog", "network-flow-logs")} == recorder.deleted_first


def test_the_database_has_no_route_out(declare: Declare) -> None:
    recorder = declare()
    assert destinations(recorder, "network-public") == {"0.0.0.0/0": "network-id"}
    assert destinations(recorder, "network-database") == {}
    associations = recorder.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation").values()
    tables = {a["subnetId"]: a["routeTableId"] for a in associations}
    assert {tables[f"network-database-{zone}-id"] for zone in (1, 2, 3)} == {"network-database-id"}
    assert len(tables) == 9


def test_s3_is_reached_without_nat(declare: Declare) -> None:
    recorder = declare("dev")
    [endpoint] = recorder.of_type("aws:ec2/vpcEndpoint:VpcEndpoint").values()
    assert endpoint["serviceName"] == "com.amazonaws.ap-northeast-1.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert endpoint["routeTableIds"] == [f"network-private-{zone}-id" for zone in (1, 2, 3)]


def test_all_traffic_is_logged_encrypted_for_as_long_as_the_settings_say(declare: Declare) -> None:
    recorder = declare("prod")
    [log] = recorder.of_type("aws:ec2/flowLog:FlowLog").values()
    assert (log["vpcId"], log["trafficType"]) == ("network-id", "ALL")
    group = recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "network-flow-logs"]
    assert group["name"] == "/pipe/test/vpc-flow-logs"
    assert group["retentionInDays"] == 365
    assert group["kmsKeyId"] == "arn:aws:mock:::network-flow-logs"


def test_only_the_flow_log_service_of_this_account_writes_flow_logs(declare: Declare) -> None:
    recorder = declare()
    role = recorder.inputs["aws:iam/role:Role", "network-flow-logs"]
    assert role["permissionsBoundary"] == "arn:aws:iam::123456789012:policy/pipe-test-boundary"
    [trust] = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    policy = json.loads(recorder.inputs["aws:iam/rolePolicy:RolePolicy", "network-flow-logs"]["policy"])
    group = "arn:aws:mock:::network-flow-logs"
    assert {s["Sid"]: s["Resource"] for s in policy["Statement"]} == {
        "WriteEvents": [group, f"{group}:*"],
        "FindGroup": ["arn:aws:logs:ap-northeast-1:123456789012:log-group:*"],
    }


@pytest.mark.parametrize("protect", [True, False])
def test_the_key_of_the_flow_logs_is_protected_where_the_settings_say_so(
    declare: Declare, protect: bool
) -> None:
    kept = {("aws:kms/key:Key", "network-flow-logs")}
    assert declare(protect=protect).protected == (kept if protect else set())


def test_too_few_zones_are_reported_with_the_key_to_change() -> None:
    zones = pulumi.Output.from_input(["us-west-1a", "us-west-1c"])
    with pytest.raises(ValueError) as fault:
        evaluate(lambda: zone_name(zones, 3, "us-west-1"))
    assert str(fault.value) == (
        "us-west-1 has 2 availability zones for a cluster (us-west-1a, us-west-1c), "
        "but pipe:network.subnets names 3: choose a region with 3 or more"
    )

import pytest

from tests.support.policies.pytest_fixtures import (
    UNKNOWN,
    AssertChangeIsReported,
    Case,
    MessagesOf,
    resource,
    urn,
)

SUBNET = "aws:ec2/subnet:Subnet"


DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"


CASES: list[Case] = [
    (
        "vpc-subnet-public-addresses",
        SUBNET,
        {"mapPublicIpOnLaunch": False},
        {"mapPublicIpOnLaunch": True},
        ["mapPublicIpOnLaunch is True; set it to false"],
    ),
    (
        "vpc-default-group-open",
        DEFAULT_GROUP,
        {"ingress": [], "egress": []},
        {"egress": [{"protocol": "-1"}]},
        ["egress is [{'protocol': '-1'}]; remove it"],
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("vpc-subnet-public-addresses", SUBNET, "mapPublicIpOnLaunch"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


VPC = "aws:ec2/vpc:Vpc"


@pytest.mark.parametrize(
    ("policy", "kind", "expected"),
    [
        (
            "vpc-flow-logs-missing",
            "aws:ec2/flowLog:FlowLog",
            "the VPC is without flow logs; add an aws.ec2.FlowLog",
        ),
        (
            "vpc-default-group-unmanaged",
            DEFAULT_GROUP,
            "the VPC is without a closed default security group; add an aws.ec2.DefaultSecurityGroup",
        ),
    ],
)
def test_what_every_vpc_has(messages_of_stack: MessagesOf, policy: str, kind: str, expected: str) -> None:
    network = resource(VPC, {"id": "vpc-1"})
    assert messages_of_stack(policy, network) == [expected]
    assert messages_of_stack(policy, network, resource(kind, {"vpcId": "vpc-2"})) == [expected]
    assert messages_of_stack(policy, network, resource(kind, {"vpcId": "vpc-1"})) == []
    unknown = resource(VPC, {"id": UNKNOWN})
    depends = resource(kind, {"vpcId": UNKNOWN}, property_dependencies={"vpcId": (urn(VPC),)})
    assert messages_of_stack(policy, unknown, depends) == []

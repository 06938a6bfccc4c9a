import re
from collections.abc import Callable
from typing import Any

import pytest

from components.aws.security_groups import SecurityGroups, SecurityGroupsArgs
from components.common.naming import Naming
from components.settings.models.security_groups import SecurityGroups as SecurityGroupsSettings
from tests.support.components.fixtures import Recorder, evaluate

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
LOAD_BALANCER = "security-groups-load-balancer-id"
DATABASE = "security-groups-database-id"
CLUSTER = "sg-cluster"
DESCRIPTION = r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{1,255}"
"""What EC2 accepts in the description of a group or rule (AuthorizeSecurityGroupIngress, IpRange)."""


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any]) -> Callable[..., Recorder]:
    def run(**changes: Any) -> Recorder:
        args = SecurityGroupsArgs(
            settings=topic(SecurityGroupsSettings, "securityGroups", "prod", **changes),
            naming=naming,
            vpc_id="vpc-1",
            cluster_security_group_id=CLUSTER,
            traffic_port=8443,
            health_port=8081,
        )
        evaluate(lambda: SecurityGroups("security-groups", args).database_security_group_id)
        return recorder

    return run


def rules(recorder: Recorder, typ: str) -> set[tuple[str, str, int]]:
    """Each rule as: whose it is, who the other side is, and the one port it opens."""
    found: set[tuple[str, str, int]] = set()
    for rule in recorder.of_type(typ).values():
        assert rule["ipProtocol"] == "tcp"
        assert rule["fromPort"] == rule["toPort"]
        peer = rule.get("cidrIpv4") or rule["referencedSecurityGroupId"]
        found.add((rule["securityGroupId"], peer, int(rule["fromPort"])))
    return found


def test_exactly_the_guides_way_in_is_open(declare: Callable[..., Recorder]) -> None:
    assert rules(declare(), INGRESS) == {
        (LOAD_BALANCER, "0.0.0.0/0", 443),
        (CLUSTER, LOAD_BALANCER, 8443),
        (CLUSTER, LOAD_BALANCER, 8081),
        (DATABASE, CLUSTER, 5432),
    }


def test_the_load_balancer_reaches_the_proxy_and_the_database_reaches_nothing(
    declare: Callable[..., Recorder],
) -> None:
    assert rules(declare(), EGRESS) == {(LOAD_BALANCER, CLUSTER, 8443), (LOAD_BALANCER, CLUSTER, 8081)}


def test_the_way_in_can_be_limited_to_listed_networks(declare: Callable[..., Recorder]) -> None:
    recorder = declare(ingressCidrs=["173.245.48.0/20", "103.21.244.0/22"])
    assert {(peer, port) for group, peer, port in rules(recorder, INGRESS) if group == LOAD_BALANCER} == {
        ("173.245.48.0/20", 443),
        ("103.21.244.0/22", 443),
    }


def test_groups_hold_no_rules_themselves_and_everything_is_described(
    declare: Callable[..., Recorder],
) -> None:
    recorder = declare()
    groups = recorder.of_type("aws:ec2/securityGroup:SecurityGroup")
    assert {name: group["name"] for name, group in groups.items()} == {
        "security-groups-load-balancer": "pipe-test-load-balancer",
        "security-groups-database": "pipe-test-database",
    }
    for group in groups.values():
        assert not {"ingress", "egress"} & set(group)
    described = [*groups.values(), *recorder.of_type(INGRESS).values(), *recorder.of_type(EGRESS).values()]
    assert all(re.fullmatch(DESCRIPTION, item["description"]) for item in described)

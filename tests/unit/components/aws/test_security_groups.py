"""Tests of the load balancer's and the database's security groups, and of the groups' rules."""

import re
from functools import partial

import pytest

from tests.support.components import aws
from tests.support.components.fixtures import Declare, Recorder

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
LOAD_BALANCER = "security-groups-load-balancer-id"
DATABASE = "security-groups-database-id"
SECRETS_ENDPOINT = "security-groups-secrets-endpoint-id"
CLUSTER = "sg-cluster"
DESCRIPTION = r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{1,255}"
"""Pattern of descriptions that EC2 accepts for groups and rules (AuthorizeSecurityGroupIngress, IpRange)."""


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.security_groups)


def rules(recorder: Recorder, typ: str) -> set[tuple[str, str, int]]:
    """Return each rule as a tuple of its group, its peer and its only port."""
    triples: set[tuple[str, str, int]] = set()
    for rule in recorder.of_type(typ).values():
        assert rule["ipProtocol"] == "tcp"
        assert rule["fromPort"] == rule["toPort"]
        peer = rule.get("cidrIpv4") or rule["referencedSecurityGroupId"]
        triples.add((rule["securityGroupId"], peer, int(rule["fromPort"])))
    return triples


def test_ingress_is_open_exactly_as_in_the_guide(declare: Declare) -> None:
    assert rules(declare(), INGRESS) == {
        (LOAD_BALANCER, "0.0.0.0/0", 443),
        (CLUSTER, LOAD_BALANCER, 8443),
        (CLUSTER, LOAD_BALANCER, 8081),
        (DATABASE, CLUSTER, 5432),
        (SECRETS_ENDPOINT, CLUSTER, 443),
    }


def test_the_load_balancer_reaches_the_proxy_and_no_other_group_reaches_anything(declare: Declare) -> None:
    assert rules(declare(), EGRESS) == {(LOAD_BALANCER, CLUSTER, 8443), (LOAD_BALANCER, CLUSTER, 8081)}


def test_access_can_be_limited_to_listed_networks(declare: Declare) -> None:
    networks = ["173.245.48.0/20", "103.21.244.0/22"]
    recorder = declare(ingressCidrs=networks)
    public = {(peer, port) for group, peer, port in rules(recorder, INGRESS) if group == LOAD_BALANCER}
    assert public == {(network, 443) for network in networks}


def test_groups_contain_no_rules_and_everything_has_a_description(declare: Declare) -> None:
    recorder = declare()
    groups = recorder.of_type("aws:ec2/securityGroup:SecurityGroup")
    assert {name: group["name"] for name, group in groups.items()} == {
        "security-groups-load-balancer": "pipe-test-load-balancer",
        "security-groups-database": "pipe-test-database",
        "security-groups-secrets-endpoint": "pipe-test-secrets-endpoint",
    }
    for group in groups.values():
        assert not {"ingress", "egress"} & set(group)
    described = [*groups.values(), *recorder.of_type(INGRESS).values(), *recorder.of_type(EGRESS).values()]
    assert all(re.fullmatch(DESCRIPTION, item["description"]) for item in described)

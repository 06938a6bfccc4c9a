"""Tests of security-group rules for ports with one or several protocols."""

import pulumi
import pulumi_aws as aws
import pytest

from components.aws.security_group_rules import allow_port
from components.common.connections import Port
from tests.support.components.fixtures import Recorder, evaluate

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


@pytest.mark.parametrize(
    ("protocols", "rules"),
    [
        (("TCP",), {"dns": "tcp"}),
        (("UDP",), {"dns": "udp"}),
        (("UDP", "TCP"), {"dns-udp": "udp", "dns-tcp": "tcp"}),
    ],
)
def test_a_port_has_a_rule_for_each_protocol(
    recorder: Recorder, protocols: tuple[str, ...], rules: dict[str, str]
) -> None:
    evaluate(
        lambda: allow_port(
            aws.vpc.SecurityGroupIngressRule,
            "dns",
            Port("DNS", 53, protocols),
            security_group_id="sg-1",
            description="DNS",
            peer_cidr="10.0.0.0/16",
            tags={},
            opts=pulumi.ResourceOptions(),
        )
    )
    recorded = recorder.of_type(INGRESS)
    assert {name: rule["ipProtocol"] for name, rule in recorded.items()} == rules
    assert {(rule["fromPort"], rule["toPort"]) for rule in recorded.values()} == {(53, 53)}

from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, secret

GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SSH = "security-group-ssh-open-to-world"
NEED = "set it to the networks that need SSH, or remove the rule"


def every_form(first: int, last: int, protocol: str, source: str) -> list[tuple[str, dict[str, Any], str]]:
    """The same opening in each resource that can declare it, and the path of its source."""
    family = "ipv6CidrBlocks" if ":" in source else "cidrBlocks"
    modern = "cidrIpv6" if ":" in source else "cidrIpv4"
    inline = {"protocol": protocol, "fromPort": first, "toPort": last, family: [source], "description": "d"}
    separate = {"ipProtocol": protocol, "fromPort": first, "toPort": last, modern: source, "description": "d"}
    return [
        (GROUP, {"description": "d", "ingress": [inline]}, f"ingress[0].{family}[0]"),
        (DEFAULT, {"ingress": [inline]}, f"ingress[0].{family}[0]"),
        (RULE, {"type": "ingress", **inline}, f"{family}[0]"),
        (INGRESS, separate, modern),
    ]


@pytest.mark.parametrize("source", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1"])
@pytest.mark.parametrize(
    ("port", "name", "need"),
    [
        (22, "ssh", NEED),
        (3389, "rdp", "set it to the networks that need RDP, or remove the rule"),
        (80, "http", "open port 443 instead, or remove the rule"),
    ],
)
def test_a_port_open_to_the_world_is_named_in_every_form(
    messages_of: MessagesOf, port: int, name: str, need: str, source: str
) -> None:
    for kind, props, path in every_form(port, port, "tcp", source):
        expected = [f"{path} is '{source}' for tcp port {port}; {need}"]
        assert messages_of(f"security-group-{name}-open-to-world", kind, props) == expected


@pytest.mark.parametrize(
    ("first", "last", "protocol", "shown"),
    [
        (20, 25, "tcp", "tcp ports 20 to 25"),
        (22, 30, "6", "6 ports 22 to 30"),
        (0, 0, "-1", "all ports of all protocols"),
        (0, 65535, "tcp", "tcp ports 0 to 65535"),
        (0, 0, "all", "all ports of all protocols"),
    ],
)
def test_a_range_that_contains_the_port_counts(
    messages_of: MessagesOf, first: int, last: int, protocol: str, shown: str
) -> None:
    for kind, props, path in every_form(first, last, protocol, "0.0.0.0/0"):
        assert messages_of(SSH, kind, props) == [f"{path} is '0.0.0.0/0' for {shown}; {NEED}"]


@pytest.mark.parametrize(
    ("first", "last", "protocol", "source"),
    [
        (443, 443, "tcp", "0.0.0.0/0"),
        (23, 30, "tcp", "0.0.0.0/0"),
        (10, 21, "tcp", "0.0.0.0/0"),
        (22, 22, "udp", "0.0.0.0/0"),
        (22, 22, "tcp", "10.0.0.0/8"),
        (22, 22, "tcp", "2001:db8::/32"),
        (22, 22, "tcp", "not a network"),
    ],
)
def test_what_is_not_ssh_from_the_world_passes(
    messages_of: MessagesOf, first: int, last: int, protocol: str, source: str
) -> None:
    for kind, props, _ in every_form(first, last, protocol, source):
        assert messages_of(SSH, kind, props) == []


def test_egress_is_not_ingress(messages_of: MessagesOf) -> None:
    wide = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"], "description": "d"}
    assert messages_of(SSH, GROUP, {"egress": [wide]}) == []
    assert messages_of(SSH, RULE, {"type": "egress", **wide}) == []
    assert messages_of(SSH, EGRESS, {"ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}) == []


def test_an_unknown_source_hides_nothing_about_the_others(messages_of: MessagesOf) -> None:
    opening = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": [UNKNOWN, "0.0.0.0/0"]}
    assert messages_of(SSH, GROUP, {"ingress": [opening]}) == [
        f"ingress[0].cidrBlocks[1] is '0.0.0.0/0' for tcp port 22; {NEED}",
        "unknown: ingress[0].cidrBlocks[0]",
    ]
    assert messages_of(SSH, GROUP, {"ingress": [{**opening, "cidrBlocks": UNKNOWN}]}) == [
        "unknown: ingress[0].cidrBlocks"
    ]
    assert messages_of(SSH, GROUP, {"ingress": UNKNOWN}) == ["unknown: ingress"]


def test_an_unknown_rule_hides_no_other(messages_of: MessagesOf) -> None:
    hidden = {"protocol": "tcp", "fromPort": UNKNOWN, "toPort": UNKNOWN, "cidrBlocks": ["10.0.0.0/8"]}
    world = {"protocol": "tcp", "fromPort": 0, "toPort": 65535, "cidrBlocks": ["0.0.0.0/0"]}
    assert messages_of(EVERYTHING, GROUP, {"ingress": [hidden, world]}) == [
        "ingress[1].cidrBlocks[0] is '0.0.0.0/0' for tcp ports 0 to 65535; name the ports that are meant",
        "unknown: ingress[0].fromPort",
    ]
    sources = {**world, "cidrBlocks": [UNKNOWN], "ipv6CidrBlocks": ["::/0"]}
    assert messages_of(EVERYTHING, GROUP, {"ingress": [sources]}) == [
        "ingress[0].ipv6CidrBlocks[0] is '::/0' for tcp ports 0 to 65535; name the ports that are meant",
        "unknown: ingress[0].cidrBlocks[0]",
    ]
    out = {"ingress": UNKNOWN, "egress": [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]}
    assert messages_of("security-group-egress-everything", GROUP, out) == [
        "egress[0].cidrBlocks[0] is '0.0.0.0/0' for all ports of all protocols; "
        "name the protocol and ports that are needed"
    ]
    assert messages_of(DESCRIPTION, GROUP, {"description": UNKNOWN, "ingress": UNKNOWN, "egress": [{}]}) == [
        "egress[0].description is not set; set it to a sentence on who reaches what",
        "unknown: description",
        "unknown: ingress",
    ]


def test_the_ports_of_a_secret_rule_are_not_told(messages_of: MessagesOf) -> None:
    rule = {"protocol": "tcp", "fromPort": 2222, "toPort": 2222, "cidrBlocks": ["0.0.0.0/0"]}
    assert messages_of(OTHER, GROUP, {"ingress": secret([rule])}) == [
        "ingress[0].cidrBlocks[0] is [secret] for [secret] ports; open only 443, or name networks"
    ]
    assert messages_of(OTHER, GROUP, {"ingress": [rule | {"fromPort": secret(2222)}]}) == [
        "ingress[0].cidrBlocks[0] is '0.0.0.0/0' for [secret] ports; open only 443, or name networks"
    ]


EVERYTHING = "security-group-everything-open-to-world"


@pytest.mark.parametrize(("first", "last", "protocol"), [(0, 0, "-1"), (0, 65535, "tcp"), (0, 65535, "udp")])
def test_all_ports_open_to_the_world_are_named(
    messages_of: MessagesOf, first: int, last: int, protocol: str
) -> None:
    for kind, props, path in every_form(first, last, protocol, "0.0.0.0/0"):
        [finding] = messages_of(EVERYTHING, kind, props)
        assert finding.startswith(f"{path} is '0.0.0.0/0' for ")


@pytest.mark.parametrize(
    ("first", "last", "protocol"), [(0, 1024, "tcp"), (1, 65535, "tcp"), (-1, -1, "icmp")]
)
def test_some_ports_are_not_all(messages_of: MessagesOf, first: int, last: int, protocol: str) -> None:
    for kind, props, _ in every_form(first, last, protocol, "0.0.0.0/0"):
        assert messages_of(EVERYTHING, kind, props) == []


OTHER = "security-group-port-open-to-world"


@pytest.mark.parametrize(
    ("first", "last", "protocol", "ports", "open_only"),
    [
        (443, 443, "tcp", [443], None),
        (443, 444, "tcp", [443, 444], None),
        (443, 445, "tcp", [443, 445], "443, 445"),
        (5432, 5432, "tcp", [443], "443"),
        (443, 444, "tcp", [443], "443"),
        (443, 443, "udp", [443], None),
        (-1, -1, "icmp", [443], None),
        (0, 0, "-1", [443], "443"),
    ],
)
def test_only_listed_ports_are_open_to_the_world(
    messages_of: MessagesOf, first: int, last: int, protocol: str, ports: list[int], open_only: str | None
) -> None:
    for kind, props, path in every_form(first, last, protocol, "0.0.0.0/0"):
        messages = messages_of(OTHER, kind, props, ports=ports)
        if open_only is None:
            assert messages == []
        else:
            assert [text.partition(";")[2] for text in messages] == [
                f" open only {open_only}, or name networks"
            ]
            assert messages[0].startswith(f"{path} is '0.0.0.0/0' for ")


def test_the_guide_s_rule_passes_without_any_configuration(messages_of: MessagesOf) -> None:
    for kind, props, _ in every_form(443, 443, "tcp", "0.0.0.0/0"):
        for policy in (SSH, EVERYTHING, OTHER, "security-group-http-open-to-world"):
            assert messages_of(policy, kind, props) == []


def test_everything_going_out_is_named(messages_of: MessagesOf) -> None:
    policy = "security-group-egress-everything"
    props = {"ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}
    assert messages_of(policy, EGRESS, props) == [
        "cidrIpv4 is '0.0.0.0/0' for all ports of all protocols; name the protocol and ports that are needed"
    ]
    assert (
        messages_of(
            policy, EGRESS, {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0"}
        )
        == []
    )
    assert messages_of(policy, INGRESS, props) == []


DESCRIPTION = "security-group-description-missing"


def test_groups_and_rules_say_what_they_are_for(messages_of: MessagesOf) -> None:
    assert (
        messages_of(DESCRIPTION, GROUP, {"description": "Visitors", "ingress": [{"description": "HTTPS"}]})
        == []
    )
    assert messages_of(DESCRIPTION, GROUP, {"description": "Managed by Pulumi", "egress": [{}]}) == [
        "description is 'Managed by Pulumi'; set it to a sentence on what the group is for",
        "egress[0].description is not set; set it to a sentence on who reaches what",
    ]
    assert messages_of(DESCRIPTION, GROUP, {}) == [
        "description is not set; set it to a sentence on what the group is for"
    ]
    for kind in (RULE, INGRESS, EGRESS):
        assert messages_of(DESCRIPTION, kind, {"description": "HTTPS"}) == []
        assert messages_of(DESCRIPTION, kind, {"description": ""}) == [
            "description is ''; set it to a sentence on who reaches what"
        ]


def test_a_prefix_list_is_not_the_world(messages_of: MessagesOf) -> None:
    policy, kind = "security-group-prefix-list-world", "aws:ec2/managedPrefixList:ManagedPrefixList"
    assert messages_of(policy, kind, {"entries": [{"cidr": "173.245.48.0/20"}]}) == []
    assert messages_of(policy, kind, {"entries": [{"cidr": "::/0"}]}) == [
        "entries[0].cidr is '::/0'; remove it"
    ]
    entry = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
    assert messages_of(policy, entry, {"cidr": "0.0.0.0/0"}) == ["cidr is '0.0.0.0/0'; remove it"]

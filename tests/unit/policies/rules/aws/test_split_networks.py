"""Tests of prefix lists whose ID nobody knows before an `up`."""

from policies.rules.aws.network.split_networks import PREFIX_LIST
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
POLICY = "security-group-open-to-world-in-parts"


def test_a_rule_counts_with_the_list_from_which_its_id_comes(messages_of_stack: MessagesOf) -> None:
    owner = resource(PREFIX_LIST, {"entries": [{"cidr": "0.0.0.0/2"}]}, "list")
    open_ports = {"type": "ingress", "protocol": "tcp", "fromPort": 22, "toPort": 22}
    named = resource(
        RULE,
        {**open_ports, "prefixListIds": [UNKNOWN]},
        property_dependencies={"prefixListIds": (urn(PREFIX_LIST, "list"),)},
    )
    other = resource(RULE, {**open_ports, "cidrBlocks": ["64.0.0.0/2"]}, "other")
    messages = messages_of_stack(POLICY, owner, named, other)
    assert [message.partition(", which with other networks")[0] for message in messages] == [
        "entries[0].cidr is '0.0.0.0/2'",
        "prefixListIds[0] is a prefix list with '0.0.0.0/2'",
        "cidrBlocks[0] is '64.0.0.0/2'",
    ]
    assert messages_of_stack(POLICY, owner, named) == []


def test_another_list_of_the_stack_is_not_the_one_that_a_text_names(messages_of_stack: MessagesOf) -> None:
    owner = resource(PREFIX_LIST, {"entries": [{"cidr": "10.0.0.0/8"}]}, "list")
    named = resource(
        RULE,
        {"type": "ingress", "protocol": "-1", "prefixListIds": ["pl-2"]},
        property_dependencies={"prefixListIds": (urn(PREFIX_LIST, "list"),)},
    )
    [message] = messages_of_stack(POLICY, owner, named)
    assert message.startswith("prefixListIds[0] is 'pl-2'")

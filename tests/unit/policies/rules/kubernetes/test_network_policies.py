from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, secret

RULE = "workload-egress-to-instance-metadata"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def test_the_address_and_its_remedy_are_named(messages_of: MessagesOf) -> None:
    egress: list[Any] = [{"to": [{"podSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]}]
    assert messages_of(RULE, POLICY, {"spec": {"egress": egress}}) == [
        "spec.egress[0].to[1].ipBlock.cidr is '0.0.0.0/0'; add 169.254.169.254 to its except"
    ]


@pytest.mark.parametrize("variant", ["List", "Patch"])
def test_lists_and_patches_are_judged_as_well(messages_of: MessagesOf, variant: str) -> None:
    policy = {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 80}]}]}}
    props = {"items": [policy]} if variant == "List" else policy
    path = "items[0].spec" if variant == "List" else "spec"
    assert messages_of(RULE, f"{POLICY}{variant}", props) == [
        f"{path}.egress[0].to[0].ipBlock.cidr is '0.0.0.0/0'; add 169.254.169.254 to its except"
    ]


def test_a_rule_without_destinations_allows_all(messages_of: MessagesOf) -> None:
    assert messages_of(RULE, POLICY, {"spec": {"egress": [{"ports": [{"port": 80}]}]}}) == [
        "spec.egress[0].to is not set; name the destinations"
    ]


def test_an_unknown_network_is_no_pass(messages_of: MessagesOf) -> None:
    egress = [{"to": [{"ipBlock": {"cidr": UNKNOWN}}]}]
    assert messages_of(RULE, POLICY, {"spec": {"egress": egress}}) == [
        "unknown: spec.egress[0].to[0].ipBlock.cidr"
    ]


def test_a_secret_network_is_not_told(messages_of: MessagesOf) -> None:
    egress = [{"to": [{"ipBlock": {"cidr": secret("0.0.0.0/0")}}]}]
    [message] = messages_of(RULE, POLICY, {"spec": {"egress": egress}})
    assert "0.0.0.0/0" not in message

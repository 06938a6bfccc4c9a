"""Tests that compare what rules assume of absent inputs with the defaults that the SDK documents."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from policies.engine.catalog import RULES
from tests.support.policies.pytest_fixtures import resource, verdicts
from tests.support.policies.sdk_types import documented_defaults

OTHER_INPUTS = {"aws:rds/cluster:Cluster": {"dbClusterInstanceClass": "db.m5d.large"}}
"""Inputs on which a default depends: only Multi-AZ DB clusters can be public (RDS API, CreateDBCluster)."""

OF_SUBNETS = {
    "aws:ec2/instance:Instance",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
}
"""Types whose instances have public addresses if their subnet says so, which another rule judges, unless
`associatePublicIpAddress` is set (EC2 API, InstanceNetworkInterfaceSpecification).
"""

UNDOCUMENTED = {
    "aws:dms/replicationInstance:ReplicationInstance",
    "aws:lightsail/database:Database",
    "aws:m2/environment:Environment",
    "aws:mq/broker:Broker",
    "aws:redshiftserverless/workgroup:Workgroup",
    "aws:timestreaminfluxdb/dbCluster:DbCluster",
    "aws:timestreaminfluxdb/dbInstance:DbInstance",
}
"""Types whose documentation has no default of an input that a rule accepts if it is absent.

The provider sends false for the types of dms, lightsail and mq (terraform-provider-aws,
replication_instance.go, database.go and broker.go). Neither the provider nor
botocore states a default for the others.
"""


OF_SQS = {("aws:sqs/queue:Queue", "sqsManagedSseEnabled")}
"""An input without which the provider sends none, and SQS encrypts (terraform-provider-aws, #27335)."""


@dataclass(frozen=True)
class Input:
    """A boolean input that a rule judges, with the value that it assumes if the input is absent."""

    rule: str
    type: str
    name: str
    assumed: bool
    accepted: bool
    """True if the rule accepts an absent input."""
    documented: frozenset[bool]


@cache
def inputs() -> tuple[Input, ...]:
    """Return the boolean inputs at the top of AWS types which a rule on single resources judges."""
    return tuple(_inputs())


def _inputs() -> Iterator[Input]:
    rules = [rule for rule in RULES if not rule.on_stack]
    types = {kind for rule in rules for kind in rule.types if kind.startswith("aws:")}
    for kind, name, documented in documented_defaults(types):
        for rule in rules:
            if kind not in rule.types:
                continue
            with_true, with_false, without = (
                refuses(rule.name, kind, name, value) for value in (True, False, None)
            )
            if with_true != with_false:
                yield Input(rule.name, kind, name, without == with_true, not without, documented)


def refuses(rule: str, kind: str, name: str, value: bool | None) -> bool:
    """Return True if a rule refuses this value of an input; None stands for an absent input."""
    props = OTHER_INPUTS.get(kind, {}) | ({} if value is None else {name: value})
    return any(message.startswith(f"{name} is ") for message in verdicts(rule, resource(kind, props), {}))


def test_a_rule_assumes_the_documented_default_of_an_absent_input() -> None:
    assert len(inputs()) > 40
    assert {item.rule for item in inputs()} >= {"rds-publicly-accessible", "vpc-subnet-public-addresses"}
    assert [item for item in inputs() if item.documented and item.documented != {item.assumed}] == []


def test_a_rule_accepts_an_absent_input_only_with_a_known_default() -> None:
    accepted = {(item.type, item.name) for item in inputs() if item.accepted and not item.documented}
    of_subnets = {(kind, "associatePublicIpAddress") for kind in OF_SUBNETS}
    assert accepted == of_subnets | OF_SQS | {(kind, "publiclyAccessible") for kind in UNDOCUMENTED}

"""VPC rules: flow logs, the default security group, public addresses of subnets, policies of endpoints."""

import re
from collections.abc import Iterable

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Stack,
    Topic,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.model.aws.iam_documents import statement_of, statement_values
from policies.model.aws.patterns import is_every_arn
from policies.model.checks import guarded, must_be_false, must_not_be_true
from policies.model.networks import DEFAULT_SECURITY_GROUP
from policies.model.property_values import Value
from policies.model.references import referents

NETWORK = ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")
VPC = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "network"),
    url="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-best-practices.html",
    about=NETWORK,
)


def _without(stack: Stack, kinds: Iterable[str], lacking: str, remedy: str) -> Verdicts:
    """Report every VPC without a resource of these types."""
    networks = stack.of(NETWORK)
    named = {
        network.urn for part in stack.of(kinds) for network in referents(part, part["vpcId"], networks, "id")
    }
    for network in networks:
        if network.urn not in named:
            yield Finding("the VPC", f"without {lacking}", remedy, urn=network.urn)


@VPC.stack_rule(
    "vpc-flow-logs-missing",
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_11", "CIS AWS 3.7"),
    remediation="Add an aws.ec2.FlowLog for the VPC.",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
)
def flow_logs(stack: Stack, _: Options) -> Verdicts:
    """Require flow logs for every VPC."""
    yield from _without(stack, ("aws:ec2/flowLog:FlowLog",), "flow logs", "add an aws.ec2.FlowLog")


@VPC.stack_rule(
    "vpc-default-group-unmanaged",
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_12", "CIS AWS 5.4"),
    remediation="Add an aws.ec2.DefaultSecurityGroup without rules.",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
)
def default_group(stack: Stack, _: Options) -> Verdicts:
    """Require the stack to manage the default security group of every VPC, so that it has no rules."""
    yield from _without(
        stack,
        (DEFAULT_SECURITY_GROUP,),
        "a managed default security group",
        "add an aws.ec2.DefaultSecurityGroup",
    )


_ADDED = (
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
"""The rules of security groups that are resources of their own."""


@VPC.stack_rule(
    "vpc-default-group-open",
    about=(DEFAULT_SECURITY_GROUP, *_ADDED),
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_12", "CIS AWS 5.4"),
    remediation="Remove all rules from the default security group, and those that other resources add to it.",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
)
def default_group_open(stack: Stack, _: Options) -> Verdicts:
    """Refuse rules in the default security group, and other resources that add rules to it."""
    groups = stack.of((DEFAULT_SECURITY_GROUP,))
    for group in groups:
        for direction in ("ingress", "egress"):
            yield from guarded(_no_rules(group, direction), group.urn)
    networks = stack.of(NETWORK)
    # If the group ID of a rule depends on a VPC, it is the ID of the default group.
    urns = {resource.urn for resource in (*groups, *networks)}
    ids = [*(group["id"] for group in groups), *(network["defaultSecurityGroupId"] for network in networks)]
    names = {name.text() for name in ids if name.known} - {None}
    for rule in stack.of(_ADDED):
        group = rule["securityGroupId"]
        if not urns.isdisjoint(rule.property_dependencies.get("securityGroupId", ())) or (
            group.known and group.text() in names
        ):
            shown = group.shown() if group.known else "that of the default group"
            yield Finding(group.path or "securityGroupId", shown, "name a group of its own", urn=rule.urn)


def _no_rules(group: Resource, direction: str) -> Verdicts:
    if group[direction].items():
        yield group.attach(disallowed(group[direction]))


_DEFAULT_SUBNET = "aws:ec2/defaultSubnet:DefaultSubnet"


@VPC.rule(
    "vpc-subnet-public-addresses",
    types=("aws:ec2/subnet:Subnet", _DEFAULT_SUBNET),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_130", "FSBP EC2.15"),
    remediation="Set mapPublicIpOnLaunch to false; load balancers and NAT gateways do not need it.",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html",
)
def public_addresses(resource: Resource, _: Options) -> Verdicts:
    """Refuse subnets that assign public addresses automatically, as default subnets do if nothing is set."""
    # The default is true for aws.ec2.DefaultSubnet, and false for aws.ec2.Subnet (pulumi-aws 7).
    check = must_be_false if resource.type == _DEFAULT_SUBNET else must_not_be_true
    yield from check(resource["mapPublicIpOnLaunch"])


@VPC.rule(
    "vpc-endpoint-policy-open",
    types=("aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"),
    severity=Severity.MEDIUM,
    controls=("AWS: data perimeter",),
    remediation="Set policy: name the resources, or require an account with aws:ResourceAccount.",
    url="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
)
def endpoint_policy(resource: Resource, _: Options) -> Verdicts:
    """Require VPC endpoint policies that allow access to named resources or accounts only.

    Without a policy, an endpoint allows full access. Gateway Load Balancer endpoints have no policies.
    """
    if resource["vpcEndpointType"].text() not in (None, "Gateway", "Interface"):
        return
    policy = resource["policy"]
    if policy.absent:
        yield expected(policy, "a document that names the resources or their account")
        return
    yield from check_each(statement_values(policy), _leads_to_named_resources)


_PERIMETER = re.compile("(?!aws:).+|aws:(principal|resource).+")
"""Condition keys of resources and their callers; all requests through an endpoint have the same region and
network (IAM User Guide, reference_policies_condition-keys)."""


def _leads_to_named_resources(value: Value) -> Verdicts:
    statement = statement_of(value)
    everything = statement.inverted or any(map(is_every_arn, statement.resources))
    if statement.allows and everything and not statement.narrowed_by(_PERIMETER):
        yield expected(value["Resource"], "named resources, or add a condition with aws:ResourceAccount")

"""The rules of security groups, independent of the resources and objects that declare them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from policies.engine.rule import Resource
from policies.model.aws import iam_documents
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.networks import (
    ALL,
    DEFAULT_SECURITY_GROUP,
    ICMP,
    ICMPV6,
    LAST_PORT,
    PROTOCOLS_WITH_PORTS,
    protocol_number,
)
from policies.model.property_values import Value

GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
RULES = frozenset({GROUP, DEFAULT_SECURITY_GROUP, RULE, INGRESS, EGRESS})

BINDINGS = kubernetes("eks.amazonaws.com/v1", "TargetGroupBinding") | kubernetes(
    "elbv2.k8s.aws/v1beta1", "TargetGroupBinding"
)
"""Kubernetes objects for which the load balancer controller adds ingress rules to the security groups of
nodes and pods (AWS Load Balancer Controller, TargetGroupBinding, Specification: networking)."""

INGRESS_RULES = RULES | BINDINGS


@dataclass(frozen=True)
class Opening:
    """One rule of a security group, independent of the resource that declares it."""

    ingress: bool
    value: Value
    protocol: Value
    first: Value
    last: Value
    sources: tuple[Value, ...]
    lists: tuple[Value, ...]
    """The IDs of prefix lists."""

    @property
    def everything(self) -> bool:
        """True if the rule opens all protocols, and therefore all ports."""
        return self.number == ALL

    @property
    def number(self) -> int | None:
        """The number of the protocol."""
        return protocol_number(self.protocol)

    def contains(self, port: int) -> bool:
        """Return True if the rule allows TCP or UDP traffic to a port."""
        if self.everything:
            return True
        if self.number not in PROTOCOLS_WITH_PORTS:
            return False
        first, last = self.first.number(), self.last.number()
        return first is not None and last is not None and (first <= port <= last or first == -1)

    def is_within(self, allowed: Collection[int]) -> bool:
        """Return True if the rule opens only pings, or no other ports than the allowed ones."""
        if self.number not in PROTOCOLS_WITH_PORTS:
            return self.number in (ICMP, ICMPV6)
        first, last = self.first.number(), self.last.number()
        if first is None or last is None:
            return False
        ports = range(int(first), int(last) + 1)
        return last - first < len(allowed) and all(port in allowed for port in ports)

    @property
    def ports(self) -> str:
        """The ports of the rule, for messages."""
        if any(value.secret for value in (self.protocol, self.first, self.last)):
            return "[secret] ports"
        if self.everything:
            return "all ports of all protocols"
        if self.number not in PROTOCOLS_WITH_PORTS:
            return f"protocol {self.protocol.get()}"
        first, last = self.first.number(), self.last.number()
        if first is None:
            return f"{self.protocol.get()} port {self.first.get()}"
        return (
            f"{self.protocol.get()} port {first}"
            if first == last
            else f"{self.protocol.get()} ports {first} to {last}"
        )


def openings(resource: Resource) -> Iterator[Opening]:
    """Yield the security group rules that a resource declares."""
    if resource.type in BINDINGS:
        for item in objects(resource):
            for rule in elements(item.value.at("spec.networking.ingress")):
                yield from _openings_of_binding(rule)
    elif resource.type in (GROUP, DEFAULT_SECURITY_GROUP):
        for direction in ("ingress", "egress"):
            for item in elements(resource[direction]):
                yield _opening(direction == "ingress", item)
    elif resource.type == RULE:
        yield _opening(resource["type"].text() == "ingress", resource.props)
    else:
        protocol, first, last = resource["ipProtocol"], resource["fromPort"], resource["toPort"]
        sources = (resource["cidrIpv4"], resource["cidrIpv6"])
        lists = tuple(iam_documents.elements(resource["prefixListId"]))
        yield Opening(resource.type == INGRESS, resource.props, protocol, first, last, sources, lists)


def _opening(ingress: bool, value: Value) -> Opening:
    sources = tuple(elements(value["cidrBlocks"], value["ipv6CidrBlocks"]))
    lists = tuple(elements(value["prefixListIds"]))
    return Opening(ingress, value, value["protocol"], value["fromPort"], value["toPort"], sources, lists)


def _openings_of_binding(rule: Value) -> Iterator[Opening]:
    """Yield an opening for each port of a rule; without ports it is all of TCP, without a port all ports.

    Source: AWS Load Balancer Controller, TargetGroupBinding, Specification: NetworkingIngressRule and
    NetworkingPort. The protocol is TCP by default, and a port may be the name of one of the pods' ports.
    """
    sources = tuple(peer.at("ipBlock.cidr") for peer in elements(rule["from"]))
    for item in list(elements(rule["ports"])) or [Value(None)]:
        protocol, port = item["protocol"], item["port"]
        if protocol.known and protocol.absent:
            protocol = Value("tcp")
        first, last = (Value(0), Value(LAST_PORT)) if port.known and port.absent else (port, port)
        yield Opening(True, rule, protocol, first, last, sources, ())


def elements(*lists: Value) -> Iterator[Value]:
    """Yield the elements of lists; an unknown list counts as one element, so that the others are checked."""
    for value in lists:
        yield from value.items() if value.known else [value]

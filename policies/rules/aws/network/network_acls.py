"""Rules on network ACLs, the stateless firewalls of subnets."""

from collections.abc import Iterator
from contextlib import suppress

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Rule, Verdicts, disallowed
from policies.engine.topics import EC2
from policies.model.checks import guarded
from policies.model.networks import ALL, PROTOCOLS_WITH_PORTS, is_world, protocol_number
from policies.model.property_values import UnknownValueError, Value

LISTS = ("aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")
ENTRY = "aws:ec2/networkAclRule:NetworkAclRule"

EVERYBODY = {"cidrBlock": "0.0.0.0/0", "ipv6CidrBlock": "::/0"}

Numbers = dict[tuple[str, int], float]
"""Numbers of entries, by the property of the addresses and by the protocol."""


def _entries(resource: Resource) -> Iterator[tuple[Value, str]]:
    """Yield the entries for incoming traffic, with the name of the property that allows or denies."""
    if resource.type in LISTS:
        for entry in resource["ingress"].items():
            yield entry, "action"
    elif not resource["egress"].flag():
        yield resource.props, "ruleAction"


def _has_action(entry: Value, action: str, wanted: str) -> bool:
    return (entry[action].text() or "").lower() == wanted


def _reaches(entry: Value, port: int, protocol: int) -> bool:
    number = protocol_number(entry["protocol"])
    if number == ALL:
        return True
    first, last = entry["fromPort"].number(), entry["toPort"].number()
    return number == protocol and first is not None and last is not None and first <= port <= last


def _first_denials(resource: Resource, port: int) -> Numbers:
    """Return the lowest numbers of the entries that deny a port to everybody.

    EC2 applies the entry with the lowest number that matches (VPC User Guide, nacl-rules).
    """
    numbers: Numbers = {}
    for entry, action in _entries(resource):
        # A denial that is not known yet hides no entry that allows.
        with suppress(UnknownValueError):
            number = entry["ruleNo"].number()
            if number is None or not _has_action(entry, action, "deny"):
                continue
            for name, everybody in EVERYBODY.items():
                for protocol in PROTOCOLS_WITH_PORTS:
                    if entry[name].text() == everybody and _reaches(entry, port, protocol):
                        numbers[name, protocol] = min(number, numbers.get((name, protocol), number))
    return numbers


def _entry(entry: Value, action: str, port: int, denials: Numbers, parts: list[Value]) -> Verdicts:
    """Report an entry that opens a port to the internet, and append the networks of other entries."""
    if not _has_action(entry, action, "allow"):
        return
    for name in EVERYBODY:
        if not entry[name].absent and any(
            _reaches(entry, port, protocol) and not _is_denied(entry, denials.get((name, protocol)))
            for protocol in PROTOCOLS_WITH_PORTS
        ):
            if is_world(entry[name].text() or ""):
                yield disallowed(entry[name], f"name the networks that may reach port {port}")
            else:
                parts.append(entry[name])


def _is_denied(entry: Value, denial: float | None) -> bool:
    """Return True if an entry with a lower number denies the same."""
    return denial is not None and (entry["ruleNo"].number() or 0) > denial


def _port_rule(name: str, port: int, controls: tuple[str, ...], description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        denials, parts = _first_denials(resource, port), list[Value]()
        for entry, action in _entries(resource):
            yield from guarded(_entry(entry, action, port, denials, parts))
        if is_world(*(part.text() or "" for part in parts)):
            because = "since its entries are half of the internet"
            remedy = f"name the networks that may reach port {port}, {because}"
            yield from (disallowed(part, remedy) for part in parts)

    check.__doc__ = description
    return EC2.rule(
        name,
        types=(*LISTS, ENTRY),
        severity=Severity.MEDIUM,
        controls=controls,
        remediation=f"Allow port {port} from named networks only; Session Manager needs no open port.",
        url="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html",
    )(check)


ssh = _port_rule(
    "network-acl-ssh-open-to-world",
    22,
    ("CKV_AWS_232", "FSBP EC2.21", "CIS AWS 5.1"),
    "Refuse network ACLs that allow SSH from the whole internet.",
)
rdp = _port_rule(
    "network-acl-rdp-open-to-world",
    3389,
    ("CKV_AWS_231", "FSBP EC2.21", "CIS AWS 5.1"),
    "Refuse network ACLs that allow Remote Desktop from the whole internet.",
)

"""Rules on network ACLs, the stateless firewalls of subnets."""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Rule, Verdicts, disallowed
from policies.engine.topics import EC2
from policies.model.checks import guarded
from policies.model.networks import is_world
from policies.model.property_values import Value

LIST = "aws:ec2/networkAcl:NetworkAcl"
ENTRY = "aws:ec2/networkAclRule:NetworkAclRule"

ANY = ("-1", "all")
"""The protocol numbers and names that stand for all protocols, whose ports EC2 ignores."""
TCP = ("6", "tcp")


def _entries(resource: Resource) -> Iterator[tuple[Value, str]]:
    """Yield the entries for incoming traffic, with the name of the property that allows or denies."""
    if resource.type == LIST:
        for entry in resource["ingress"].items():
            yield entry, "action"
    elif not resource["egress"].flag():
        yield resource.props, "ruleAction"


def _reaches(entry: Value, port: int) -> bool:
    protocol = str(entry["protocol"].get()).lower()
    if protocol in ANY:
        return True
    first, last = entry["fromPort"].number(), entry["toPort"].number()
    return protocol in TCP and first is not None and last is not None and first <= port <= last


def _entry(entry: Value, action: str, port: int) -> Verdicts:
    if (entry[action].text() or "").lower() != "allow" or not _reaches(entry, port):
        return
    for name in ("cidrBlock", "ipv6CidrBlock"):
        if is_world(entry[name].text() or ""):
            yield disallowed(entry[name], f"name the networks that may reach port {port}")


def _port_rule(name: str, port: int, controls: tuple[str, ...], description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        for entry, action in _entries(resource):
            yield from guarded(_entry(entry, action, port))

    check.__doc__ = description
    return EC2.rule(
        name,
        types=(LIST, ENTRY),
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

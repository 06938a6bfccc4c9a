"""Rules on security groups, what opens them, and prefix lists: openings to the internet, and descriptions."""

from collections.abc import Iterable

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Rule,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import SECURITY_GROUPS
from policies.model.aws.security_groups import GROUP, INGRESS_RULES, RULES, Opening, elements, openings
from policies.model.checks import guarded
from policies.model.networks import DEFAULT_SECURITY_GROUP, PROTOCOLS_WITH_PORTS, is_world
from policies.model.property_values import Value


def _check_world(resource: Resource, select: bool, check: Iterable[int] | None, wanted: str) -> Verdicts:
    """Report rules in one direction that open a port in `check`, or all ports for None, to the world."""
    for opening in openings(resource):
        if opening.ingress is not select:
            continue

        def source(value: Value, opening: Opening = opening) -> Verdicts:
            if is_world(value.text() or "") and (
                opening.everything if check is None else any(map(opening.contains, check))
            ):
                yield Finding(value.path, f"{value.shown()} for {opening.ports}", wanted)

        yield from check_each(opening.sources, source)


def _port_rule(port: int, name: str, controls: tuple[str, ...], wanted: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        yield from _check_world(resource, True, (port,), wanted)

    check.__doc__ = f"Refuse ingress from the internet on port {port} ({name.upper()})."
    return SECURITY_GROUPS.rule(
        f"security-group-{name}-open-to-world",
        types=INGRESS_RULES,
        severity=Severity.CRITICAL,
        controls=controls,
        remediation=f"Close port {port}, or name the networks that need it.",
    )(check)


# CIS AWS Foundations 5.2 and 5.3 name TCP and UDP: Remote Desktop uses both (MS-RDPEUDP).
_CIS = ("CIS AWS 5.2", "CIS AWS 5.3")
ssh = _port_rule(22, "ssh", ("CKV_AWS_24", *_CIS), "set it to the networks that need SSH, or remove the rule")
rdp = _port_rule(
    3389, "rdp", ("CKV_AWS_25", *_CIS), "set it to the networks that need RDP, or remove the rule"
)
http = _port_rule(80, "http", ("CKV_AWS_260",), "open port 443 instead, or remove the rule")


@SECURITY_GROUPS.rule(
    "security-group-everything-open-to-world",
    types=INGRESS_RULES,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_277",),
    remediation="Name the protocol and the ports that are needed; -1 opens all of them.",
)
def everything(resource: Resource, _: Options) -> Verdicts:
    """Refuse ingress rules that open every port to the internet."""
    yield from _check_world(
        resource, True, None, "name a protocol and ports, or the networks that need access"
    )
    for opening in openings(resource):
        if opening.ingress:
            yield from guarded(_all_ports(opening))


def _all_ports(opening: Opening) -> Verdicts:
    whole = opening.first.number() in (-1, 0) and opening.last.number() in (-1, 65535)
    if not (whole and opening.number in PROTOCOLS_WITH_PORTS):
        return

    def source(value: Value) -> Verdicts:
        if is_world(value.text() or ""):
            yield Finding(
                value.path, f"{value.shown()} for {opening.ports}", "name the ports that are needed"
            )

    yield from check_each(opening.sources, source)


def _is_port_list(value: object) -> bool:
    return isinstance(value, list)


@SECURITY_GROUPS.rule(
    "security-group-port-open-to-world",
    types=INGRESS_RULES,
    severity=Severity.HIGH,
    controls=("Guide: firewall", "FSBP EC2.18"),
    remediation=(
        "Open only the ports that the policy configuration lists (443) to the world; for other ports, name "
        "networks."
    ),
    options={
        "ports": Option(
            default=[443],
            schema={
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": 65535},
                "description": "Ports that may be open to the internet.",
            },
            valid=_is_port_list,
            wanted="a list of ports",
        )
    },
)
def other_ports(resource: Resource, options: Options) -> Verdicts:
    """Refuse ingress from the internet on ports that the policy configuration does not list."""
    allowed = {int(port) for port in options["ports"]}
    for opening in openings(resource):
        if not opening.ingress:
            continue

        def source(value: Value, opening: Opening = opening) -> Verdicts:
            if is_world(value.text() or "") and not opening.is_within(allowed):
                ports = ", ".join(str(port) for port in sorted(allowed))
                yield Finding(
                    value.path, f"{value.shown()} for {opening.ports}", f"open only {ports}, or name networks"
                )

        yield from check_each(opening.sources, source)


@SECURITY_GROUPS.rule(
    "security-group-egress-everything",
    types=RULES,
    severity=Severity.LOW,
    controls=("CKV_AWS_382",),
    remediation="Name the ports and networks that the members of the group need to reach.",
    level=EnforcementLevel.ADVISORY,
)
def egress(resource: Resource, _: Options) -> Verdicts:
    """Refuse egress rules that open every port to the internet."""
    yield from _check_world(resource, False, None, "name the protocol and ports that are needed")


@SECURITY_GROUPS.rule(
    "security-group-description-missing",
    types=RULES - {DEFAULT_SECURITY_GROUP},
    severity=Severity.LOW,
    controls=("CKV_AWS_23",),
    remediation="State in `description` who connects to what, and why.",
)
def description(resource: Resource, _: Options) -> Verdicts:
    """Require a description on every security group and every rule."""
    if resource.type == GROUP:
        yield from check_each([resource["description"]], _group_described)
        rules = elements(resource["ingress"], resource["egress"])
        yield from check_each((item["description"] for item in rules), _described)
    else:
        yield from _described(resource["description"])


def _group_described(value: Value) -> Verdicts:
    # The default descriptions of Pulumi and Terraform explain nothing.
    if value.text() in (None, "", "Managed by Pulumi", "Managed by Terraform"):
        yield expected(value, "a sentence on what the group is for")


def _described(value: Value) -> Verdicts:
    if not value.text():
        yield expected(value, "a sentence on who reaches what")


@SECURITY_GROUPS.rule(
    "security-group-prefix-list-world",
    types=(
        "aws:ec2/managedPrefixList:ManagedPrefixList",
        "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
    ),
    severity=Severity.HIGH,
    controls=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AWS_277"),
    remediation="List networks; a rule that names this prefix list would be open to the world.",
)
def prefix_list(resource: Resource, _: Options) -> Verdicts:
    """Refuse prefix lists that contain the whole internet."""
    entries = [item["cidr"] for item in resource["entries"].items()] or [resource["cidr"]]
    yield from check_each(entries, _not_world)


def _not_world(value: Value) -> Verdicts:
    if is_world(value.text() or ""):
        yield disallowed(value)

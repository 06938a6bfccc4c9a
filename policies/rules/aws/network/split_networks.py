"""A rule on networks in several places that together are the internet."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Verdicts
from policies.engine.topics import SECURITY_GROUPS
from policies.model.aws.security_groups import RULES, Opening, openings
from policies.model.networks import PROTOCOLS_WITH_PORTS, is_world
from policies.model.property_values import UnknownValueError, Value

PREFIX_LISTS = (
    "aws:ec2/managedPrefixList:ManagedPrefixList",
    "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
)
LAST_PORT = 65535
_NAMES = {"6": "tcp", "17": "udp"}
_ICMP = ("icmp", "icmpv6", "1", "58")
"""Protocols without ports that may be open, as in `security-group-port-open-to-world`."""


@dataclass(frozen=True)
class _Part:
    """A network from which a range of ports is open."""

    resource: Resource
    value: Value
    network: str
    protocol: str = ""
    """Empty for all protocols."""
    first: int = 0
    last: int = LAST_PORT

    def opens(self, protocol: str, port: int) -> bool:
        return self.protocol in ("", protocol) and self.first <= port <= self.last


@SECURITY_GROUPS.stack_rule(
    "security-group-open-to-world-in-parts",
    about=(*RULES, *PREFIX_LISTS),
    severity=Severity.CRITICAL,
    controls=("Guide: firewall",),
    remediation="Name the networks that need access; half of the internet is no limit.",
    options={
        "ports": Option(
            default=[443],
            schema={
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": LAST_PORT},
                "description": "Ports that may be open to the internet.",
            },
        )
    },
)
def split_networks(stack: Stack, options: Options) -> Verdicts:
    """Refuse ingress rules and prefix lists whose networks together are at least half of the internet.

    Those of all security groups count together, because a network interface may have several groups.
    """
    allowed = {int(port) for port in options["ports"]}
    yield from _half(_parts_of_groups(stack), allowed)
    yield from _half(_parts_of_lists(stack), set())


def _half(parts: Iterable[_Part], allowed: set[int]) -> Verdicts:
    """Report the first network for each port that the networks together open to the internet."""
    # The rules on single resources report networks that are the internet alone.
    parts = [part for part in parts if not is_world(part.network)]
    if not is_world(*(part.network for part in parts)):
        return
    # The most ranges contain a port where one of them starts, or the one after an allowed port.
    starts = {(part.protocol, part.first) for part in parts}
    starts |= {(protocol, port + 1) for protocol, _ in starts for port in allowed}
    reported: set[tuple[str, str]] = set()
    for protocol, port in sorted(starts):
        open_parts = [part for part in parts if part.opens(protocol, port)]
        if port not in allowed and is_world(*(part.network for part in open_parts)):
            part = open_parts[0]
            place = (part.resource.urn, part.value.path)
            if place not in reported:
                reported.add(place)
                actual = f"{part.value.shown()}, which with other networks is half of the internet"
                yield Finding(
                    part.value.path, actual, "name the networks that need access", urn=part.resource.urn
                )


def _parts_of_groups(stack: Stack) -> Iterator[_Part]:
    """Yield the networks of ingress rules; those on single resources report unknown values."""
    for resource in stack.of(RULES):
        with suppress(UnknownValueError):
            for opening in openings(resource):
                with suppress(UnknownValueError):
                    yield from _parts(resource, opening)


def _parts(resource: Resource, opening: Opening) -> Iterator[_Part]:
    named = str(opening.protocol.get()).lower()
    if not opening.ingress or named in _ICMP:
        return
    protocol, first, last = _NAMES.get(named, named), 0, LAST_PORT
    if opening.everything:
        protocol = ""
    elif named in PROTOCOLS_WITH_PORTS:
        start, end = opening.first.number(), opening.last.number()
        if start is not None and end is not None and start >= 0:
            first, last = int(start), int(end)
    for value in opening.sources:
        if value.known and (network := value.text()):
            yield _Part(resource, value, network, protocol, first, last)


def _parts_of_lists(stack: Stack) -> Iterator[_Part]:
    for resource in stack.of(PREFIX_LISTS):
        entries = resource["entries"]
        values = [item["cidr"] for item in entries.items()] if entries.known else []
        for value in (*values, resource["cidr"]):
            if value.known and (network := value.text()):
                yield _Part(resource, value, network)

"""A rule on networks in several places that together are the internet."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Verdicts, disallowed
from policies.engine.topics import SECURITY_GROUPS
from policies.model.aws.security_groups import INGRESS_RULES, Opening, openings
from policies.model.checks import guarded
from policies.model.networks import ALL, ICMP, ICMPV6, LAST_PORT, PROTOCOLS_WITH_PORTS, is_private, is_world
from policies.model.property_values import UnknownValueError, Value
from policies.model.references import is_determined, referents

PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
PREFIX_LISTS = (PREFIX_LIST, ENTRY)


@dataclass(frozen=True)
class _Part:
    """A network from which a range of ports is open."""

    resource: Resource
    value: Value
    network: str
    protocol: int | None = ALL
    first: int = 0
    last: int = LAST_PORT
    entry: tuple[Resource, Value] | None = None
    """The entry of the prefix list that `value` names, and the resource that declares it."""

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.network

    @property
    def findings(self) -> Verdicts:
        """The findings that this network is a part of the internet: in a list, also one about the entry."""
        shown = self.value.shown()
        if self.entry:
            resource, value = self.entry
            shown = f"a prefix list with {value.shown()}"
            yield _finding(resource, value, value.shown())
        yield _finding(self.resource, self.value, shown)

    def opens(self, protocol: int | None, port: int) -> bool:
        return self.protocol in (ALL, protocol) and self.first <= port <= self.last


def _finding(resource: Resource, value: Value, shown: str) -> Finding:
    actual = f"{shown}, which with other networks is half of the internet"
    return Finding(value.path, actual, "name the networks that need access", urn=resource.urn)


@SECURITY_GROUPS.stack_rule(
    "security-group-open-to-world-in-parts",
    about=(*INGRESS_RULES, *PREFIX_LISTS),
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
        ),
        "prefixLists": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "IDs of prefix lists of AWS or of other stacks that rules may name.",
            },
        ),
    },
)
def split_networks(stack: Stack, options: Options) -> Verdicts:
    """Refuse ingress rules and prefix lists whose networks together are at least half of the internet.

    Those of all security groups count together, because a network interface may have several groups. A rule
    counts with the networks of its prefix lists, so other stacks' lists are refused.
    """
    allowed = {int(port) for port in options["ports"]}
    lists = _PrefixLists(stack, tuple(options["prefixLists"]))
    rules = list(_ingress(stack))
    for resource, opening in rules:
        yield from guarded(_foreign_lists(resource, opening, lists, allowed), resource.urn)
    parts = [*_parts_of_rules(rules, lists)]
    parts_of_lists = [*_parts_of_lists(stack)]
    for is_ipv6 in (False, True):
        yield from _half((part for part in parts if part.is_ipv6 is is_ipv6), allowed)
        yield from _half((part for part in parts_of_lists if part.is_ipv6 is is_ipv6), set())


def _half(parts: Iterable[_Part], allowed: set[int]) -> Verdicts:
    """Report all networks that open a port to the internet together.

    Each counts, so that a waiver of one, or one that is older than a pull request, hides none of the others.
    """
    # The rules on single resources report networks that are the internet alone.
    parts = [part for part in parts if not is_world(part.network)]
    if not is_world(*(part.network for part in parts)):
        return
    # The most ranges contain a port where one of them starts, or the one after an allowed port.
    starts = {(part.protocol, part.first) for part in parts}
    starts |= {(protocol, port + 1) for protocol, _ in starts for port in allowed}
    involved: set[int] = set()
    for protocol, port in starts:
        open_parts = {index: part for index, part in enumerate(parts) if part.opens(protocol, port)}
        if port not in allowed and is_world(*(part.network for part in open_parts.values())):
            involved |= open_parts.keys()
    for index in sorted(involved):
        if not is_private(parts[index].network):
            yield from parts[index].findings


def _ingress(stack: Stack) -> Iterator[tuple[Resource, Opening]]:
    """Yield the ingress rules; the rules on single resources report unknown values."""
    for resource in stack.of(INGRESS_RULES):
        with suppress(UnknownValueError):
            for opening in openings(resource):
                if opening.ingress:
                    yield resource, opening


@dataclass(frozen=True)
class _PrefixLists:
    """The prefix lists of a stack, and the IDs of others that the configuration accepts."""

    stack: Stack
    accepted: tuple[str, ...]

    def entries(self, resource: Resource, value: Value) -> list[tuple[Resource, Value]] | None:
        """Return the networks of the list that a rule names; None if the stack does not declare it."""
        owner = self._named(resource, value)
        if not owner:
            return None
        own = (
            entry for entry in self.stack.of((ENTRY,)) if self._named(entry, entry["prefixListId"]) == owner
        )
        return [(holder, network) for holder in (*owner, *own) for network in _networks(holder)]

    def _named(self, resource: Resource, value: Value) -> list[Resource]:
        """Return the list with this ID, or the lists from which the property comes if nobody knows the ID."""
        lists = self.stack.of((PREFIX_LIST,))
        if is_determined(value):
            return [item for item in lists if item["id"].known and item["id"].text() == value.text()]
        return referents(resource, value, lists, "id")


def _networks(resource: Resource) -> list[Value]:
    entries = resource["entries"]
    values = [item["cidr"] for item in entries.items()] if entries.known else []
    return [value for value in (*values, resource["cidr"]) if value.known and value.text()]


def _foreign_lists(resource: Resource, opening: Opening, lists: _PrefixLists, allowed: set[int]) -> Verdicts:
    for value in opening.lists:
        if lists.entries(resource, value) is not None:
            continue
        if value.get() not in (None, *lists.accepted) and not opening.is_within(allowed):
            remedy = "declare the list in this stack, or accept its ID in the policy configuration"
            yield resource.attach(disallowed(value, remedy))


def _parts_of_rules(rules: Iterable[tuple[Resource, Opening]], lists: _PrefixLists) -> Iterator[_Part]:
    for resource, opening in rules:
        with suppress(UnknownValueError):
            yield from _parts(resource, opening, lists)


def _parts(resource: Resource, opening: Opening, lists: _PrefixLists) -> Iterator[_Part]:
    protocol, first, last = opening.number, 0, LAST_PORT
    if protocol in (ICMP, ICMPV6):
        return
    if protocol in PROTOCOLS_WITH_PORTS:
        start, end = opening.first.number(), opening.last.number()
        if start is not None and end is not None and start >= 0:
            first, last = int(start), int(end)
    for value in opening.sources:
        if value.known and (network := value.text()):
            yield _Part(resource, value, network, protocol, first, last)
    for value in opening.lists:
        for entry in lists.entries(resource, value) or ():
            yield _Part(resource, value, entry[1].text() or "", protocol, first, last, entry)


def _parts_of_lists(stack: Stack) -> Iterator[_Part]:
    for resource in stack.of(PREFIX_LISTS):
        for value in _networks(resource):
            yield _Part(resource, value, value.text() or "")

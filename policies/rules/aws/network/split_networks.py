"""A rule on networks in several places that together are the internet."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Verdicts, disallowed
from policies.engine.topics import SECURITY_GROUPS
from policies.model.aws.security_groups import RULES, Opening, openings
from policies.model.checks import guarded
from policies.model.networks import ALL, ICMP, ICMPV6, PROTOCOLS_WITH_PORTS, is_world
from policies.model.property_marks import INVENTED
from policies.model.property_values import UnknownValueError, Value

PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
PREFIX_LISTS = (PREFIX_LIST, ENTRY)
LAST_PORT = 65535


@dataclass(frozen=True)
class _Part:
    """A network from which a range of ports is open."""

    resource: Resource
    value: Value
    network: str
    protocol: int | None = ALL
    first: int = 0
    last: int = LAST_PORT
    entry: Value | None = None
    """The entry of the prefix list that `value` names."""

    @property
    def shown(self) -> str:
        if self.entry is None:
            return self.value.shown()
        return f"a prefix list with {self.entry.shown()}"

    def opens(self, protocol: int | None, port: int) -> bool:
        return self.protocol in (ALL, protocol) and self.first <= port <= self.last


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
    yield from _half(_parts_of_rules(rules, lists), allowed)
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
    for protocol, port in sorted(starts, key=str):
        open_parts = [part for part in parts if part.opens(protocol, port)]
        if port not in allowed and is_world(*(part.network for part in open_parts)):
            part = open_parts[0]
            place = (part.resource.urn, part.value.path)
            if place not in reported:
                reported.add(place)
                actual = f"{part.shown}, which with other networks is half of the internet"
                yield Finding(
                    part.value.path, actual, "name the networks that need access", urn=part.resource.urn
                )


def _ingress(stack: Stack) -> Iterator[tuple[Resource, Opening]]:
    """Yield the ingress rules; the rules on single resources report unknown values."""
    for resource in stack.of(RULES):
        with suppress(UnknownValueError):
            for opening in openings(resource):
                if opening.ingress:
                    yield resource, opening


@dataclass(frozen=True)
class _PrefixLists:
    """The prefix lists of a stack, and the IDs of others that the configuration accepts."""

    stack: Stack
    accepted: tuple[str, ...]

    def entries(self, resource: Resource, value: Value) -> list[Value] | None:
        """Return the networks of the list that a rule names; None if the stack does not declare it."""
        owner = self._named(resource, value)
        if not owner:
            return None
        entries = [entry for prefix_list in owner for entry in _networks(prefix_list)]
        for entry in self.stack.of((ENTRY,)):
            if self._named(entry, entry["prefixListId"]) == owner:
                entries += _networks(entry)
        return entries

    def _named(self, resource: Resource, value: Value) -> list[Resource]:
        """Return the list with this ID, or the lists from which the property comes if nobody knows the ID."""
        lists = self.stack.of((PREFIX_LIST,))
        text = value.text() if value.known else INVENTED
        if text and not text.startswith(INVENTED):
            return [item for item in lists if item["id"].known and item["id"].text() == text]
        name = value.path.partition("[")[0].partition(".")[0]
        reached = resource.property_dependencies.get(name, ())
        return [item for item in lists if item.urn in reached]


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
            yield _Part(resource, value, entry.text() or "", protocol, first, last, entry)


def _parts_of_lists(stack: Stack) -> Iterator[_Part]:
    for resource in stack.of(PREFIX_LISTS):
        for value in _networks(resource):
            yield _Part(resource, value, value.text() or "")

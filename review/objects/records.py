"""DNS records of Cloudflare or Route 53 and load balancers that share a name with another one.

Their IDs differ, so neither record replaces the other one: requests reach either of the two.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress

from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource

ROUTE_53 = ("aws", "route53", "Record")

RECORDS = (("cloudflare", "index", "DnsRecord"), ("cloudflare", "index", "Record"), ROUTE_53)
"""Kinds of DNS records."""

ZONE = ("cloudflare", "index", "Zone")

BALANCER = ("cloudflare", "index", "LoadBalancer")
"""Kind that takes precedence over the DNS records of its name (pulumi-cloudflare, LoadBalancer: "the Load
Balancer will take precedence and the DNS record will not be used").
"""

ADDRESSES = frozenset({"A", "AAAA", "CNAME", "HTTPS", "SVCB"})
"""Types of records with the addresses of a name (RFC 1035, 3596 and 9460)."""

APEX = "@"
"""Name of the zone itself (pulumi-cloudflare, DnsRecord: "or @ for the zone apex")."""


def record_name(resource: Resource) -> tuple[str, str, str] | None:
    """Return the zone, the name and the type of a DNS record; None for other resources.

    A load balancer is a record without a type.
    """
    if kind_of(resource.type) not in (*RECORDS, BALANCER):
        return None
    zone, name, kind = (str(resource.values.get(key)) for key in ("zoneId", "name", "type"))
    return zone, _canonical(name), kind.upper()


def takes_precedence(
    first: Resource, second: Resource, known: Iterable[Resource], zones: Collection[str] = ()
) -> bool:
    """Return True if the first resource is a load balancer, which gets the requests to the second one."""
    is_balancer = kind_of(first.type) == BALANCER
    return is_balancer and is_address(second) and is_one_name(first, second, known, zones)


def zone_of(resource: Resource, *, is_new: bool) -> str:
    """Return the ID of the zone that a resource is, or in which a record is; empty for another resource.

    A new record proves no zone: its program may have written the ID.
    """
    if kind_of(resource.type) == ZONE:
        return str(resource.state.get("id") or "")
    return "" if is_new else (record_name(resource) or ("",))[0]


def is_address(resource: Resource) -> bool:
    """Return True for a DNS record with an address of a name."""
    record = record_name(resource)
    return bool(record) and record[-1] in ADDRESSES


def is_one_type(first: Resource, second: Resource) -> bool:
    """Return True for two DNS records of one type."""
    return (record_name(first) or ("",))[-1] == (record_name(second) or ("",))[-1]


def is_routed(first: Resource, second: Resource) -> bool:
    """Return True for two records of Route 53 between which it chooses by weight, place or health.

    Two records of one name and type have a `setIdentifier` each: Route 53 refuses others.
    """
    return kind_of(first.type) == kind_of(second.type) == ROUTE_53


def is_one_name(
    first: Resource, second: Resource, known: Iterable[Resource], zones: Collection[str] = ()
) -> bool:
    """Return True for two DNS records whose names are or may be one.

    A name that does not end with the name of the zone is completed, and no input tells that name. So a name
    may be another one with an ending, unless the `known` records show that the zone has another name.
    `zones` are the IDs of zones that are known to differ.
    """
    records = [record for record in map(record_name, (first, second)) if record]
    if len(records) < 2 or not _may_be_one_zone(first, second, zones):
        return False
    short, long = sorted((name for _, name, _ in records), key=len)
    if short == long:
        return True
    zone = long if short == APEX else long.removeprefix(f"{short}.")
    if "." not in zone or (zone == long and short != APEX) or _is_below(short, zone):
        return False
    own = {zone for zone, _, _ in records}
    others = (record for record in map(record_name, known) if record and record[0] in own)
    domain = _domain(zone)
    return all(_is_below(name, zone) for _, name, _ in others if _domain(name) == domain)


def _may_be_one_zone(first: Resource, second: Resource, zones: Collection[str]) -> bool:
    """Return True if two records may be in one zone, although their IDs may differ in the review.

    A program may write the real ID of a zone or use another look-up, and the review invents the answers. So
    two zones of Cloudflare differ only if both are known. A full name, which ends with a domain and not with
    a label such as `_domainkey`, leads to one zone alone, since Cloudflare's are public.
    """
    (zone, name, _), (other, other_name, _) = filter(None, map(record_name, (first, second)))
    if zone == other or ROUTE_53 in (kind_of(first.type), kind_of(second.type)):
        return zone == other
    _, dot, domain = name.rpartition(".")
    is_full = bool(dot) and not domain.startswith("_")
    return (name == other_name and is_full) or zone not in zones or other not in zones


def _canonical(name: str) -> str:
    """Return a name as a server of DNS compares it: in ASCII, in lower case, without the root."""
    with suppress(UnicodeError):
        name = name.strip().encode("idna").decode()
    return name.strip().lower().removesuffix(".")


def _is_below(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _domain(name: str) -> str:
    """Return the last two labels of a name."""
    return ".".join(name.split(".")[-2:])

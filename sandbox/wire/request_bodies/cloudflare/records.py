"""Checks of DNS records (developers.cloudflare.com/dns/manage-dns-records)."""

import ipaddress
from collections.abc import Iterator, Mapping

from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

NAME = r"^(@|(?=.{1,254}$)(\*|[\w-]{1,63})(\.[\w-]{1,63})*\.?)$"
HOST = r"(?=.{1,254}$)([\w-]{1,63}\.)*(?!\d+\.?$)[\w-]{1,63}\.?"
"""The pattern of a host name, whose last label is not a number."""

HOST_MESSAGE = "Content must be a host name."
TTL_MESSAGE = "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."

PROXIABLE = ("A", "AAAA", "CNAME")
"""The types of records that can be proxied. A CNAME cannot share its name with another such record."""

CAA_TAGS = ("issue", "issuewild", "iodef")

DATA_LIMITS: Mapping[str, tuple[float, float | None]] = {
    "algorithm": (0, 255),
    "altitude": (-100000, 42849672.95),
    "digest_type": (0, 255),
    "key_tag": (0, 65535),
    "lat_degrees": (0, 90),
    "lat_minutes": (0, 59),
    "lat_seconds": (0, 59.999),
    "long_degrees": (0, 180),
    "long_minutes": (0, 59),
    "long_seconds": (0, 59.999),
    "matching_type": (0, 255),
    "order": (0, 65535),
    "port": (0, 65535),
    "precision_horz": (0, 90000000),
    "precision_vert": (0, 90000000),
    "preference": (0, 65535),
    "priority": (0, 65535),
    "protocol": (0, 255),
    "selector": (0, 255),
    "size": (0, 90000000),
    "type": (0, None),
    "usage": (0, 255),
    "weight": (0, 65535),
}
"""The limits of the numbers in a structured record
(terraform-provider-cloudflare, internal/services/dns_record/schema.go).
"""


def faults(record: Json) -> Iterator[str]:
    """Yield the faults of a DNS record."""
    whole = Part(record)
    ttl, content = whole["ttl"], whole["content"]
    if ttl.value != 1 and [*ttl.within(60, 86400)]:
        yield ttl.fault(TTL_MESSAGE)
    yield from whole["name"].matches(NAME, "DNS name is invalid.")
    yield from whole["comment"].matches(
        r"^[^\r\n]{0,500}$", "A comment must be one line of at most 500 characters."
    )
    yield from _content_faults(whole)
    yield from _proxy_faults(whole)
    yield from whole.fault_if(not whole.has_any("content", "data"), "content or data is required")
    yield from content.matches(r"\S", "Content is missing.")
    yield from whole["priority"].within(0, 65535)
    for name, (least, most) in DATA_LIMITS.items():
        yield from whole["data"][name].within(least, most)


def _content_faults(record: Part) -> Iterator[str]:
    """Yield the faults of the content or data that concern the type of the record."""
    content, data = record["content"], record["data"]
    match record["type"].value:
        case "CNAME" | "NS":
            yield from content.matches(f"^{HOST}$", HOST_MESSAGE)
        case "MX":
            yield from record.needs("priority")
            yield from content.matches(rf"^(\.|{HOST})$", HOST_MESSAGE)
        case "CAA":
            yield from data.needs("flags", "tag", "value")
            yield from data["flags"].within(0, 255)
            yield from data["tag"].is_one_of(CAA_TAGS)
        case "A":
            message = "Content for A record must be a valid IPv4 address."
            yield from content.fault_if(content and not _is_address(content.value, 4), message)
        case "AAAA":
            message = "Content for AAAA record must be a valid IPv6 address."
            yield from content.fault_if(content and not _is_address(content.value, 6), message)
        case _:
            pass


def _proxy_faults(record: Part) -> Iterator[str]:
    """Yield the faults of a proxied record."""
    if record["proxied"].value is True:
        yield from record["ttl"].is_one_of([1], "ttl must be set to 1 when `proxied` is true")
        yield from record["type"].is_one_of(PROXIABLE, "This record type cannot be proxied.")


def _is_address(text: str, version: int) -> bool:
    """Return True for an IP address of the version, without the zone of an IPv6 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and not getattr(address, "scope_id", None)

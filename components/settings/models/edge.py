"""Settings of the Cloudflare zone and of the stack's hosts in the zone."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from components.settings.config_commands import KeyPath, remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import Distinct, Fqdn, Model, entries

RATE_LIMIT_SECONDS = {
    "free": (10, 10),
    "pro": (60, 3600),
    "business": (600, 86400),
    "enterprise": (3600, 86400),
}
"""Longest period and longest block of a rate limit in seconds, by plan (Cloudflare WAF, rate limiting
rules)."""

PRELOAD_SECONDS = 31536000
"""Smallest max-age that hstspreload.org accepts."""

CertificateDays: TypeAlias = Literal[7, 30, 90, 365, 730, 1095, 5475]
"""Possible validity periods of an origin certificate, in days (Cloudflare Origin CA)."""

Frontend = Annotated[Fqdn, Field(examples=["app-dev.pipe.dev"])]
"""A frontend's host."""


class Hsts(Model):
    """The Strict-Transport-Security header that Cloudflare sends."""

    max_age_seconds: Annotated[int, Field(ge=0, le=63072000, examples=[31536000])]
    """Seconds for which a browser uses only HTTPS; 0 revokes an earlier value."""
    include_subdomains: bool
    """True if the header covers subdomains, so that every host of the zone is HTTPS only."""
    preload: bool
    """True if browsers may add the zone to their preload lists (hstspreload.org), which is hard to undo."""


class RateLimit(Model):
    """The limit of requests from one address."""

    requests: Annotated[int, Field(ge=1, le=1000000, examples=[300])]
    """Number of requests that are allowed in a period."""
    period_seconds: Literal[10, 60, 120, 300, 600, 3600]
    """The period, in seconds; the plan limits the value."""
    block_seconds: Literal[10, 60, 120, 300, 600, 3600, 86400]
    """Seconds for which an address above the limit is blocked; the plan limits the value."""


class Zone(Model):
    """Zone-wide settings; only those of the stack that owns the zone are applied."""

    owned: bool
    """True if this stack applies the zone-wide settings; true in exactly one stack."""
    min_tls: Literal["1.2", "1.3"]
    """The oldest TLS version that visitors may use; versions below 1.2 cannot be chosen."""
    plan: Literal["free", "pro", "business", "enterprise"]
    """The zone's Cloudflare plan, which determines the managed rules and the longest rate-limit periods."""
    hsts: Hsts
    dnssec: bool
    """True if Cloudflare signs the zone. Signing produces the DS record (output `dsRecord`), which must then
    be published at the registrar. The record must be removed there before signing is switched off."""
    certificate_authorities: Annotated[
        list[Annotated[Fqdn, Field(examples=["letsencrypt.org"])]], entries(1), Distinct
    ]
    """Certificate authorities that may issue certificates for the zone (CAA)."""
    hosts: Annotated[list[Fqdn], entries(1), Distinct]
    """The API hosts of all stacks, since a zone has one ruleset per phase."""
    cached_hosts: Annotated[list[Frontend], entries(1), Distinct]
    """The frontend hosts of all stacks; their static content is cached."""
    rate_limit: RateLimit


class Edge(Model):
    """The stack's hosts in the Cloudflare zone."""

    zone_name: Annotated[Fqdn, Field(examples=["pipe.dev"])]
    """The zone that all stacks share."""
    zone: Zone
    host: Fqdn
    """The stack's public host."""
    frontend_host: Frontend
    """The frontend's host, one label below the zone (Universal SSL covers one label)."""
    frontend_target: Annotated[Fqdn, Field(examples=["cname.vercel-dns.com"])]
    """The frontend's host at its hosting provider (Vercel)."""
    frontend_proxied: bool
    """True if visitors of the frontend pass through Cloudflare."""
    certificate_days: Annotated[CertificateDays, Field(examples=[365])]
    """Validity of the origin certificate, in days (Origin CA)."""


def check_host(edge: Edge) -> Iterator[SettingFault]:
    """Refuse a host that Universal SSL does not cover; it covers the zone and hosts one label below it."""
    if not is_host_of_zone(edge.host, edge.zone_name):
        path = ("pipe:edge", "host")
        allowed = (
            f"{edge.zone_name} (pipe:edge.zoneName) or a host one label below it, which Universal SSL covers"
        )
        fix = set_command(path, _host_below(edge.host, edge.zone_name))
        yield invalid_value(path, edge.host, allowed, fix)


def check_frontend_host(edge: Edge) -> Iterator[SettingFault]:
    """Refuse a frontend host that is not one label below the zone, or that equals the API's host."""
    zone, path = edge.zone_name, ("pipe:edge", "frontendHost")
    if not _is_one_label_below(edge.frontend_host, zone):
        allowed = f"a host one label below {zone} (pipe:edge.zoneName), which Universal SSL covers"
        fix = set_command(path, _host_below(edge.frontend_host, zone))
        yield invalid_value(path, edge.frontend_host, allowed, fix)
    elif edge.frontend_host == edge.host:
        fix = set_command(path, f"app-{edge.host}")
        yield invalid_value(path, edge.host, "a host other than pipe:edge.host", fix)


def check_host_in_zone_rules(edge: Edge) -> Iterator[SettingFault]:
    """Refuse a list of the zone's API hosts that lacks the stack's host."""
    if is_host_of_zone(edge.host, edge.zone_name):
        yield from _missing_host("hosts", edge.zone.hosts, "host", edge.host)


def check_frontend_in_zone_rules(edge: Edge) -> Iterator[SettingFault]:
    """Refuse a list of cached hosts that lacks the stack's frontend host."""
    frontend = edge.frontend_host
    if _is_one_label_below(frontend, edge.zone_name) and frontend != edge.host:
        yield from _missing_host("cachedHosts", edge.zone.cached_hosts, "frontendHost", frontend)


def check_zone_hosts(edge: Edge) -> Iterator[SettingFault]:
    """Refuse hosts of the zone's rules that are neither the zone nor one label below it."""
    for key, hosts in (("hosts", edge.zone.hosts), ("cachedHosts", edge.zone.cached_hosts)):
        for index, host in enumerate(hosts):
            if not is_host_of_zone(host, edge.zone_name):
                path = ("pipe:edge", "zone", key, index)
                allowed = f"{edge.zone_name} (pipe:edge.zoneName) or a host one label below it"
                yield invalid_value(path, host, allowed, remove_command(path))


def check_rate_limit(edge: Edge) -> Iterator[SettingFault]:
    """Refuse a period or a block that is longer than the zone's plan allows."""
    zone = edge.zone
    longest_period, longest_block = RATE_LIMIT_SECONDS[zone.plan]
    for key, seconds, longest in (
        ("periodSeconds", zone.rate_limit.period_seconds, longest_period),
        ("blockSeconds", zone.rate_limit.block_seconds, longest_block),
    ):
        if seconds > longest:
            path = ("pipe:edge", "zone", "rateLimit", key)
            allowed = f"at most {longest} on the {zone.plan} plan (pipe:edge.zone.plan)"
            yield invalid_value(path, seconds, allowed, set_command(path, longest))


def check_hsts_preload(edge: Edge) -> Iterator[SettingFault]:
    """Refuse preload unless all hosts are HTTPS only for at least a year (hstspreload.org)."""
    hsts = edge.zone.hsts
    path: KeyPath = ("pipe:edge", "zone", "hsts")
    if hsts.preload and not hsts.include_subdomains:
        key = (*path, "includeSubdomains")
        yield invalid_value(
            key, False, "true while preload is true (hstspreload.org)", set_command(key, True)
        )
    if hsts.preload and hsts.max_age_seconds < PRELOAD_SECONDS:
        key = (*path, "maxAgeSeconds")
        allowed = f"at least {PRELOAD_SECONDS} while preload is true (hstspreload.org)"
        yield invalid_value(key, hsts.max_age_seconds, allowed, set_command(key, PRELOAD_SECONDS))


def is_host_of_zone(host: str, zone: str) -> bool:
    """Return True if a host is the zone itself or one label below it."""
    return host == zone or _is_one_label_below(host, zone)


def _missing_host(key: str, hosts: list[str], source: str, host: str) -> Iterator[SettingFault]:
    path = ("pipe:edge", "zone", key)
    if host not in hosts:
        allowed = f"a list that contains pipe:edge.{source} ({host}), since the zone's rules cover all stacks"
        yield invalid_value(path, hosts, allowed, set_command((*path, len(hosts)), host))


def _is_one_label_below(host: str, zone: str) -> bool:
    return host.partition(".")[2] == zone


def _host_below(host: str, zone: str) -> str:
    """Return a similar host one label below the zone: app-dev.pipe.dev for app.dev.pipe.dev."""
    if host == zone:
        return f"app.{zone}"
    inner = host.removesuffix(f".{zone}")
    label = host.partition(".")[0] if inner == host else inner.replace(".", "-")
    return f"{label}.{zone}"


CHECKS = (
    check_host,
    check_frontend_host,
    check_host_in_zone_rules,
    check_frontend_in_zone_rules,
    check_zone_hosts,
    check_rate_limit,
    check_hsts_preload,
)

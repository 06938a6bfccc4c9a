"""Hosts outside the zone, and what the zone's plan or its neighbours do not allow."""

from collections.abc import Iterator
from typing import Literal

from components.settings.faults import Fault, set_to, wrong
from components.settings.schema import KeyPath
from components.settings.stack import Settings

LIMITS = {"free": (10, 10), "pro": (60, 3600), "business": (600, 86400), "enterprise": (3600, 86400)}
"""Longest period and block of a rate limit by plan, in seconds (Cloudflare WAF, rate limiting rules)."""

PRELOAD_SECONDS = 31536000
"""What hstspreload.org asks of max-age."""


def host(s: Settings) -> Iterator[Fault]:
    """The zone itself or one label below it, as far as Universal SSL covers."""
    zone, path = s.edge.zone_name, ("pipe:edge", "host")
    if s.edge.host != zone and not _one_label_below(s.edge.host, zone):
        allowed = f"{zone} or a host one label below it, as Universal SSL covers (pipe:edge.zoneName)"
        yield wrong(path, s.edge.host, allowed, set_to(path, f"{_first(s.edge.host)}.{zone}"))


def frontend_host(s: Settings) -> Iterator[Fault]:
    """One label below the zone, and not the API's."""
    zone, path = s.edge.zone_name, ("pipe:edge", "frontendHost")
    if not _one_label_below(s.edge.frontend_host, zone):
        allowed = f"a host one label below {zone}, as Universal SSL covers (pipe:edge.zoneName)"
        yield wrong(
            path, s.edge.frontend_host, allowed, set_to(path, f"{_first(s.edge.frontend_host)}.{zone}")
        )
    elif s.edge.frontend_host == s.edge.host:
        yield wrong(path, s.edge.host, "another host than pipe:edge.host", set_to(path, f"app-{s.edge.host}"))


def hosts_of_zone(s: Settings) -> Iterator[Fault]:
    """The zone's rules speak of hosts of the zone, this stack's among them."""
    yield from _listed(s, "hosts", s.edge.zone.hosts, "host", s.edge.host)


def cached_hosts_of_zone(s: Settings) -> Iterator[Fault]:
    """The same for the frontends."""
    yield from _listed(s, "cachedHosts", s.edge.zone.cached_hosts, "frontendHost", s.edge.frontend_host)


def rate_limit(s: Settings) -> Iterator[Fault]:
    """A plan allows periods and blocks up to its own length."""
    zone = s.edge.zone
    period, block = LIMITS[zone.plan]
    for key, seconds, most in (
        ("periodSeconds", zone.rate_limit.period_seconds, period),
        ("blockSeconds", zone.rate_limit.block_seconds, block),
    ):
        if seconds > most:
            path = ("pipe:edge", "zone", "rateLimit", key)
            allowed = f"at most {most} on the {zone.plan} plan (pipe:edge.zone.plan)"
            yield wrong(path, seconds, allowed, set_to(path, most))


def preload(s: Settings) -> Iterator[Fault]:
    """Browsers ship only with zones that are HTTPS throughout, for a year at least."""
    hsts = s.edge.zone.hsts
    path: KeyPath = ("pipe:edge", "zone", "hsts")
    if hsts.preload and not hsts.include_subdomains:
        key = (*path, "includeSubdomains")
        yield wrong(key, False, "true while preload is true (hstspreload.org)", set_to(key, True))
    if hsts.preload and hsts.max_age_seconds < PRELOAD_SECONDS:
        key = (*path, "maxAgeSeconds")
        allowed = f"at least {PRELOAD_SECONDS} while preload is true (hstspreload.org)"
        yield wrong(key, hsts.max_age_seconds, allowed, set_to(key, PRELOAD_SECONDS))


def _listed(
    s: Settings, key: Literal["hosts", "cachedHosts"], listed: list[str], own: str, host: str
) -> Iterator[Fault]:
    path: KeyPath = ("pipe:edge", "zone", key)
    zone = s.edge.zone_name
    for index, each in enumerate(listed):
        if each != zone and not _one_label_below(each, zone):
            allowed = f"hosts of {zone}, at most one label below it (pipe:edge.zoneName)"
            yield wrong((*path, index), each, allowed, set_to((*path, index), f"{_first(each)}.{zone}"))
    if host not in listed:
        allowed = (
            f"a list with pipe:edge.{own} ({host}), since the zone's rules are written once for all stacks"
        )
        yield wrong(path, listed, allowed, set_to((*path, len(listed)), host))


def _one_label_below(host: str, zone: str) -> bool:
    return host.partition(".")[2] == zone


def _first(host: str) -> str:
    return host.partition(".")[0]


CHECKS = (host, frontend_host, hosts_of_zone, cached_hosts_of_zone, rate_limit, preload)

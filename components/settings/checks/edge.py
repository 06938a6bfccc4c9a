"""Hosts outside the zone, and what the zone's plan or its neighbours do not allow."""

from collections.abc import Iterator

from components.settings.errors import Fault, remove, set_to, wrong
from components.settings.json_schema import KeyPath
from components.settings.stack import Settings

LIMITS = {"free": (10, 10), "pro": (60, 3600), "business": (600, 86400), "enterprise": (3600, 86400)}
"""Longest period and block of a rate limit by plan, in seconds (Cloudflare WAF, rate limiting rules)."""

PRELOAD_SECONDS = 31536000
"""What hstspreload.org asks of max-age."""


def host(s: Settings) -> Iterator[Fault]:
    """The zone itself or one label below it, as far as Universal SSL covers."""
    zone, path = s.edge.zone_name, ("pipe:edge", "host")
    if not _of_zone(s.edge.host, zone):
        allowed = f"{zone} or a host one label below it, as Universal SSL covers (pipe:edge.zoneName)"
        yield wrong(path, s.edge.host, allowed, set_to(path, _moved(s.edge.host, zone)))


def frontend_host(s: Settings) -> Iterator[Fault]:
    """One label below the zone, and not the API's."""
    zone, path = s.edge.zone_name, ("pipe:edge", "frontendHost")
    if not _one_label_below(s.edge.frontend_host, zone):
        allowed = f"a host one label below {zone}, as Universal SSL covers (pipe:edge.zoneName)"
        yield wrong(path, s.edge.frontend_host, allowed, set_to(path, _moved(s.edge.frontend_host, zone)))
    elif s.edge.frontend_host == s.edge.host:
        yield wrong(path, s.edge.host, "another host than pipe:edge.host", set_to(path, f"app-{s.edge.host}"))


def hosts_of_zone(s: Settings) -> Iterator[Fault]:
    """The zone's rules speak of this stack's host."""
    if _of_zone(s.edge.host, s.edge.zone_name):
        yield from _listed("hosts", s.edge.zone.hosts, "host", s.edge.host)


def cached_hosts_of_zone(s: Settings) -> Iterator[Fault]:
    """And of its frontend."""
    own = s.edge.frontend_host
    if _one_label_below(own, s.edge.zone_name) and own != s.edge.host:
        yield from _listed("cachedHosts", s.edge.zone.cached_hosts, "frontendHost", own)


def strangers(s: Settings) -> Iterator[Fault]:
    """The zone's rules speak of no host outside it."""
    for key, hosts in (("hosts", s.edge.zone.hosts), ("cachedHosts", s.edge.zone.cached_hosts)):
        for index, each in enumerate(hosts):
            if not _of_zone(each, s.edge.zone_name):
                path = ("pipe:edge", "zone", key, index)
                allowed = f"a host of {s.edge.zone_name}, at most one label below it (pipe:edge.zoneName)"
                yield wrong(path, each, allowed, remove(path))


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


def _listed(key: str, listed: list[str], own: str, host: str) -> Iterator[Fault]:
    path = ("pipe:edge", "zone", key)
    if host not in listed:
        allowed = f"a list with pipe:edge.{own} ({host}): the zone's rules are written once for all stacks"
        yield wrong(path, listed, allowed, set_to((*path, len(listed)), host))


def _of_zone(host: str, zone: str) -> bool:
    return host == zone or _one_label_below(host, zone)


def _one_label_below(host: str, zone: str) -> bool:
    return host.partition(".")[2] == zone


def _moved(host: str, zone: str) -> str:
    """A host one label below the zone that resembles another: app-dev.pipe.dev for app.dev.pipe.dev."""
    if host == zone:
        return f"app.{zone}"
    inner = host.removesuffix(f".{zone}")
    return f"{inner.replace('.', '-') if inner != host else host.partition('.')[0]}.{zone}"


CHECKS = (host, frontend_host, hosts_of_zone, cached_hosts_of_zone, strangers, rate_limit, preload)

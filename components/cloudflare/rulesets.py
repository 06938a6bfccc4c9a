"""Rules of a Cloudflare zone: one pure function per phase, which returns the phase's rules."""

from collections.abc import Sequence
from typing import TypeAlias

import pulumi
import pulumi_cloudflare as cloudflare

from components.settings.models.edge import Zone

MANAGED_RULESETS = {
    "free": {"free": "77454fe2d30c4220b5701f6fdfb893ba"},
    "paid": {"cloudflare": "efb7b8c949ac4650a09736fc376e9aee", "owasp": "4814384a9e5d4991b9815dcfc25d2f1f"},
}
"""Cloudflare's managed rulesets by plan; their IDs are the same in every account.

Cloudflare refuses to run a managed ruleset that the plan does not include
(developers.cloudflare.com/waf/managed-rules)."""

STATIC_CONTENT = ("avif", "css", "gif", "ico", "jpeg", "jpg", "js", "png", "svg", "webp", "woff", "woff2")
"""Extensions of frontend files whose names change with their content."""

Rules: TypeAlias = "list[cloudflare.RulesetRuleArgsDict]"


def cache(zone: Zone) -> Rules:
    """Return the rule that caches the frontends' static content for as long as its Cache-Control allows."""
    return [
        {
            "ref": "cache_static_content",
            "description": "Static content of the frontends",
            "expression": f"({_hosts(zone.cached_hosts)} and"
            f" http.request.uri.path.extension in {_set(STATIC_CONTENT)})",
            "action": "set_cache_settings",
            "action_parameters": {
                "cache": True,
                "edge_ttl": {"mode": "respect_origin"},
                "browser_ttl": {"mode": "respect_origin"},
            },
        }
    ]


def managed(zone: Zone) -> Rules:
    """Return the rules that run the plan's managed rulesets on every request."""
    return [
        {
            "ref": f"managed_{name}",
            "description": f"Managed rules: {name}",
            "expression": "true",
            "action": "execute",
            "action_parameters": {"id": ruleset},
        }
        for name, ruleset in MANAGED_RULESETS["free" if zone.plan == "free" else "paid"].items()
    ]


def rate_limit(zone: Zone) -> Rules:
    """Return the rule that blocks an address for `block_seconds` once it exceeds the rate limit.

    Cloudflare's API requires the characteristic cf.colo.id, since it counts requests per data centre. On the
    free plan a rate limit cannot match the host, so it covers the whole zone.
    """
    limit = zone.rate_limit
    everything = 'starts_with(http.request.uri.path, "/")'
    return [
        {
            "ref": "limit_requests",
            "description": f"{limit.requests} requests in {limit.period_seconds} s from one address",
            "expression": everything if zone.plan == "free" else f"({_hosts(zone.hosts)})",
            "action": "block",
            "ratelimit": {
                "characteristics": ["cf.colo.id", "ip.src"],
                "period": limit.period_seconds,
                "requests_per_period": limit.requests,
                "mitigation_timeout": limit.block_seconds,
            },
        }
    ]


def skip(zone: Zone, header: str, token: pulumi.Output[str]) -> Rules:
    """Return the rule that exempts synthetic checks, by their token, from rate limits and bot detection.

    They also skip the Browser Integrity Check, the security level and User Agent Blocking (`products`). WAF
    managed rules still apply. Custom rules run before the phases that they skip. The free plan has no
    Super Bot Fight Mode.
    """

    def expression(token: str) -> str:
        # The settings allow only tokens whose characters need no escaping here.
        return f'({_hosts(zone.hosts)} and any(http.request.headers["{header}"][*] eq "{token}"))'

    bots = [] if zone.plan == "free" else ["http_request_sbfm"]
    return [
        {
            "ref": "skip_synthetic_checks",
            "description": "Synthetic checks, known by a secret header",
            "expression": token.apply(expression),
            "action": "skip",
            "action_parameters": {
                "phases": ["http_ratelimit", *bots],
                "products": ["bic", "securityLevel", "uaBlock"],
            },
            "logging": {"enabled": True},
        }
    ]


def _hosts(hosts: Sequence[str]) -> str:
    return f"http.host in {_set(hosts)}"


def _set(values: Sequence[str]) -> str:
    return "{" + " ".join(f'"{value}"' for value in values) + "}"

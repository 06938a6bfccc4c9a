"""Phases of a Cloudflare zone for which the program declares a ruleset."""

CACHE_PHASE = "http_request_cache_settings"
CUSTOM_PHASE = "http_request_firewall_custom"
MANAGED_PHASE = "http_request_firewall_managed"
RATE_LIMIT_PHASE = "http_ratelimit"
PHASES = (CACHE_PHASE, CUSTOM_PHASE, MANAGED_PHASE, RATE_LIMIT_PHASE)
"""All phases; a zone has at most one ruleset per phase."""


def logical_name(component: str, phase: str) -> str:
    """Return the logical name of a phase's ruleset, such as `edge-http-ratelimit`."""
    return f"{component}-{phase.replace('_', '-')}"

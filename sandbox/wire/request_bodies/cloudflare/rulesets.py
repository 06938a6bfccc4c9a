"""Checks of rulesets (developers.cloudflare.com/ruleset-engine and /waf/rate-limiting-rules/parameters)."""

from collections.abc import Iterator, Mapping

from sandbox.wire.request_bodies.cloudflare import expressions
from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

RATE_LIMITS = "http_ratelimit"

ACTIONS: Mapping[str, tuple[str, ...]] = {
    RATE_LIMITS: ("block", "challenge", "js_challenge", "managed_challenge", "log"),
    "http_request_cache_settings": ("set_cache_settings",),
    "http_request_firewall_custom": (
        "block",
        "challenge",
        "js_challenge",
        "managed_challenge",
        "log",
        "skip",
    ),
    "http_request_firewall_managed": ("execute", "skip", "log"),
}
"""The actions of each phase whose rulesets the sandbox can check."""

CHALLENGES = ("challenge", "js_challenge", "managed_challenge")
ACTIONS_WITH_PARAMETERS = ("skip", "execute", "set_cache_settings")

PERIODS = (10, 60, 120, 300, 600, 3600)
TIMEOUTS = (0, 10, 60, 120, 300, 600, 3600, 86400)
"""The allowed values of `mitigation_timeout`, in seconds."""

CHARACTERISTIC = r"""(?x)^(
  cf\.(colo\.id|unique_visitor_id|bot_management\.ja(3_hash|4))
  | ip\.src
  | ip\.(src|geoip)\.(asnum|country)
  | http\.(host|request\.uri\.path|request\.body\.raw)
  | http\.request\.headers\["[a-z0-9_-]+"\]
  | http\.request\.(cookies|uri\.args|body\.form)\["[^"]+"\]
  | lookup_json_string\(.+\)
)$"""
"""The pattern of a value by which a rate limit counts requests."""

IDENT = r"^[0-9a-f]{32}$"
IDENT_MESSAGE = "an ID has 32 hexadecimal digits (0-9, a-f)"

OVERRIDES = ("action", "categories", "enabled", "rules", "sensitivity_level")
CATEGORY_OVERRIDES = ("action", "enabled", "sensitivity_level")
RULE_OVERRIDES = ("action", "enabled", "score_threshold", "sensitivity_level")
NO_OVERRIDE = "nothing is overridden"


def faults(ruleset: Json) -> Iterator[str]:
    """Yield the faults of a ruleset."""
    whole = Part(ruleset)
    yield from whole.needs("kind", "name", "phase")
    yield from whole["name"].has_length(1)
    yield from whole["kind"].is_one_of(("zone", "custom"), "a zone has rulesets of the kinds zone and custom")
    yield from whole["phase"].is_one_of([*ACTIONS], "the sandbox cannot check a ruleset of this phase")
    for rule in whole["rules"].items:
        yield from _rule_faults(rule, whole["phase"].value)
    yield from expressions.faults(ruleset)


def _rule_faults(rule: Part, phase: str) -> Iterator[str]:
    """Yield the faults of a rule of a phase."""
    yield from rule.needs("expression")
    yield from rule["expression"].matches(r"\S")
    yield from rule["expression"].has_length(0, 4096)
    yield from rule["ref"].has_length(1)
    yield from rule["logging"].needs("enabled")
    if phase == RATE_LIMITS:
        yield from rule.needs("ratelimit")
    elif phase:
        message = "only rules of the phase http_ratelimit have a ratelimit"
        yield from rule["ratelimit"].fault_if(rule["ratelimit"], message)
    if phase in ACTIONS:
        yield from rule["action"].is_one_of(ACTIONS[phase])
    yield from _rate_limit_faults(rule["ratelimit"])
    if rule["action"].may_be(*CHALLENGES):
        # On all plans except Enterprise.
        message = "must be 0 with a challenge, since a client that passes it continues"
        yield from rule["ratelimit.mitigation_timeout"].is_one_of([0], message)
    parameters = rule["action_parameters"]
    if rule["action"].value in ACTIONS_WITH_PARAMETERS:
        yield from rule.needs("action_parameters")
        yield from parameters.has_length(1)
    if rule["action"].value == "execute":
        yield from parameters.needs("id")
    yield from _parameter_faults(parameters)
    yield from _cache_faults(parameters)
    yield from _override_faults(parameters["overrides"])


def _rate_limit_faults(limit: Part) -> Iterator[str]:
    yield from limit["counting_expression"].has_length(1)
    has_limit = limit.has_any("requests_per_period", "score_per_period")
    yield from limit.fault_if(not has_limit, "requests_per_period is missing")
    yield from limit["requests_per_period"].within(1)
    yield from limit["score_per_period"].within(1)
    yield from limit["period"].is_one_of(PERIODS)
    yield from limit["mitigation_timeout"].is_one_of(TIMEOUTS)
    characteristics = limit["characteristics"]
    if characteristics:
        values = [item.value for item in characteristics.items]
        yield from characteristics.fault_if("cf.colo.id" not in values, "cf.colo.id is missing")
        is_ambiguous = {"ip.src", "cf.unique_visitor_id"} <= {*values}
        message = "ip.src and cf.unique_visitor_id exclude each other"
        yield from characteristics.fault_if(is_ambiguous, message)
    for item in characteristics.items:
        message = "requests cannot be counted by this; the name of a header must be in lower case"
        yield from item.matches(CHARACTERISTIC, message)


def _parameter_faults(parameters: Part) -> Iterator[str]:
    """Yield the faults of an action's parameters.

    The limits are from terraform-provider-cloudflare, internal/services/ruleset/schema.go.
    """
    yield from parameters["additional_cacheable_ports"].has_length(1)
    for port in parameters["additional_cacheable_ports"].items:
        yield from port.within(1, 65535)
    yield from parameters["cache_reserve.minimum_file_size"].within(0)
    yield from parameters["id"].matches(IDENT, IDENT_MESSAGE)
    for name in ("phases", "products", "rulesets", "rules"):
        yield from parameters[name].has_length(1)
    yield from parameters["read_timeout"].within(100, 6000)
    for idents in parameters["rules"].items:
        yield from idents.has_length(1)
    for idents in (*parameters["rules"].items, parameters["rulesets"]):
        for ident in idents.items:
            yield from ident.matches(IDENT, IDENT_MESSAGE)
    response = parameters["response"]
    yield from response["content"].has_length(1)
    yield from response["content_type"].has_length(1)
    yield from response["status_code"].within(400, 499)


def _cache_faults(parameters: Part) -> Iterator[str]:
    """Yield the faults of the lifetimes in a cache."""
    for lifetime in (parameters["browser_ttl"], parameters["edge_ttl"]):
        if lifetime["mode"].may_be("override_origin"):
            yield from lifetime.needs("default")
        yield from lifetime["default"].within(0)
    yield from parameters["edge_ttl.status_code_ttl"].has_length(1)
    for lifetime in parameters["edge_ttl.status_code_ttl"].items:
        has_one = lifetime.has_any("status_code") != lifetime.has_any("status_code_range")
        yield from lifetime.fault_if(
            not has_one, "exactly one of status_code and status_code_range is required"
        )
        yield from lifetime["status_code"].within(100, 999)
        limits = lifetime["status_code_range"]
        yield from limits.fault_if(not limits.has_any("from", "to"), "from or to is required")
        yield from limits["from"].within(100, 999)
        yield from limits["to"].within(100, 999)


def _override_faults(overrides: Part) -> Iterator[str]:
    """Yield the faults of the changes to a managed ruleset."""
    yield from overrides.fault_if(not overrides.has_any(*OVERRIDES), NO_OVERRIDE)
    for name in ("categories", "rules"):
        yield from overrides[name].has_length(1)
    for category in overrides["categories"].items:
        yield from category.fault_if(not category.has_any(*CATEGORY_OVERRIDES), NO_OVERRIDE)
        yield from category["category"].has_length(1)
    for rule in overrides["rules"].items:
        yield from rule.fault_if(not rule.has_any(*RULE_OVERRIDES), NO_OVERRIDE)
        yield from rule["id"].matches(IDENT, IDENT_MESSAGE)

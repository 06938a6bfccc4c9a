"""Rules on Cloudflare's firewall: managed rules, overrides that weaken it, authenticated origin pulls."""

from ipaddress import ip_network

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import CLOUDFLARE
from policies.model.checks import guarded
from policies.model.cloudflare.expressions import is_limited, matches_everything, spared_hosts
from policies.model.cloudflare.zones import OVERRIDE, RECORDS, SETTING, Zones
from policies.model.property_values import UnknownValueError, UnreadableValueError, Value

RULESET = "cloudflare:index/ruleset:Ruleset"
PAGE_RULE = "cloudflare:index/pageRule:PageRule"
ACCESS_RULE = "cloudflare:index/accessRule:AccessRule"
PULLS = "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings"
MANAGED_PHASE = "http_request_firewall_managed"
WEAK_LEVELS = ("off", "essentially_off")
_MANAGED = [
    "efb7b8c949ac4650a09736fc376e9aee",
    "4814384a9e5d4991b9815dcfc25d2f1f",
    "77454fe2d30c4220b5701f6fdfb893ba",
]
"""The IDs of the Cloudflare Managed Ruleset, the OWASP Core Ruleset and the Free Managed Ruleset.

Source: Cloudflare, WAF, managed rules, "Available managed rulesets". The check for exposed credentials, which
is another one, looks at logins only.
"""

DECIDING_RULE = "6179ae15870a4bb7b2d480d4843b323c"
"""The last rule of the OWASP Core Ruleset. Only this one acts, if the others add up to a score.

Source: Cloudflare, WAF, OWASP Core Ruleset, "Configure via API".
"""
LOWEST_THRESHOLD = 60
"""The score from which the OWASP Core Ruleset acts at the latest of Cloudflare's levels, Low (concepts)."""
INSENSITIVE = "eoff"
"""The sensitivity level "Essentially Off" of rules against DDoS (Cloudflare, DDoS, override parameters)."""


def _is_enabled(rule: Value) -> bool:
    return rule["enabled"].flag() is not False


def _owners(stack: Stack, zones: Zones) -> dict[str | None, str]:
    """Return the zones that the stack owns, each with the URN of the resource to which findings belong.

    A stack owns a zone if it declares the zone or one of its settings.
    """
    owners = {zones.of(resource): resource.urn for resource in reversed(stack.of((SETTING, OVERRIDE)))}
    return owners | {zone.urn: zone.urn for zone in zones.declared}


@CLOUDFLARE.stack_rule(
    "cloudflare-managed-rules-off",
    about=(RULESET, SETTING, OVERRIDE),
    severity=Severity.HIGH,
    controls=("Cloudflare WAF: deploy managed rules",),
    remediation=(
        f"Declare a cloudflare.Ruleset of the phase {MANAGED_PHASE} whose rules execute a managed ruleset."
    ),
    url="https://developers.cloudflare.com/waf/managed-rules/deploy-zone-dashboard/",
    options={
        "rulesets": Option(
            default=_MANAGED,
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "The IDs of the rulesets of which a zone must execute one.",
            },
        )
    },
)
def managed_rules(stack: Stack, options: Options) -> Verdicts:
    """Require the stack that owns a zone to run one of Cloudflare's managed rulesets on all requests.

    Cloudflare refuses a second ruleset of a phase, so each of several must do so: either may be the refused
    one. A ruleset of another kind does nothing unless another one executes it. No rule may spare all requests
    to a host for which the stack declares a record.
    """
    zones = Zones(stack)
    hosts = _hosts(stack, zones)
    protected: dict[str | None, bool] = {}
    unknown: Unknown | None = None
    for ruleset in stack.of((RULESET,)):
        hidden = [name for name in ("phase", "kind", "rules") if not ruleset[name].known]
        if hidden:
            unknown = Unknown(hidden[0], ruleset.urn)
        elif ruleset["phase"].text() == MANAGED_PHASE and ruleset["kind"].text() in (None, "zone"):
            zone = zones.of(ruleset)
            executes = any(_executes(rule, options["rulesets"]) for rule in ruleset["rules"].items())
            protected[zone] = executes and protected.get(zone, True)
            yield from guarded(_spared(ruleset, hosts), ruleset.urn)
    for zone, urn in _owners(stack, zones).items():
        if protected.get(zone):
            continue
        yield unknown or Finding(
            "the zone", "without managed rules", f"execute a managed ruleset in {MANAGED_PHASE}", urn=urn
        )


APEX = "@"
"""The name of a record at the top of its zone (pulumi-cloudflare, DnsRecord: name)."""
LABELS_OF_APEX = 2
"""The usual number of labels of a zone, if its name is unknown."""


def _hosts(stack: Stack, zones: Zones) -> frozenset[str]:
    """Return the known names of the records with which the stack publishes a host, and those of its zones."""
    names = (
        record["name"].text()
        for record in stack.of(RECORDS)
        if record["name"].known and record["type"].known and record["type"].text() in ("A", "AAAA", "CNAME")
    )
    hosts = frozenset(name.lower().removesuffix(".") for name in names if name)
    apexes = (zone["name"].text() for zone in zones.declared if zone["name"].known)
    return hosts | {name.lower().removesuffix(".") for name in apexes if name and APEX in hosts}


def _is_published(spared: str, hosts: frozenset[str]) -> bool:
    """Return True if the stack may publish a host, or one with a beginning that ends with a star.

    The name of a record is complete, or relative to its zone. Its first label may be a wildcard, also the
    only one.
    """
    if spared in hosts or (APEX in hosts and spared.count(".") + 1 == LABELS_OF_APEX):
        return True
    if spared.endswith("*"):
        return any(host.startswith((spared[:-1], "*")) or host == APEX for host in hosts)
    return any(
        spared.startswith(f"{host}.")
        or (host.startswith("*") and (spared.endswith(host[1:]) or f"{host[1:]}." in spared))
        for host in hosts
    )


def _spared(ruleset: Resource, hosts: frozenset[str]) -> Verdicts:
    """Report the rules of managed rules that all requests to one of these hosts skip.

    The rule `weakened` reports what is unknown of a rule.
    """

    def check(rule: Value) -> Verdicts:
        parameters, expression = rule["actionParameters"], rule["expression"]
        parts = (rule, rule["action"], rule["enabled"], expression, parameters)
        if not all(part.known for part in parts) or rule["action"].text() != "skip" or not _is_enabled(rule):
            return
        skips_all = not (parameters["ruleset"].absent and parameters["rulesets"].absent)
        if skips_all and any(_is_published(host, hosts) for host in spared_hosts(expression.text() or "")):
            yield ruleset.attach(disallowed(expression, _LIMIT))

    yield from check_each(ruleset["rules"].items(), check)


def _executes(rule: Value, rulesets: list[str]) -> bool:
    """Return True if a rule executes one of the rulesets on all requests, or may do so.

    It may do so because a part is unknown.
    """
    ruleset = rule.at("actionParameters.id")
    parts = (rule, rule["action"], rule["enabled"], rule["expression"], ruleset)
    return not all(part.known for part in parts) or (
        rule["action"].text() == "execute"
        and ruleset.text() in rulesets
        and _is_enabled(rule)
        and matches_everything(rule["expression"].text())
    )


@CLOUDFLARE.rule(
    "cloudflare-firewall-weakened",
    types=(RULESET, PAGE_RULE, SETTING, OVERRIDE, ACCESS_RULE),
    severity=Severity.HIGH,
    controls=("Cloudflare WAF: exceptions", "Cloudflare Rules: configuration rules"),
    remediation="Remove the override, or limit it to the rule of the managed ruleset that misfires.",
    url="https://developers.cloudflare.com/waf/managed-rules/waf-exceptions/",
    options={
        "singleRules": Option(
            default=20,
            schema={
                "type": "integer",
                "minimum": 0,
                "description": "The number of managed rules that a ruleset may turn off one by one.",
            },
        )
    },
)
def weakened(resource: Resource, options: Options) -> Verdicts:
    """Refuse rules and settings that turn off managed rules, the security level, or the browser check.

    A rule may exempt requests from the browser check, or from the rest of a ruleset, if its expression names
    their path or address. An IP Access rule may allow an address or a small network. Single managed rules may
    be off, but not many of them.
    """
    if resource.type == ACCESS_RULE:
        yield from _access_rule(resource)
    elif resource.type == PAGE_RULE:
        if resource["status"].text() != "disabled":
            yield from guarded(_page_rule(resource["actions"]))
            yield from guarded(_page_check(resource))
    elif resource.type == SETTING:
        if check := _SETTINGS.get(resource["settingId"].text() or ""):
            yield from check(resource["value"])
    elif resource.type == OVERRIDE:
        settings = resource["settings"]
        yield from guarded(_level(settings["securityLevel"]))
        for name in ("browserCheck", "waf"):
            yield from guarded(_on(settings[name]))
    else:
        yield from check_each(resource["rules"].items(), _rule)
        yield from _single_rules(resource["rules"], options["singleRules"])


SHORTEST_PREFIXES = {4: 24, 6: 48}
"""The lengths of the prefixes of the largest networks of one company, by the version of IP.

Cloudflare takes /16 and /24 of IPv4, and /32, /48, /64 and /128 of IPv6 (WAF, IP Access rules, parameters).
"""


def _access_rule(rule: Resource) -> Verdicts:
    """Refuse to allow a country, the network of a provider, or a large part of it.

    Allowed visitors skip all checks, the WAF included, and those of a country the browser check and the
    Under Attack mode (Cloudflare, WAF, IP Access rules, actions).
    """
    if rule["mode"].text() == "whitelist":
        target, value = rule.at("configuration.target"), rule.at("configuration.value")
        if target.text() in ("asn", "country"):
            yield disallowed(target, "allow single addresses or networks instead")
        elif not _is_small(value.text() or ""):
            largest = " or ".join(f"/{prefix} (IPv{ip})" for ip, prefix in SHORTEST_PREFIXES.items())
            yield disallowed(value, f"allow networks of at most {largest}")


def _is_small(text: str) -> bool:
    """Return True for an address or a network that is not larger than these; False for other strings."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= SHORTEST_PREFIXES[network.version]


def _page_rule(actions: Value) -> Verdicts:
    if actions["disableSecurity"].flag():
        yield disallowed(actions["disableSecurity"])
    if actions["waf"].text() == "off":
        yield disallowed(actions["waf"])
    yield from _level(actions["securityLevel"])


def _page_check(page_rule: Resource) -> Verdicts:
    """Refuse a page rule without the browser check, unless the pattern of its addresses has a path."""
    _, _, path = (page_rule["target"].text() or "").rpartition("://")[2].partition("/")
    if not path.strip("*/"):
        yield from _on(page_rule.at("actions.browserCheck"))


def _level(value: Value) -> Verdicts:
    if value.text() in WEAK_LEVELS:
        yield disallowed(value)


def _on(value: Value) -> Verdicts:
    if value.text() == "off":
        yield expected(value, "'on'")


_SETTINGS = {"security_level": _level, "browser_check": _on, "waf": _on}
"""By the name of a zone's setting, the check of its value."""


def _rule(rule: Value) -> Verdicts:
    if not _is_enabled(rule):
        return
    parameters, action = rule["actionParameters"], rule["action"].text()
    if action == "set_config":
        yield from _level(parameters["securityLevel"])
        # Cloudflare's own example turns the check off for an API, whose clients are no browsers
        # (configuration-rules/examples/define-single-configuration-terraform).
        if parameters["bic"].flag() is False and not _is_limited(rule):
            yield disallowed(parameters["bic"], _LIMIT)
    elif action == "skip":
        yield from check_each(parameters["phases"].items(), _phase)
        products = set(parameters["products"].texts()) - _HARMLESS_PRODUCTS
        for name, present in (
            ("ruleset", not parameters["ruleset"].absent),
            ("rulesets", not parameters["rulesets"].absent),
            ("products", bool(products)),
            ("rules", DECIDING_RULE in _rules_to_skip(parameters)),
        ):
            is_firewall = name != "products" or "waf" in products
            if present and not (_is_limited_to_one_host(rule) if is_firewall else _is_limited(rule)):
                yield disallowed(parameters[name], _LIMIT)
    elif action == "execute":
        yield from _overrides(parameters["overrides"])


def _rules_to_skip(parameters: Value) -> set[str]:
    """Return the IDs of the single rules that a rule skips; before version 6, commas separate them."""
    texts = (text for rules in parameters["rules"].entries().values() for text in rules.texts())
    return {name.strip() for text in texts for name in text.split(",")}


def _phase(phase: Value) -> Verdicts:
    if phase.text() == MANAGED_PHASE:
        yield disallowed(phase, "skip single rules of the managed ruleset instead")


_LIMIT = "let the expression name the paths or addresses that are exempt, by eq, in or starts_with"

_HARMLESS_PRODUCTS = {"hot", "rateLimit"}
"""Older products that a rule may skip for all requests: the protection of images and rate limits (Cloudflare,
WAF, skip options)."""


def _is_limited(rule: Value) -> bool:
    return is_limited(rule["expression"].text() or "")


def _is_limited_to_one_host(rule: Value) -> bool:
    """Return True if a rule is limited by more than hosts, or by one host.

    Together, several hosts may be all of the zone, but one is Cloudflare's own example of an exception.
    """
    return _is_limited(rule) and len(spared_hosts(rule["expression"].text() or "")) <= 1


def _overrides(overrides: Value) -> Verdicts:
    """Check overrides of a ruleset and its categories; single rules may be off, but not the deciding one."""
    for value in (overrides, *overrides["categories"].items()):
        yield from guarded(_effect(value))
        if value["sensitivityLevel"].text() == INSENSITIVE:
            yield disallowed(value["sensitivityLevel"], "lower that of the rule that misfires")
    yield from check_each(overrides["rules"].items(), _deciding_rule)


def _effect(override: Value) -> Verdicts:
    if override["enabled"].flag() is False:
        yield expected(override["enabled"], "true")
    if override["action"].text() == "log":
        yield disallowed(override["action"], "let the ruleset block")


def _deciding_rule(override: Value) -> Verdicts:
    if override["id"].text() == DECIDING_RULE:
        yield from _effect(override)
        if (override["scoreThreshold"].number() or 0) > LOWEST_THRESHOLD:
            yield expected(override["scoreThreshold"], f"at most {LOWEST_THRESHOLD}")


def _single_rules(rules: Value, most: int) -> Verdicts:
    """Refuse to turn off more single managed rules than these, since one by one they are a whole ruleset.

    The check of each rule reports what is unknown or unreadable.
    """
    names = set[str]()
    for rule in rules.items():
        try:
            names |= _single_rules_off(rule)
        except (UnknownValueError, UnreadableValueError):
            continue
    if len(names) > most:
        yield Finding(
            rules.path, f"a list that turns {len(names)} managed rules off", f"turn off at most {most}"
        )


def _single_rules_off(rule: Value) -> set[str]:
    parameters, action = rule["actionParameters"], rule["action"].text()
    if action == "skip" and _is_enabled(rule) and not _is_limited_to_one_host(rule):
        return _rules_to_skip(parameters)
    if action == "execute" and _is_enabled(rule):
        overrides = parameters.at("overrides.rules").items()
        return {override["id"].text() or "" for override in overrides if _is_without_effect(override)}
    return set()


def _is_without_effect(override: Value) -> bool:
    return (
        override["enabled"].flag() is False
        or override["action"].text() == "log"
        or override["sensitivityLevel"].text() == INSENSITIVE
    )


@CLOUDFLARE.stack_rule(
    "cloudflare-origin-pulls-unauthenticated",
    about=(PULLS, SETTING, OVERRIDE),
    severity=Severity.MEDIUM,
    controls=("Cloudflare SSL: authenticated origin pulls",),
    remediation=(
        "Declare a cloudflare.AuthenticatedOriginPullsSettings, and let the origin verify the certificate."
    ),
    url="https://developers.cloudflare.com/ssl/origin-configuration/authenticated-origin-pull/",
    level=EnforcementLevel.ADVISORY,
)
def origin_pulls(stack: Stack, _: Options) -> Verdicts:
    """Require the stack that owns a zone to enable authenticated origin pulls."""
    zones = Zones(stack)
    settings = stack.of((PULLS,))
    for resource in settings:
        yield from guarded(_pulls(resource), resource.urn)
    enabled = {zones.of(resource) for resource in settings}
    for zone, urn in _owners(stack, zones).items():
        if zone not in enabled:
            yield Finding(
                "the zone",
                "without authenticated origin pulls",
                "declare a cloudflare.AuthenticatedOriginPullsSettings",
                urn=urn,
            )


def _pulls(resource: Resource) -> Verdicts:
    if resource["enabled"].flag() is not True:
        yield resource.attach(expected(resource["enabled"], "true"))

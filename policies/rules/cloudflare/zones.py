"""Rules on Cloudflare zones: TLS settings, ownership and DNSSEC."""

from collections.abc import Callable
from dataclasses import dataclass

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Rule,
    Stack,
    Unknown,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import CLOUDFLARE
from policies.model.checks import guarded
from policies.model.cloudflare.zones import OVERRIDE, SETTING, DeclaredSettings, Zones
from policies.model.property_values import Value

DNSSEC = "cloudflare:index/zoneDnssec:ZoneDnssec"


@dataclass(frozen=True)
class Setting:
    """A zone setting with its required value."""

    name: str
    """The name in Cloudflare's API."""
    wanted: str
    good: Callable[[Value], bool]
    default: str
    """Cloudflare's default value."""


def _hsts(value: Value) -> bool:
    header = value["strict_transport_security"]
    header = value["strictTransportSecurity"] if header.absent else header
    header = value if header.absent else header  # the form of ZoneSettingsOverride before version 6
    age = header["max_age"] if not header["max_age"].absent else header["maxAge"]
    return header["enabled"].flag() is True and (age.number() or 0) >= HALF_A_YEAR


HALF_A_YEAR = 15552000
"""Half a year in seconds; Cloudflare recommends at least six months."""

SETTINGS = (
    Setting("ssl", "'strict'", lambda value: value.text() in ("strict", "origin_pull"), "off or full"),
    Setting("always_use_https", "'on'", lambda value: value.text() == "on", "off"),
    Setting(
        "security_header",
        f"strict_transport_security with enabled true and max_age {HALF_A_YEAR} or more",
        _hsts,
        "off",
    ),
    Setting("min_tls_version", "'1.2' or '1.3'", lambda value: value.text() in ("1.2", "1.3"), "1.0"),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_CAMEL = {"always_use_https": "alwaysUseHttps", "security_header": "securityHeader", "ssl": "ssl"}


def _setting_rule(name: str, setting: Setting, severity: Severity, control: str, description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        if resource.type == OVERRIDE:
            value = resource.at(f"settings.{_CAMEL[setting.name]}")
        elif resource["settingId"].text() == setting.name:
            value = resource["value"]
        else:
            return
        if not setting.good(value):
            yield expected(value, setting.wanted)

    check.__doc__ = description
    return CLOUDFLARE.rule(
        f"cloudflare-{name}",
        types=(SETTING, OVERRIDE),
        severity=severity,
        controls=(control,),
        remediation=f"Set the zone setting {setting.name} to {setting.wanted}.",
    )(check)


ssl = _setting_rule(
    "ssl-not-strict",
    _BY_NAME["ssl"],
    Severity.CRITICAL,
    "Cloudflare SSL/TLS: Full (strict)",
    "Require Cloudflare to verify the certificate of the origin.",
)
https = _setting_rule(
    "plain-http-served",
    _BY_NAME["always_use_https"],
    Severity.HIGH,
    "Cloudflare SSL/TLS: Always Use HTTPS",
    "Require a redirect from HTTP to HTTPS for every zone.",
)
hsts = _setting_rule(
    "hsts-missing",
    _BY_NAME["security_header"],
    Severity.MEDIUM,
    "Cloudflare SSL/TLS: HSTS",
    "Require HSTS of at least half a year for every zone.",
)


RULESET = "cloudflare:index/ruleset:Ruleset"
PAGE_RULE = "cloudflare:index/pageRule:PageRule"


@CLOUDFLARE.rule(
    "cloudflare-ssl-weakened-by-rule",
    types=(RULESET, PAGE_RULE),
    severity=Severity.CRITICAL,
    controls=("Cloudflare SSL/TLS: Full (strict)",),
    remediation="Remove ssl from the rule, or set it to strict; it takes precedence over the zone's setting.",
    url="https://developers.cloudflare.com/rules/configuration-rules/settings/",
)
def ssl_by_rule(resource: Resource, _: Options) -> Verdicts:
    """Refuse page rules and configuration rules that undo the verification of the origin's certificate."""
    if resource.type == PAGE_RULE:
        if resource["status"].text() != "disabled":
            yield from _strict(resource.at("actions.ssl"))
    else:
        yield from check_each(resource["rules"].items(), _configuration)


def _configuration(rule: Value) -> Verdicts:
    if rule["action"].text() == "set_config" and rule["enabled"].flag() is not False:
        yield from _strict(rule.at("actionParameters.ssl"))


def _strict(value: Value) -> Verdicts:
    if not value.absent and not _BY_NAME["ssl"].good(value):
        yield expected(value, _BY_NAME["ssl"].wanted)


@CLOUDFLARE.stack_rule(
    "cloudflare-zone-setting-missing",
    about=(SETTING,),
    severity=Severity.HIGH,
    controls=(
        "Cloudflare SSL/TLS: Full (strict)",
        "Cloudflare SSL/TLS: Minimum TLS Version",
        "Cloudflare SSL/TLS: Always Use HTTPS",
    ),
    remediation="Declare a cloudflare.ZoneSetting for each TLS setting, to replace Cloudflare's default.",
)
def zone_settings(stack: Stack, _: Options) -> Verdicts:
    """Require a stack that declares a zone, or a setting of it, to declare all of the zone's TLS settings."""
    zones = Zones(stack)
    declared = DeclaredSettings(stack, zones)
    owners = {zones.of(resource): resource.urn for resource in reversed(stack.of((SETTING,)))}
    owners = {zone.urn: zone.urn for zone in zones.declared} | owners
    for zone, urn in owners.items():
        for setting in SETTINGS:
            remedy = f"declare it with the value {setting.wanted}"
            shown = f"not set (the default is {setting.default})"
            finding = Finding(f"zone setting {setting.name}", shown, remedy, urn=urn)
            yield from declared.missing(zone, setting.name, finding)


@CLOUDFLARE.rule(
    "cloudflare-zone-not-owned",
    types=(SETTING, OVERRIDE, DNSSEC),
    severity=Severity.HIGH,
    controls=("Design: one owner per zone",),
    remediation=(
        "Declare zone-wide settings only in the stack that owns the zone; two stacks would overwrite each "
        "other's values."
    ),
    options={
        "owner": Option(
            default=True, schema={"type": "boolean", "description": "True if this stack owns its zone."}
        )
    },
)
def owner(resource: Resource, options: Options) -> Verdicts:
    """Allow zone-wide settings only in the stack that owns the zone."""
    if not options["owner"]:
        where = resource["settingId" if resource.type == SETTING else "zoneId"]
        shown = where.shown() if where.known else "unknown"
        remedy = "move it to the stack that owns the zone"
        yield Finding(where.path, f"{shown} in a stack that does not own the zone", remedy)


@CLOUDFLARE.stack_rule(
    "cloudflare-dnssec-off",
    about=(DNSSEC, SETTING, OVERRIDE),
    severity=Severity.LOW,
    controls=("Cloudflare DNS: DNSSEC",),
    remediation="Add a cloudflare.ZoneDnssec, and give the DS record to the registrar.",
    url="https://developers.cloudflare.com/dns/dnssec/",
    level=EnforcementLevel.ADVISORY,
)
def dnssec(stack: Stack, _: Options) -> Verdicts:
    """Require the stack that owns a zone to enable DNSSEC."""
    zones, signed = Zones(stack), stack.of((DNSSEC,))
    for resource in signed:
        yield from guarded(_status(resource), resource.urn)
    owned = {zones.of(resource): resource.urn for resource in reversed(stack.of((SETTING, OVERRIDE)))}
    safe = {zones.of(resource): resource for resource in signed}
    for zone, urn in ({zone.urn: zone.urn for zone in zones.declared} | owned).items():
        if zone in safe:
            continue
        if None in safe:
            yield Unknown("zoneId", safe[None].urn)
        elif zone is None and safe:
            yield Unknown("zoneId", urn)
        else:
            yield Finding("the zone", "without DNSSEC", "add a cloudflare.ZoneDnssec", urn=urn)


def _status(resource: Resource) -> Verdicts:
    status = resource["status"]
    if status.text() not in (None, "active", "pending"):
        yield resource.attach(expected(status, "'active'"))

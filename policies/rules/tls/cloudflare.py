"""TLS 1.2 and newer at Cloudflare: zones, and hosts with separate TLS settings."""

from pulumi_policy import Severity

from policies.engine import remediation
from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    expected,
)
from policies.engine.topics import TLS
from policies.model.property_values import Value

_CLOUDFLARE_SAFE = ("1.2", "1.3")


@TLS.rule(
    "tls-cloudflare-zone-old-version",
    remedy=remediation.cloudflare_zone,
    types=(
        "cloudflare:index/zoneSetting:ZoneSetting",
        "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride",
    ),
    severity=Severity.HIGH,
    controls=("Cloudflare SSL/TLS: Minimum TLS Version",),
    url="https://developers.cloudflare.com/ssl/edge-certificates/additional-options/minimum-tls/",
    remediation="Set the zone setting min_tls_version to 1.2; Cloudflare's default is 1.0.",
)
def cloudflare_zone(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer for Cloudflare zones."""
    if resource.type.endswith(":ZoneSetting"):
        if resource["settingId"].text() != "min_tls_version":
            return
        version = resource["value"]
    else:
        version = resource.at("settings.minTlsVersion")
    yield from _cloudflare_version(version)


@TLS.rule(
    "tls-cloudflare-hostname-old-version",
    remedy=remediation.cloudflare_hostname,
    types=(
        "cloudflare:index/hostnameTlsSetting:HostnameTlsSetting",
        "cloudflare:index/customHostname:CustomHostname",
        "cloudflare:index/r2CustomDomain:R2CustomDomain",
    ),
    severity=Severity.HIGH,
    controls=("Cloudflare SSL/TLS: Minimum TLS Version",),
    url="https://developers.cloudflare.com/api/resources/hostnames/subresources/settings/subresources/tls/",
    remediation="Set the host's own minimum TLS version to 1.2; it overrides the zone's.",
)
def cloudflare_hostname(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer for Cloudflare hosts with separate TLS settings."""
    kind = resource.type.rpartition(":")[2]
    if kind == "HostnameTlsSetting":
        if resource["settingId"].text() == "min_tls_version":
            yield from _cloudflare_version(resource["value"])
    elif kind == "R2CustomDomain":
        yield from _cloudflare_version(resource["minTls"])  # absent: 1.0
    elif not (version := resource.at("ssl.settings.minTlsVersion")).absent:  # absent: the zone's version
        yield from _cloudflare_version(version)


def _cloudflare_version(version: Value) -> Verdicts:
    if version.text() not in _CLOUDFLARE_SAFE:
        yield expected(version, "'1.2' or '1.3'")

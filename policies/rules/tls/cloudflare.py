"""The minimum TLS version at Cloudflare: zones, and hosts with separate TLS settings."""

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

ALLOWED = ("1.2", "1.3")
"""The minimum versions that the rules allow, oldest first; the messages and the repairs follow them."""


@TLS.rule(
    "tls-cloudflare-zone-old-version",
    remedy=remediation.cloudflare_zone(ALLOWED[0]),
    types=(
        "cloudflare:index/zoneSetting:ZoneSetting",
        "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride",
    ),
    severity=Severity.HIGH,
    controls=("Cloudflare SSL/TLS: Minimum TLS Version",),
    url="https://developers.cloudflare.com/ssl/edge-certificates/additional-options/minimum-tls/",
    remediation=f"Set the zone setting min_tls_version to {ALLOWED[0]}; Cloudflare's default is 1.0.",
)
def cloudflare_zone(resource: Resource, _: Options) -> Verdicts:
    """Refuse old minimum TLS versions of Cloudflare zones."""
    if resource.type.endswith(":ZoneSetting"):
        if resource["settingId"].text() != "min_tls_version":
            return
        version = resource["value"]
    else:
        version = resource.at("settings.minTlsVersion")
    yield from _cloudflare_version(version)


@TLS.rule(
    "tls-cloudflare-hostname-old-version",
    remedy=remediation.cloudflare_hostname(ALLOWED[0]),
    types=(
        "cloudflare:index/hostnameTlsSetting:HostnameTlsSetting",
        "cloudflare:index/customHostname:CustomHostname",
        "cloudflare:index/r2CustomDomain:R2CustomDomain",
    ),
    severity=Severity.HIGH,
    controls=("Cloudflare SSL/TLS: Minimum TLS Version",),
    url="https://developers.cloudflare.com/api/resources/hostnames/subresources/settings/subresources/tls/",
    remediation=f"Set the host's own minimum TLS version to {ALLOWED[0]}; it overrides the zone's.",
)
def cloudflare_hostname(resource: Resource, _: Options) -> Verdicts:
    """Refuse old minimum TLS versions of Cloudflare hosts with separate TLS settings."""
    kind = resource.type.rpartition(":")[2]
    if kind == "HostnameTlsSetting":
        if resource["settingId"].text() == "min_tls_version":
            yield from _cloudflare_version(resource["value"])
    elif kind == "R2CustomDomain":
        yield from _cloudflare_version(resource["minTls"])  # absent: 1.0
    elif not (version := resource.at("ssl.settings.minTlsVersion")).absent:  # absent: the zone's version
        yield from _cloudflare_version(version)


def _cloudflare_version(version: Value) -> Verdicts:
    if version.text() not in ALLOWED:
        yield expected(version, " or ".join(map(repr, ALLOWED)))

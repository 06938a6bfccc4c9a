"""DNS records of the stack and, in the stack that owns the zone, the zone's settings and rulesets."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from components.cloudflare import rulesets
from components.common import ruleset_phases
from components.common.naming import Naming
from components.settings.models.edge import Edge as EdgeSettings
from components.settings.models.edge import Zone

AUTOMATIC = 1
"""TTL value for "automatic", the only one that a proxied record may have."""


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """Arguments of Edge."""

    settings: EdgeSettings
    naming: Naming
    origin_hostname: pulumi.Input[str]
    """The load balancer's host name."""
    synthetic_token: pulumi.Input[str]
    """The secret header value that identifies synthetic checks.

    The stack that owns the zone exempts requests with its own value from rate limits and bot detection, so
    stacks whose checks need the exemption must use the same value."""


class Edge(pulumi.ComponentResource):
    """DNS records for the API, through Cloudflare to the load balancer, and for the frontend on Vercel.

    The stack that owns the zone also declares the zone's settings, DNSSEC, CAA records and rulesets.
    """

    url: pulumi.Output[str]
    frontend_url: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    ds_record: pulumi.Output[str] | None
    """DS record for the registrar; None if this stack does not sign the zone."""

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:edge:Edge", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        self.zone_id = cloudflare.get_zone_output(
            filter={"match": "all", "name": settings.zone_name}, opts=pulumi.InvokeOptions(parent=self)
        ).apply(lambda zone: zone.id)

        cloudflare.DnsRecord(
            name,
            zone_id=self.zone_id,
            name=settings.host,
            type="CNAME",  # Cloudflare flattens a CNAME at the apex.
            content=args.origin_hostname,
            proxied=True,
            ttl=AUTOMATIC,
            comment=f"{args.naming.name()}: to the load balancer; managed by Pulumi",
            opts=child,
        )
        cloudflare.DnsRecord(
            f"{name}-frontend",
            zone_id=self.zone_id,
            name=settings.frontend_host,
            type="CNAME",
            content=settings.frontend_target,
            proxied=settings.frontend_proxied,
            ttl=AUTOMATIC,
            comment=f"{args.naming.name()}: to the frontend; managed by Pulumi",
            opts=child,
        )
        self.ds_record = None
        if settings.zone.owned:
            self._own_zone(name, args)

        self.url = pulumi.Output.from_input(f"https://{settings.host}")
        self.frontend_url = pulumi.Output.from_input(f"https://{settings.frontend_host}")
        self.register_outputs(
            {
                "url": self.url,
                "frontend_url": self.frontend_url,
                "zone_id": self.zone_id,
                "ds_record": self.ds_record,
            },
        )

    def _own_zone(self, name: str, args: EdgeArgs) -> None:
        """Declare the zone-wide resources; only the stack that owns the zone has them.

        If the stack is destroyed, Cloudflare keeps the zone's settings.
        """
        zone = args.settings.zone
        self._declare_settings(name, zone)
        if zone.dnssec:
            self.ds_record = self._sign_zone(name)
        self._restrict_authorities(name, args.settings)
        self._declare_rulesets(name, args)

    def _declare_settings(self, name: str, zone: Zone) -> None:
        for setting, value in zone_settings(zone).items():
            cloudflare.ZoneSetting(
                f"{name}-{setting.replace('_', '-')}",
                zone_id=self.zone_id,
                setting_id=setting,
                value=value,
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _sign_zone(self, name: str) -> pulumi.Output[str]:
        """Declare DNSSEC; return the DS record for the registrar."""
        return cloudflare.ZoneDnssec(
            name,
            zone_id=self.zone_id,
            status="active",
            # Deleting this resource would disable signing, and resolvers reject an unsigned zone whose DS
            # record is still published (RFC 4035, section 5.2).
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        ).ds

    def _restrict_authorities(self, name: str, settings: EdgeSettings) -> None:
        """Declare a CAA record for each authority that may issue certificates for the zone."""
        for authority in settings.zone.certificate_authorities:
            cloudflare.DnsRecord(
                f"{name}-caa-{authority}",
                zone_id=self.zone_id,
                name=settings.zone_name,
                type="CAA",
                data={"flags": 0, "tag": "issue", "value": authority},  # Covers wildcards (RFC 8659, 4.3).
                ttl=AUTOMATIC,
                comment="May issue certificates for the zone; managed by Pulumi",
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _declare_rulesets(self, name: str, args: EdgeArgs) -> None:
        """Declare the ruleset of each phase: cache, custom rules, managed rules and rate limits."""
        zone, token = args.settings.zone, pulumi.Output.secret(args.synthetic_token)
        phases = {
            ruleset_phases.CACHE_PHASE: rulesets.cache(zone),
            ruleset_phases.CUSTOM_PHASE: rulesets.skip(zone, args.naming.synthetic_header, token),
            ruleset_phases.MANAGED_PHASE: rulesets.managed(zone),
            ruleset_phases.RATE_LIMIT_PHASE: rulesets.rate_limit(zone),
        }
        for phase, rules in phases.items():
            cloudflare.Ruleset(
                ruleset_phases.logical_name(name, phase),
                zone_id=self.zone_id,
                name=f"{args.naming.service}: {phase}",
                description="Managed by Pulumi; changes made by hand are lost",
                kind="zone",
                phase=phase,
                rules=rules,
                # A phase has one ruleset, so Cloudflare refuses a second one. The provider reads the rules,
                # and the token in their expressions, back in plain text.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    delete_before_replace=True,
                    additional_secret_outputs=["rules"] if phase == ruleset_phases.CUSTOM_PHASE else None,
                ),
            )


def zone_settings(zone: Zone) -> dict[str, Any]:
    """Return the zone's settings, keyed by Cloudflare's setting IDs.

    The keys of `security_header` are in snake case, since the provider passes them to the API unchanged. With
    the camel case of the provider's documentation, every preview would show a difference
    (pulumi-cloudflare#1579). On the free plan HTTP/2 is always on, and the API refuses to set it.
    """
    return {
        "ssl": "strict",
        "min_tls_version": zone.min_tls,
        "tls_1_3": "on",
        "always_use_https": "on",
        "security_header": {
            "strict_transport_security": {
                "enabled": True,
                "max_age": zone.hsts.max_age_seconds,
                "include_subdomains": zone.hsts.include_subdomains,
                "preload": zone.hsts.preload,
                "nosniff": True,
            }
        },
        "http3": "on",
        **({} if zone.plan == "free" else {"http2": "on"}),
    }

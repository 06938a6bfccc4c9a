"""The stack's hosts in the Cloudflare zone and, for the stack that owns it, what the zone has only once."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from components.cloudflare import rulesets
from components.common.naming import Labels
from components.settings.edge import Edge as Settings
from components.settings.edge import Zone

AUTOMATIC = 1
"""A record's TTL in seconds as Cloudflare chooses it; a proxied record has no other."""


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """What an Edge needs to know."""

    settings: Settings
    labels: Labels
    origin_hostname: pulumi.Input[str]
    """The load balancer's host name."""
    synthetic_token: pulumi.Input[str]
    """The secret that synthetic checks send. The owner of the zone lets its own through, so stacks that are
    to share the exemption share the value."""


class Edge(pulumi.ComponentResource):
    """The host through Cloudflare to the load balancer, and the frontend's host to Vercel."""

    url: pulumi.Output[str]
    frontend_url: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    ds_record: pulumi.Output[str] | None
    """What the registrar publishes once the zone is signed; None where this stack does not sign it."""

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
            type="CNAME",  # at the apex Cloudflare answers with the addresses behind it
            content=args.origin_hostname,
            proxied=True,
            ttl=AUTOMATIC,
            comment=f"{args.labels.name()}: to the load balancer; managed by Pulumi",
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
            comment=f"{args.labels.name()}: to the frontend; managed by Pulumi",
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
        """Declares what belongs to exactly one stack; destroying it leaves the settings as they are."""
        child = pulumi.ResourceOptions(parent=self)
        zone = args.settings.zone

        for setting, value in zone_settings(zone).items():
            cloudflare.ZoneSetting(
                f"{name}-{setting.replace('_', '-')}",
                zone_id=self.zone_id,
                setting_id=setting,
                value=value,
                opts=child,
            )
        if zone.dnssec:
            signing = cloudflare.ZoneDnssec(
                name,
                zone_id=self.zone_id,
                status="active",
                # The provider deletes by switching the signatures off, and resolvers refuse an unsigned zone
                # whose DS record is still published (RFC 4035, section 5.2).
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
            self.ds_record = signing.ds
        for authority in zone.certificate_authorities:
            cloudflare.DnsRecord(
                f"{name}-caa-{authority}",
                zone_id=self.zone_id,
                name=args.settings.zone_name,
                type="CAA",
                data={"flags": 0, "tag": "issue", "value": authority},  # wildcards included (RFC 8659, 4.3)
                ttl=AUTOMATIC,
                comment="May issue certificates for the zone; managed by Pulumi",
                opts=child,
            )

        token = pulumi.Output.secret(args.synthetic_token)
        phases = {
            "http_request_cache_settings": rulesets.cache(zone),
            "http_request_firewall_custom": rulesets.skip(zone, args.labels.synthetic_header, token),
            "http_request_firewall_managed": rulesets.managed(zone),
            "http_ratelimit": rulesets.rate_limit(zone),
        }
        for phase, rules in phases.items():
            cloudflare.Ruleset(
                f"{name}-{phase.replace('_', '-')}",
                zone_id=self.zone_id,
                name=f"{args.labels.service}: {phase}",
                description="Managed by Pulumi; changes made by hand are lost",
                kind="zone",
                phase=phase,
                rules=rules,
                # A phase has one: the new one is refused while the old one is there. The provider reads rules
                # back in plain text, the token in an expression with them.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    delete_before_replace=True,
                    additional_secret_outputs=["rules"] if phase == "http_request_firewall_custom" else None,
                ),
            )


def zone_settings(zone: Zone) -> dict[str, Any]:
    """The zone's settings by Cloudflare's own ids.

    The object's keys are the API's, in snake case: the provider passes them on as they are, and with the
    camel case of its documentation never converges (pulumi-cloudflare#1579). HTTP/2 is always on in the free
    plan, where the API refuses to set it.
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

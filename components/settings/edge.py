"""Settings of the Cloudflare zone and the stack's hosts in it."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import Distinct, Fqdn, Model, entries

Frontend = Annotated[Fqdn, Field(examples=["app-dev.pipe.dev"])]
"""A frontend's host."""


class Hsts(Model):
    """Strict-Transport-Security as Cloudflare sends it."""

    max_age_seconds: Annotated[int, Field(ge=0, le=63072000, examples=[31536000])]
    """How long a browser remembers, in seconds; 0 makes it forget."""
    include_subdomains: bool
    """Whether every host of the zone is HTTPS only."""
    preload: bool
    """Whether browsers may ship with it (hstspreload.org): hard to undo."""


class RateLimit(Model):
    """Requests that one address may send."""

    requests: Annotated[int, Field(ge=1, le=1000000, examples=[300])]
    """Requests in a period."""
    period_seconds: Literal[10, 60, 120, 300, 600, 3600]
    """The period, in seconds; the plan limits it."""
    block_seconds: Literal[10, 60, 120, 300, 600, 3600, 86400]
    """How long an address is blocked then, in seconds; the plan limits it."""


class Zone(Model):
    """What the zone has only once; read by the one stack that owns it."""

    owned: bool
    """Whether this stack sets the zone-wide settings; true in exactly one stack."""
    min_tls: Literal["1.2", "1.3"]
    """The oldest TLS version that visitors may use; below 1.2 is refused."""
    plan: Literal["free", "pro", "business", "enterprise"]
    """Cloudflare's plan: decides which managed rules there are."""
    hsts: Hsts
    dnssec: bool
    """Whether Cloudflare signs the zone. Signing comes first: it makes the DS record (the output `dsRecord`)
    that the registrar then publishes. The registrar withdraws the record before it is switched off."""
    certificate_authorities: Annotated[
        list[Annotated[Fqdn, Field(examples=["letsencrypt.org"])]], entries(1), Distinct
    ]
    """Who may issue certificates for the zone (CAA)."""
    hosts: Annotated[list[Fqdn], entries(1), Distinct]
    """The API hosts of all stacks, since a zone has one ruleset a phase."""
    cached_hosts: Annotated[list[Frontend], entries(1), Distinct]
    """The frontend hosts of all stacks, whose static content is cached."""
    rate_limit: RateLimit


class Edge(Model):
    """The stack's hosts in the Cloudflare zone."""

    zone_name: Annotated[Fqdn, Field(examples=["pipe.dev"])]
    """The zone that all stacks share."""
    zone: Zone
    host: Fqdn
    """The stack's public host."""
    frontend_host: Frontend
    """The frontend's host, one label below the zone (Universal SSL covers one label)."""
    frontend_target: Annotated[Fqdn, Field(examples=["cname.vercel-dns.com"])]
    """Where the frontend is hosted (Vercel)."""
    frontend_proxied: bool
    """Whether visitors of the frontend pass through Cloudflare."""
    certificate_days: Annotated[Literal[7, 30, 90, 365, 730, 1095, 5475], Field(examples=[365])]
    """Validity of the origin certificate, in days (Origin CA)."""

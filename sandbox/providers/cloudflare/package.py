"""The rules of the Cloudflare provider, and its API."""

from collections.abc import Mapping
from typing import Any, cast

from sandbox.errors import RefusedError
from sandbox.providers.plan import Plan
from sandbox.providers.rest import RestPackage, RestTarget
from sandbox.providers.target import Resource
from sandbox.wire.values import Json

CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"

DEFAULT_VALIDITY_DAYS = 5475
"""The validity of a certificate of the Origin CA without `requestedValidity`."""


class Cloudflare(RestPackage):
    """pulumi-cloudflare."""


class CloudflarePlan(Plan):
    """The made-up answers of Cloudflare."""

    def computed(self, resource: Resource, before: Json) -> Json:
        made = super().computed(resource, before)
        if resource.type == CERTIFICATE and resource.id:
            kept = {name: before[name] for name in made.keys() & before.keys()}
            made |= kept or _certificate(resource.inputs)
        return made


def _certificate(given: Json) -> Json:
    """Return a certificate for the request's key and the hosts, signed by a temporary authority."""
    from sandbox.clouds.cloudflare.origin_ca import OriginCa

    days = int(given.get("requestedValidity", DEFAULT_VALIDITY_DAYS))
    try:
        made, end = OriginCa().sign(str(given["csr"]), str(given["requestType"]), given["hostnames"], days)
    except ValueError as error:
        raise RefusedError(f"csr: {error}") from error
    return {"certificate": made, "expiresOn": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


class CloudflareTarget(RestTarget):
    """Cloudflare's API at a URL."""

    wrapped = "result"

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/client/v4", {"Authorization": "Bearer sandbox"})

    def listed(self, resource: Resource) -> list[Json]:
        """Return the candidates for a resource; certificates are listed by zone."""
        if resource.type != CERTIFICATE:
            return super().listed(resource)
        zones = self.many("/zones?per_page=1000")
        lists = [self.many(f"/certificates?per_page=1000&zone_id={zone['id']}") for zone in zones]
        return list({one["id"]: one for found in lists for one in found}.values())

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Answer getZone, by the zone's name or ID."""
        if token != "cloudflare:index/getZone:getZone":
            return super().invoke(token, args, config)
        name, ident = cast(Json, args.get("filter") or {}).get("name"), args.get("zoneId")
        found = self.call("GET", f"/zones/{ident}" if ident else f"/zones?name={name}")
        zones = cast("list[Json]", [found["result"]] if ident and found else found["result"] if found else [])
        if len(zones) != 1:
            raise RefusedError(f"{len(zones)} zones are called {ident or name}; exactly one is required")
        named = {"zoneId": zones[0]["id"], "nameServers": zones[0]["name_servers"]}
        return {**args, **named, **{key: value for key, value in zones[0].items() if "_" not in key}}

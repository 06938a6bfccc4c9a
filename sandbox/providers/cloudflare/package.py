"""The rules and the targets of the Cloudflare provider."""

from collections.abc import Mapping
from typing import Any, cast

from sandbox.errors import ProviderError
from sandbox.providers.plan import Plan
from sandbox.providers.rest.package import RestPackage
from sandbox.providers.rest.target import RestTarget
from sandbox.providers.target import Resource
from sandbox.wire.values import Json

CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"

DEFAULT_VALIDITY_DAYS = 5475
"""The validity in days of an Origin CA certificate for which `requestedValidity` is not set."""


class Cloudflare(RestPackage):
    """The Cloudflare package: checks, defaults and replacements of pulumi-cloudflare."""


class CloudflarePlan(Plan):
    """Simulated responses of Cloudflare."""

    def computed(self, resource: Resource, before: Json) -> Json:
        outputs = super().computed(resource, before)
        if resource.type == CERTIFICATE and resource.id:
            old = {name: before[name] for name in outputs.keys() & before.keys()}
            outputs |= old or _certificate(resource.inputs)
        return outputs

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        answer = super().invoke(token, args, config)
        if "results" in answer:
            # A name without an operator, such as `contains:app`, is that of one zone
            # (https://developers.cloudflare.com/api/resources/zones/methods/list/).
            is_one = ":" not in args.get("name", ":")
            most = 1 if is_one else int(args.get("maxItems", len(answer["results"])))
            answer["results"] = answer["results"][:most]
        return answer


def _certificate(inputs: Json) -> Json:
    """Return a certificate for the request's key and hosts, signed by a temporary certificate authority."""
    from sandbox.wire.origin_ca import OriginCa

    request, key_type, hosts = str(inputs["csr"]), str(inputs["requestType"]), inputs["hostnames"]
    days = int(inputs.get("requestedValidity", DEFAULT_VALIDITY_DAYS))
    try:
        certificate, end = OriginCa().sign(request, key_type, hosts, days)
    except ValueError as error:
        raise ProviderError(f"csr: {error}") from error
    return {"certificate": certificate, "expiresOn": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


class CloudflareTarget(RestTarget):
    """Cloudflare's API at a URL."""

    wrapped = "result"

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/client/v4", {"Authorization": "Bearer sandbox"})

    def listed(self, resource: Resource) -> list[Json]:
        """Return the API's objects that may be the resource; certificates are listed by zone."""
        if resource.type != CERTIFICATE:
            return super().listed(resource)
        certificates: dict[str, Json] = {}
        for zone in self.many("/zones?per_page=1000"):
            for certificate in self.many(f"/certificates?per_page=1000&zone_id={zone['id']}"):
                certificates[certificate["id"]] = certificate
        return list(certificates.values())

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """Return the result of getZone, which finds a zone by its name or ID."""
        if token != "cloudflare:index/getZone:getZone":
            return super().invoke(token, args, config)
        name, zone_id = cast(Json, args.get("filter") or {}).get("name"), args.get("zoneId")
        answer = self.call("GET", f"/zones/{zone_id}" if zone_id else f"/zones?name={name}")
        result: Any = answer["result"] if answer else []
        zones = cast("list[Json]", result if isinstance(result, list) else [result])
        if len(zones) != 1:
            raise ProviderError(
                f"{len(zones)} zones have the name or ID {zone_id or name}; exactly one is required"
            )
        [zone] = zones
        renamed = {"zoneId": zone["id"], "nameServers": zone["name_servers"]}
        return {**args, **renamed, **{key: value for key, value in zone.items() if "_" not in key}}

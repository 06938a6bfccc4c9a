"""What the Cloudflare provider accepts, and what Cloudflare would answer."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.providers.kinds import table
from sandbox.providers.plan import Plan
from sandbox.providers.rest import RestTarget
from sandbox.providers.schema import suggest
from sandbox.providers.target import Package, Refused, Resource
from sandbox.providers.values import UNKNOWN, Json, kind, plain, show

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"

HSTS = {"enabled": True, "include_subdomains": True, "max_age": 0, "nosniff": True, "preload": True}
"""What security_header.strict_transport_security holds, each with a value of its kind."""

VALIDITIES = (7, 30, 90, 365, 730, 1095, 5475)
"""Days that an Origin CA certificate can be valid; the last is the default."""


class Cloudflare(Package):
    """pulumi-cloudflare."""

    def faults(self, resource: Resource) -> Iterator[str]:
        yield from super().faults(resource)
        given = resource.inputs  # a secret is let pass: what is wrong with it could not be said
        if resource.type == SETTING and plain(given) == given:
            yield from setting_faults(str(given.get("settingId")), given.get("value"))
        days = given.get("requestedValidity", VALIDITIES[-1])
        if resource.type == CERTIFICATE and kind(days) == "a number" and days not in VALIDITIES:
            allowed = ", ".join(map(str, VALIDITIES))
            yield f"requestedValidity: {show(days)}, is not a value of it; allowed: {allowed}"
        if resource.type == RECORD and not given.keys() & {"content", "data"}:
            yield "content: missing; it or data is required"


def setting_faults(setting: str, value: Any) -> Iterator[str]:
    """What the API refuses as the value of a zone's setting, which the SDK leaves open."""
    values = table("cloudflare")["settings"]
    allowed = cast("list[str]", ["on", "off"] if setting in values["on_off"] else values.get(setting, []))
    if allowed and value is not UNKNOWN and value not in allowed:
        yield f"value: {show(value)}, is not a value of {setting}; {suggest(str(value), allowed, quote=True)}"
    if setting == "security_header" and value is not UNKNOWN:
        inner = cast(Json, value).get("strict_transport_security") if isinstance(value, dict) else None
        if not isinstance(inner, dict):
            yield "value.strict_transport_security: missing; an object is required"
            return
        for name, item in cast(Json, inner).items():
            path = f"value.strict_transport_security.{name}"
            if name not in HSTS:
                yield f"{path}: there is no such property; {suggest(name, HSTS)}"
            elif item is not UNKNOWN and kind(item) != kind(HSTS[name]):
                yield f"{path}: {show(item)}; {kind(HSTS[name])} is required"


class CloudflarePlan(Plan):
    """What Cloudflare would answer."""

    def computed(self, resource: Resource, before: Json) -> Json:
        made = super().computed(resource, before)
        if resource.type == CERTIFICATE and resource.id:
            made |= {name: before[name] for name in made.keys() & before.keys()} or _certificate(
                resource.inputs
            )
        return made


def _certificate(given: Json) -> Json:
    """A certificate for the request's key and the hosts; the key of its authority is forgotten at once."""
    from sandbox.targets.origin_ca import OriginCa

    days = int(given.get("requestedValidity", VALIDITIES[-1]))
    try:
        made, end = OriginCa().sign(str(given["csr"]), str(given["requestType"]), given["hostnames"], days)
    except ValueError as error:
        raise Refused(f"csr: {error}") from error
    return {"certificate": made, "expiresOn": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


class CloudflareTarget(RestTarget):
    """Cloudflare's API at a URL."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/client/v4", {"Authorization": "Bearer sandbox"})

    def result(self, answer: Any) -> Json:
        return answer["result"]

    def many(self, answer: Any) -> list[Json]:
        return answer["result"]

    def listed(self, resource: Resource) -> list[Json]:
        """Certificates are listed zone by zone."""
        if resource.type != CERTIFICATE:
            return super().listed(resource)
        zones = self.call("GET", "/zones?per_page=1000")["result"]
        lists = [self.call("GET", f"/certificates?per_page=1000&zone_id={zone['id']}") for zone in zones]
        return list({one["id"]: one for found in lists for one in found["result"]}.values())

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        """getZone, by its name or its id."""
        if token != "cloudflare:index/getZone:getZone":
            return super().invoke(token, args, config)
        name, ident = cast(Json, args.get("filter") or {}).get("name"), args.get("zoneId")
        found = self.call("GET", f"/zones/{ident}" if ident else f"/zones?name={name}")
        zones = cast("list[Json]", [found["result"]] if ident and found else found["result"] if found else [])
        if len(zones) != 1:
            raise Refused(f"{len(zones)} zones are called {ident or name}; exactly one is required")
        named = {"zoneId": zones[0]["id"], "nameServers": zones[0]["name_servers"]}
        return {**args, **named, **{key: value for key, value in zones[0].items() if "_" not in key}}

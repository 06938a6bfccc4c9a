"""What the Cloudflare provider accepts, and what Cloudflare would answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sandbox.providers.kinds import table
from sandbox.providers.plan import Plan
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
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    try:
        request = x509.load_pem_x509_csr(str(given["csr"]).encode())
    except ValueError as error:
        raise Refused(f"csr: this is no certificate signing request in PEM: {error}") from error
    key = request.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) != (given["requestType"] == "origin-ecc"):
        raise Refused(f"requestType: {given['requestType']} does not fit the request's key")
    begin = datetime.now(UTC)
    end = begin + timedelta(days=int(given.get("requestedValidity", VALIDITIES[-1])))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox Origin CA")])
    hosts = x509.SubjectAlternativeName([x509.DNSName(host) for host in given["hostnames"]])
    made = (
        x509.CertificateBuilder(issuer, request.subject, key, x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(hosts, critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    expires = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"certificate": made.public_bytes(Encoding.PEM).decode(), "expiresOn": expires}

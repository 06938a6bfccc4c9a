"""The settings of a zone, and its DNSSEC."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sandbox.clouds.cloudflare.account import CloudflareRequest, emulates, refuses
from sandbox.clouds.web import ErrorResponse, timestamp
from sandbox.wire.request_bodies.client_models import setting_type
from sandbox.wire.values import Json

NEW_ZONE: Mapping[str, str] = {
    "min_tls_version": "1.0",
    "ssl": "full",
    "tls_1_3": "on",
    "http2": "on",
    "http3": "on",
}
"""The settings of a new zone; those not named are off."""

DNSSEC_KEY: Mapping[str, Any] = {
    "flags": 257,
    "algorithm": "13",
    "key_type": "ECDSAP256SHA256",
    "digest_algorithm": "SHA256",
    "digest_type": "2",
    "key_tag": 2371,
}
"""The DNSSEC data of a zone's key, which is simulated."""


@emulates("GET /zones/<zone>/settings/<setting>")
def read_setting(request: CloudflareRequest) -> Json:
    """Return a setting."""
    name = request.scope["setting"]
    unchanged = _setting(name, NEW_ZONE.get(name, "off"), None)
    return request.api.collection("setting", request.scope["zone"]).get(name, unchanged)


@emulates("PATCH /zones/<zone>/settings/<setting>")
def change_setting(request: CloudflareRequest) -> Json:
    """Change the value of a setting."""
    name, sent = request.scope["setting"], request.body()
    if sent.keys() - {"id"} != {"value"}:  # The plugin adds the ID.
        message = f"the body must contain only `value`; it contains: {', '.join(sorted(sent))}"
        raise ErrorResponse(400, message, 1007)
    request.check("setting", sent | {"id": name})
    settings = request.api.collection("setting", request.scope["zone"])
    settings[name] = _setting(name, sent["value"], timestamp())
    return settings[name]


@refuses("GET /zones/<zone>/settings/<setting>", "PATCH /zones/<zone>/settings/<setting>")
def unknown_setting(request: CloudflareRequest) -> None:
    """Refuse a setting that Cloudflare's client does not know."""
    if setting_type(request.scope["setting"]) is None:
        raise ErrorResponse(400, f"Unrecognized zone setting name: {request.scope['setting']}", 1006)


def _setting(name: str, value: Any, modified_on: str | None) -> Json:
    return {"id": name, "value": value, "editable": True, "modified_on": modified_on}


@emulates("GET /zones/<zone>/dnssec")
def read_dnssec(request: CloudflareRequest) -> Json:
    """Return the state of DNSSEC."""
    return request.api.collection("dnssec").get(request.scope["zone"], {"status": "disabled"})


@emulates("PATCH /zones/<zone>/dnssec")
def change_dnssec(request: CloudflareRequest) -> Json:
    """Change DNSSEC.

    The status is pending until the registrar has the DS record. The sandbox assumes that it has the record by
    the next request.
    """
    zone, rows = request.scope["zone"], request.api.collection("dnssec")
    sent, name = request.body(), request.api.require("zone", zone)["name"]
    request.check("dnssec", sent)
    digest = sha256(name.encode()).hexdigest().upper()
    key: Json = {"digest": digest, "public_key": digest, "ds": f"{name}. 3600 IN DS 2371 13 2 {digest}"}
    rows[zone] = {**key, **DNSSEC_KEY, **rows.get(zone, {}), **sent, "modified_on": timestamp()}
    return rows[zone] | ({"status": "pending"} if sent.get("status") == "active" else {})


@emulates("DELETE /zones/<zone>/dnssec")
def delete_dnssec(request: CloudflareRequest) -> str:
    """Disable DNSSEC; the result is an empty text."""
    request.api.collection("dnssec").pop(request.scope["zone"], None)
    return ""

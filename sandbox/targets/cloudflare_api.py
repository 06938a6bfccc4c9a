"""Cloudflare's API v4, as far as pulumi-cloudflare calls it for the program: zones, their records, settings,
DNSSEC and rulesets, and the Origin CA. Codes and messages of refusals are the API's."""

import uuid
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from werkzeug.wrappers import Request

from sandbox.targets import client_models
from sandbox.targets.origin_ca import OriginCa
from sandbox.targets.web import Api, Collection, Json, Refusal, body, now, page, route

ADDRESSES = {"A", "AAAA", "CNAME"}
"""Types of records that can be proxied, and of which a CNAME tolerates no other of its name."""

DEFAULTS: Json = {"min_tls_version": "1.0", "ssl": "full", "tls_1_3": "on", "http2": "on", "http3": "on"}
"""Settings of a new zone; those not named are off."""

KEY: Json = {
    "flags": 257,
    "algorithm": "13",
    "key_type": "ECDSAP256SHA256",
    "digest_type": "2",
    "key_tag": 2371,
}
"""What DNSSEC says of a zone's key, which is made up."""

ADDED = ("id", "version", "last_updated")
"""What the API adds to a ruleset and its rules, and the plugin sends back."""


class CloudflareApi(Api):
    """The account of whoever asks, with the zones that it has."""

    base = "/client/v4"
    collections = (
        Collection("record", "/zones/<zone>/dns_records", Refusal(404, "Record does not exist.", 81044),
            own=lambda: {"id": uuid.uuid4().hex, "created_on": now(), "meta": {}}, wrap=("", "", "id")),
        Collection("ruleset", "/zones/<zone>/rulesets", Refusal(404, "could not find ruleset", 10001),
            own=lambda: {"id": uuid.uuid4().hex}),
        Collection("certificate", "/certificates", Refusal(404, "Certificate does not exist", 1003),
            own=lambda: {"id": str(uuid.uuid4().int)}, wrap=("", "", "id"), verbs=()),
    )  # fmt: skip

    def __init__(self, zones: Iterable[str]) -> None:
        super().__init__()
        self._authority = OriginCa()
        for name in zones:
            self._add_zone(name)

    def authorize(self, request: Request) -> None:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            raise Refusal(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 9106)

    def answer(self, result: Any, info: Json) -> Any:
        envelope: Json = {"success": True, "errors": [], "messages": [], "result": result}
        if info:
            envelope["result_info"] = info | {"total_pages": -(-info["total_count"] // info["per_page"])}
        return envelope

    def fault(self, refusal: Refusal) -> Any:
        errors = [{"code": refusal.code or 10000, "message": str(refusal)}]
        return {"success": False, "errors": errors, "messages": [], "result": None}

    def enter(self, **scope: str) -> None:
        if scope:
            self._zone(scope["zone"])

    # Zones

    @route("/zones")
    def zones(self, request: Request) -> Any:
        return page(request, list(self.rows("zone").values()), {})

    @route("/zones/<zone>")
    def zone(self, request: Request, zone: str) -> Any:
        return self._zone(zone)

    def _add_zone(self, name: str) -> None:
        ident = sha256(name.encode()).hexdigest()[:32]
        account = {"id": sha256(b"account").hexdigest()[:32], "name": "sandbox"}
        servers = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"]
        zone = {"id": ident, "name": name, "account": account, "name_servers": servers, "paused": False}
        self.rows("zone")[ident] = zone | {"status": "active", "type": "full", "created_on": now()}

    def _zone(self, ident: str) -> Json:
        if found := self.rows("zone").get(ident):
            return found
        raise Refusal(
            404, f"Could not route to /zones/{ident}, perhaps your object identifier is invalid?", 7003
        )

    def _zone_names(self) -> list[str]:
        return [zone["name"] for zone in self.rows("zone").values()]

    # DNS

    def put_record(
        self, given: Json, own: Json, before: Json | None, others: Sequence[Json], zone: str
    ) -> Json:
        self.check("record", given, code=1004)
        apex, name = self._zone(zone)["name"], given["name"].lower().rstrip(".")
        name = name if _within(name, apex) else apex if name == "@" else f"{name}.{apex}"
        made: Json = {"proxied": False, "tags": [], "settings": {}}
        made |= given | {"name": name, "content": _content(given)}
        self.check("record", given, made, code=1004)
        if made["type"] == "CNAME" and made["content"].lower().rstrip(".") == name:
            raise Refusal(400, "CNAME content cannot reference itself.", 9039)
        for other in (one for one in others if one["name"] == name):
            if all(other[key] == made[key] for key in ("type", "content")):
                raise Refusal(400, "An identical record already exists.", 81058)
            if "CNAME" in (kinds := {made["type"], other["type"]}) and kinds <= ADDRESSES:
                raise Refusal(400, "An A, AAAA, or CNAME record with that host already exists.", 81053)
        made |= {"comment_modified_on": now()} if "comment" in given else {"comment": None}
        return made | {"proxiable": made["type"] in ADDRESSES, "modified_on": now()}

    # Settings and DNSSEC

    @route("/zones/<zone>/settings/<setting>", "GET", "PATCH")
    def setting(self, request: Request, zone: str, setting: str) -> Any:
        self._zone(zone)
        rows = self.rows("setting", zone)
        if client_models.setting_type(setting) is None:
            raise Refusal(400, f"Unrecognized zone setting name: {setting}", 1006)
        if request.method == "PATCH":
            given = body(request)
            if given.keys() - {"id"} != {"value"}:  # the plugin sends the id along
                raise Refusal(400, f"{', '.join(sorted(given))}: value is required, and nothing else", 1007)
            self.check("setting", given | {"id": setting}, code=1007)
            rows[setting] = {"id": setting, "value": given["value"], "editable": True, "modified_on": now()}
        value = DEFAULTS.get(setting, "off")
        return rows.get(setting, {"id": setting, "value": value, "editable": True, "modified_on": None})

    @route("/zones/<zone>/dnssec", "GET", "PATCH", "DELETE")
    def dnssec(self, request: Request, zone: str) -> Any:
        name, rows = self._zone(zone)["name"], self.rows("dnssec")
        if request.method == "DELETE":
            rows.pop(zone, None)
            return ""
        if request.method == "GET":
            return rows.get(zone, {"status": "disabled"})
        given, digest = body(request), sha256(name.encode()).hexdigest().upper()
        self.check("dnssec", given, code=1004)
        ds = {"digest_algorithm": "SHA256", "digest": digest, "ds": f"{name}. 3600 IN DS 2371 13 2 {digest}"}
        rows[zone] = KEY | ds | {"public_key": digest} | rows.get(zone, {}) | given | {"modified_on": now()}
        # Pending until the registrar has the DS record, which it is taken to have before anybody asks again.
        return rows[zone] | ({"status": "pending"} if given.get("status") == "active" else {})

    # Rulesets

    @route("/zones/<zone>/rulesets/phases/<phase>/entrypoint")
    def entrypoint(self, request: Request, zone: str, phase: str) -> Any:
        self._zone(zone)
        for one in self.rows("ruleset", zone).values():
            if one["phase"] == phase and one["kind"] == "zone":
                return one
        raise Refusal(404, f"could not find entrypoint ruleset in the {phase} phase", 10003)

    def put_ruleset(
        self, given: Json, own: Json, before: Json | None, others: Sequence[Json], zone: str
    ) -> Json:
        old: Json = before or {"version": "0", "rules": []}
        given = {key: old[key] for key in ("kind", "name", "phase") if key in old} | _without(given, *ADDED)
        # The plugin does not send the ids of rules that it changes: the refs tell which they are.
        rules = [_without(rule, *ADDED[1:]) for rule in given.get("rules", [])]
        self.check("ruleset", given | {"rules": rules}, code=20217)
        refs = [rule["ref"] for rule in rules if "ref" in rule]
        if len(refs) != len({*refs}):
            raise Refusal(400, "/rules: a ref is there twice", 20217)
        if before and (given["kind"], given["phase"]) != (old["kind"], old["phase"]):
            raise Refusal(400, "kind and phase of a ruleset cannot be changed", 20025)
        if given["kind"] == "zone" and any(one["phase"] == given["phase"] for one in others):
            limit = f"exceeded maximum number of zone rulesets for phase {given['phase']}"
            raise Refusal(400, f"'zone' is not a valid value for kind because {limit}", 20217)
        ids = {rule["ref"]: rule["id"] for rule in old["rules"]}
        made = {"description": ""} | given | {"version": str(int(old["version"]) + 1)}
        return made | {"rules": [_rule(rule, ids) for rule in rules], "last_updated": now()}

    # Origin CA

    def put_certificate(self, given: Json, own: Json, before: Json | None, others: Sequence[Json]) -> Json:
        given = {"requested_validity": 5475} | given
        self.check("certificate", given, code=1010)
        for host in given["hostnames"]:
            if not any(_within(host, zone) for zone in self._zone_names()):
                raise Refusal(400, f"{host} is in no zone of the account", 1010)
        try:
            csr, kind, hosts = given["csr"], given["request_type"], given["hostnames"]
            certificate, end = self._authority.sign(csr, kind, hosts, int(given["requested_validity"]))
        except ValueError as error:
            raise Refusal(400, f"Failed to validate the CSR: {error}", 1010) from error
        expires = end.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
        return given | {"certificate": certificate, "expires_on": expires}


def _content(given: Json) -> str:
    """A record's content; that of a structured one is made of its data."""
    data = {key: str(value) for key, value in given.get("data", {}).items()}
    if given["type"] == "CAA" and data:
        return f'{data.get("flags")} {data.get("tag")} "{data.get("value")}"'
    return str(given.get("content", "")) or " ".join(data.values())


def _rule(given: Json, ids: Json) -> Json:
    """A rule as the API answers it."""
    ident = ids.get(given.get("ref", "")) or given.get("id") or uuid.uuid4().hex
    made = {"enabled": True, "ref": ident} | given | {"id": ident, "version": "1", "last_updated": now()}
    if given["action"] == "execute":
        made["action_parameters"] = {"version": "latest"} | given.get("action_parameters", {})
    return made | (
        {"ratelimit": {"requests_to_origin": False} | given["ratelimit"]} if "ratelimit" in given else {}
    )


def _without(given: Json, *names: str) -> Json:
    return {key: value for key, value in given.items() if key not in names}


def _within(host: str, zone: str) -> bool:
    return host == zone or host.endswith(f".{zone}")


def app(zones: Iterable[str]) -> CloudflareApi:
    """The WSGI application; `zones`: the names of those there are."""
    return CloudflareApi(zones)

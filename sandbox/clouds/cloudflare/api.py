"""Cloudflare's API v4, as far as pulumi-cloudflare calls it for the program: zones, their records, settings,
DNSSEC and rulesets, and the Origin CA. Codes and messages of refusals are the API's."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import uuid4

from werkzeug.wrappers import Request

from sandbox.clouds import client_models
from sandbox.clouds.cloudflare.origin_ca import OriginCa
from sandbox.clouds.web import Api, ErrorResponse, Json, body, now

PROXIABLE = {"A", "AAAA", "CNAME"}
"""Types of records that can be proxied, and of which a CNAME tolerates no other of its name."""

KEPT = ("kind", "name", "phase")  # what stays of a ruleset when a change says nothing of it

ADDED = ("id", "version", "last_updated")
"""What the API adds to a ruleset and its rules, and the plugin sends back."""


class CloudflareApi(Api):
    """The account of whoever asks, with the zones of these names."""

    name = "cloudflare"

    def __init__(self, zones: Iterable[str]) -> None:
        super().__init__()
        self._authority = OriginCa()
        for name in zones:
            ident = sha256(name.encode()).hexdigest()[:32]
            self.rows("zone")[ident] = {"id": ident, "name": name, "created_on": now()} | self.table["zone"]

    def authorize(self, request: Request) -> None:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            raise ErrorResponse(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 9106)

    def answer(self, result: Any) -> Any:
        envelope: Json = {"success": True, "errors": [], "messages": [], "result": result}
        if info := self.info:
            envelope["result_info"] = info | {"total_pages": -(-info["total_count"] // info["per_page"])}
        return envelope

    def fault(self, refusal: ErrorResponse) -> Any:
        errors = [{"code": refusal.code or 10000, "message": str(refusal)}]
        return {"success": False, "errors": errors, "messages": [], "result": None}

    # DNS

    def put_record(self, given: Json, own: Json, before: Json, zone: str) -> Json:
        # The plugin sends back, in an update, the content that the API has made of the data.
        given = _without(given, "content") if "data" in given else given
        self.check("record", given)
        apex, name = self.one("zone", zone)["name"], given["name"].lower().rstrip(".")
        name = name if _within(name, apex) else apex if name == "@" else f"{name}.{apex}"
        made: Json = {"comment": None} | given | {"name": name, "content": _content(given)}
        self.check("record", given, made)
        made |= {"comment_modified_on": now()} if "comment" in given else {}
        return made | {"proxiable": made["type"] in PROXIABLE, "modified_on": now()}

    # Settings and DNSSEC

    def setting(self, request: Request, zone: str, setting: str) -> Any:
        rows = self.rows("setting", zone)
        if client_models.setting_type(setting) is None:
            raise ErrorResponse(400, f"Unrecognized zone setting name: {setting}", 1006)
        if request.method == "PATCH":
            given = body(request)
            if given.keys() - {"id"} != {"value"}:  # the plugin sends the id along
                raise ErrorResponse(
                    400, f"{', '.join(sorted(given))}: value is required, and nothing else", 1007
                )
            self.check("setting", given | {"id": setting})
            rows[setting] = {"id": setting, "value": given["value"], "editable": True, "modified_on": now()}
        value = self.table["settings"].get(setting, "off")
        return rows.get(setting, {"id": setting, "value": value, "editable": True, "modified_on": None})

    def dnssec(self, request: Request, zone: str) -> Any:
        name, rows = self.one("zone", zone)["name"], self.rows("dnssec")
        if request.method == "DELETE":
            rows.pop(zone, None)
            return ""
        if request.method == "GET":
            return rows.get(zone, {"status": "disabled"})
        given, digest = body(request), sha256(name.encode()).hexdigest().upper()
        self.check("dnssec", given)
        key: Json = {"digest": digest, "public_key": digest, "ds": f"{name}. 3600 IN DS 2371 13 2 {digest}"}
        key |= self.table["dnssec"]
        rows[zone] = key | rows.get(zone, {}) | given | {"modified_on": now()}
        # Pending until the registrar has the DS record, which it is taken to have before anybody asks again.
        return rows[zone] | ({"status": "pending"} if given.get("status") == "active" else {})

    # Rulesets

    def entrypoint(self, request: Request, zone: str, phase: str) -> Any:
        for one in self.rows("ruleset", zone).values():
            if one["phase"] == phase and one["kind"] == "zone":
                return one
        raise ErrorResponse(404, f"could not find entrypoint ruleset in the {phase} phase", 10003)

    def put_ruleset(self, given: Json, own: Json, before: Json, zone: str) -> Json:
        given = {key: before[key] for key in KEPT if key in before} | _without(given, *ADDED)
        # The plugin does not send the ids of rules that it changes: the refs tell which they are.
        rules = [_without(rule, *ADDED[1:]) for rule in given.get("rules", [])]
        self.check("ruleset", given | {"rules": rules})
        ids = {rule["ref"]: rule["id"] for rule in before.get("rules", [])}
        made = given | {"version": str(int(before.get("version", "0")) + 1)}
        return made | {"rules": [_rule(rule, ids) for rule in rules], "last_updated": now()}

    # Origin CA

    def put_certificate(self, given: Json, own: Json, before: Json) -> Json:
        given = {"requested_validity": 5475} | given
        self.check("certificate", given)
        zones = [zone["name"] for zone in self.rows("zone").values()]
        if strange := [host for host in given["hostnames"] if not any(_within(host, zone) for zone in zones)]:
            raise ErrorResponse(400, f"{', '.join(strange)}: in no zone of the account", 1010)
        try:
            csr, kind, hosts = given["csr"], given["request_type"], given["hostnames"]
            certificate, end = self._authority.sign(csr, kind, hosts, int(given["requested_validity"]))
        except ValueError as error:
            raise ErrorResponse(400, f"Failed to validate the CSR: {error}", 1010) from error
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
    ident = ids.get(given.get("ref", "")) or given.get("id") or uuid4().hex
    made = {"enabled": True, "ref": ident} | given | {"id": ident, "version": "1", "last_updated": now()}
    if given["action"] == "execute":
        made["action_parameters"] = {"version": "latest"} | given.get("action_parameters", {})
    if "ratelimit" in given:
        made["ratelimit"] = {"requests_to_origin": False} | given["ratelimit"]
    return made


def _without(given: Json, *names: str) -> Json:
    return {key: value for key, value in given.items() if key not in names}


def _within(host: str, zone: str) -> bool:
    return host == zone or host.endswith(f".{zone}")

"""A part of Cloudflare's API v4: zones, the Origin CA and the verification of tokens.

A zone has DNS records, settings, DNSSEC, rulesets and page rules. Errors have the codes and messages of the
real API.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import uuid4

from werkzeug.wrappers import Request

from sandbox.clouds import client_models
from sandbox.clouds.cloudflare.origin_ca import OriginCa
from sandbox.clouds.web import Api, ErrorResponse, Json, read_body, timestamp

PROXIABLE = {"A", "AAAA", "CNAME"}
"""The types of records that can be proxied. A CNAME cannot share its name with another such record."""

FIXED_MEMBERS = ("kind", "name", "phase")
"""Members of a ruleset that an update request may omit."""

SERVER_MEMBERS = ("id", "version", "last_updated")
"""Members that the API adds to a ruleset and its rules. The plugin sends them back in updates."""


class CloudflareApi(Api):
    """Cloudflare's API with one account, which has the zones with the names in `zones`.

    Any bearer token gives access to the account, unless `tokens` limits it.
    """

    name = "cloudflare"

    def __init__(self, zones: Iterable[str]) -> None:
        super().__init__()
        self._origin_ca = OriginCa()
        self.tokens: dict[str, set[str]] = {}
        """Permissions of limited tokens, such as `DNS Read` and `DNS Write`; a token with an empty set is
        invalid.
        """
        for name in zones:
            ident = sha256(name.encode()).hexdigest()[:32]
            zone = {"id": ident, "name": name, "created_on": timestamp()} | self.table["zone"]
            self.collection("zone")[ident] = zone

    def authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise ErrorResponse(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 9106)
        if token not in self.tokens:
            return
        if not self.tokens[token]:
            raise ErrorResponse(401, "Invalid API Token", 1000)
        path = request.path.removeprefix(self.table["base"])
        level = "Read" if request.method == "GET" else "Write"
        for row in self.table["permissions"]:
            if re.match(row["path"], path):
                granted = self.tokens[token] & {f"{row['name']} {level}", f"{row['name']} Write"}
                if not granted:
                    raise ErrorResponse(403, "Authentication error", 10000)
                return

    def success_body(self, result: Any) -> Any:
        envelope: Json = {"success": True, "errors": [], "messages": [], "result": result}
        if info := self.page_info:
            envelope["result_info"] = info | {"total_pages": -(-info["total_count"] // info["per_page"])}
        return envelope

    def error_body(self, error: ErrorResponse) -> Any:
        errors = [{"code": error.code or 10000, "message": str(error)}]
        return {"success": False, "errors": errors, "messages": [], "result": None}

    # Tokens

    def verify_user_token(self, request: Request) -> Any:
        """Refuse the token: the sandbox has only account tokens, which another path verifies."""
        raise ErrorResponse(401, "Invalid API Token", 1000)

    def verify_account_token(self, request: Request, account: str) -> Any:
        return {"id": sha256(request.headers["Authorization"].encode()).hexdigest()[:32], "status": "active"}

    # Page rules

    def put_page_rule(self, sent: Json, own: Json, before: Json, zone: str) -> Json:
        return before | sent

    # DNS

    def put_record(self, sent: Json, own: Json, before: Json, zone: str) -> Json:
        # In an update, the plugin also sends the content that the API has derived from the data.
        sent = _without(sent, "content") if "data" in sent else sent
        self.check("record", sent)
        apex, name = self.require("zone", zone)["name"], sent["name"].lower().rstrip(".")
        if name == "@":
            name = apex
        elif not _is_within(name, apex):
            name = f"{name}.{apex}"
        record: Json = {"comment": None} | sent | {"name": name, "content": _content(sent)}
        self.check("record", sent, record)
        record |= {"comment_modified_on": timestamp()} if "comment" in sent else {}
        return record | {"proxiable": record["type"] in PROXIABLE, "modified_on": timestamp()}

    # Settings and DNSSEC

    def setting(self, request: Request, zone: str, setting: str) -> Any:
        settings = self.collection("setting", zone)
        if client_models.setting_type(setting) is None:
            raise ErrorResponse(400, f"Unrecognized zone setting name: {setting}", 1006)
        if request.method == "PATCH":
            sent = read_body(request)
            if sent.keys() - {"id"} != {"value"}:  # The plugin adds the ID.
                message = f"the body must contain only `value`; it contains: {', '.join(sorted(sent))}"
                raise ErrorResponse(400, message, 1007)
            self.check("setting", sent | {"id": setting})
            settings[setting] = {
                "id": setting,
                "value": sent["value"],
                "editable": True,
                "modified_on": timestamp(),
            }
        default = self.table["settings"].get(setting, "off")
        unchanged = {"id": setting, "value": default, "editable": True, "modified_on": None}
        return settings.get(setting, unchanged)

    def dnssec(self, request: Request, zone: str) -> Any:
        name, rows = self.require("zone", zone)["name"], self.collection("dnssec")
        if request.method == "DELETE":
            rows.pop(zone, None)
            return ""
        if request.method == "GET":
            return rows.get(zone, {"status": "disabled"})
        sent, digest = read_body(request), sha256(name.encode()).hexdigest().upper()
        self.check("dnssec", sent)
        key: Json = {"digest": digest, "public_key": digest, "ds": f"{name}. 3600 IN DS 2371 13 2 {digest}"}
        key |= self.table["dnssec"]
        rows[zone] = key | rows.get(zone, {}) | sent | {"modified_on": timestamp()}
        # The status is pending until the registrar has the DS record. The sandbox assumes that it has the
        # record by the next request.
        return rows[zone] | ({"status": "pending"} if sent.get("status") == "active" else {})

    # Rulesets

    def entrypoint(self, request: Request, zone: str, phase: str) -> Any:
        """Return the entry point ruleset of a phase, or for a PUT the ruleset that would replace it.

        Refuse a PUT that is not a dry run.
        """
        rulesets = self.collection("ruleset", zone).values()
        matches = [item for item in rulesets if (item["phase"], item["kind"]) == (phase, "zone")]
        if request.method == "PUT":
            if request.args.get("dry_run") != "true":
                raise ErrorResponse(405, "the sandbox emulates only the dry run of this request", 10405)
            before = matches[0] if matches else {}
            sent: Json = {"kind": "zone", "name": "default", "phase": phase} | read_body(request)
            return self.build("ruleset", sent, {"id": before.get("id", uuid4().hex)}, before, zone=zone)
        if not matches:
            message = f"could not find entrypoint ruleset in the {phase} phase"
            raise ErrorResponse(404, message, 10003)
        return matches[0]

    def put_ruleset(self, sent: Json, own: Json, before: Json, zone: str) -> Json:
        fixed = {key: before[key] for key in FIXED_MEMBERS if key in before}
        ruleset = fixed | _without(sent, *SERVER_MEMBERS)
        rules = [_without(rule, *SERVER_MEMBERS[1:]) for rule in ruleset.get("rules", [])]
        self.check("ruleset", ruleset | {"rules": rules})
        # The plugin does not send the IDs of the rules that it changes; the rules' refs identify them.
        ids = {rule["ref"]: rule["id"] for rule in before.get("rules", [])}
        return ruleset | {
            "version": str(int(before.get("version", "0")) + 1),
            "rules": [_stored_rule(rule, ids) for rule in rules],
            "last_updated": timestamp(),
        }

    # Origin CA

    def put_certificate(self, sent: Json, own: Json, before: Json) -> Json:
        sent = {"requested_validity": 5475} | sent
        self.check("certificate", sent)
        zones = [zone["name"] for zone in self.collection("zone").values()]
        foreign = [host for host in sent["hostnames"] if not any(_is_within(host, zone) for zone in zones)]
        if foreign:
            raise ErrorResponse(400, f"the account has no zone that contains {', '.join(foreign)}", 1010)
        try:
            certificate, end = self._origin_ca.sign(
                sent["csr"], sent["request_type"], sent["hostnames"], int(sent["requested_validity"])
            )
        except ValueError as error:
            raise ErrorResponse(400, f"Failed to validate the CSR: {error}", 1010) from error
        expires = end.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
        return sent | {"certificate": certificate, "expires_on": expires}


def _content(record: Json) -> str:
    """Return a record's content. For a structured record, the API derives the content from `data`."""
    data = {key: str(value) for key, value in record.get("data", {}).items()}
    if record["type"] == "CAA" and data:
        return f'{data.get("flags")} {data.get("tag")} "{data.get("value")}"'
    return str(record.get("content", "")) or " ".join(data.values())


def _stored_rule(sent: Json, ids: Json) -> Json:
    """Return a rule with the members that the API adds; `ids` are the IDs of the stored rules by ref."""
    ident = ids.get(sent.get("ref", "")) or sent.get("id") or uuid4().hex
    rule = {"enabled": True, "ref": ident} | sent | {"id": ident, "version": "1", "last_updated": timestamp()}
    if sent["action"] == "execute":
        rule["action_parameters"] = {"version": "latest"} | sent.get("action_parameters", {})
    if "ratelimit" in sent:
        rule["ratelimit"] = {"requests_to_origin": False} | sent["ratelimit"]
    return rule


def _without(members: Json, *names: str) -> Json:
    return {key: value for key, value in members.items() if key not in names}


def _is_within(host: str, zone: str) -> bool:
    return host == zone or host.endswith(f".{zone}")

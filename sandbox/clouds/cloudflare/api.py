"""A part of Cloudflare's API v4: zones, the Origin CA and the verification of tokens.

A zone has DNS records, settings, DNSSEC, rulesets and page rules. Errors have the codes and messages of the
real API.
"""

import re
from typing import Any

from werkzeug.wrappers import Request

from sandbox.clouds.cloudflare import certificates, page_rules, records, rulesets, tokens, zone_settings
from sandbox.clouds.cloudflare.account import Account
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

SUBJECTS = (certificates, page_rules, records, rulesets, tokens, zone_settings)
"""The modules whose functions handle the requests; importing them registers the functions."""

PERMISSIONS = (
    ("/zones/[^/]+/(dns_records|dnssec)", "DNS"),
    ("/certificates", "SSL and Certificates"),
    ("/zones/[^/]+/settings", "Zone Settings"),
    ("/zones/[^/]+/rulesets/phases/http_request_cache_settings/entrypoint", "Cache Rules"),
    ("/zones/[^/]+/rulesets", "Zone WAF"),
    ("/zones", "Zone"),
)
"""The permission that requests to a path need if a test has limited the token: its name without "Read" or
"Write". The first pattern that matches applies (Cloudflare API, accepted permissions of each operation).
"""


class CloudflareApi(Account):
    """Cloudflare's API with one account.

    Any bearer token gives access to the account, unless `tokens` limits it.
    """

    def authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise ErrorResponse(400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 9106)
        if token not in self.tokens:
            return
        if not self.tokens[token]:
            raise ErrorResponse(401, "Invalid API Token", 1000)
        path = request.path.removeprefix(self.base)
        level = "Read" if request.method == "GET" else "Write"
        permission = next((name for pattern, name in PERMISSIONS if re.match(pattern, path)), "")
        if permission and not self.tokens[token] & {f"{permission} {level}", f"{permission} Write"}:
            raise ErrorResponse(403, "Authentication error", 10000)

    def success_body(self, result: Any) -> Any:
        envelope: Json = {"success": True, "errors": [], "messages": [], "result": result}
        if info := self.page_info:
            envelope["result_info"] = info | {"total_pages": -(-info["total_count"] // info["per_page"])}
        return envelope

    def error_body(self, error: ErrorResponse) -> Any:
        errors = [{"code": error.code or 10000, "message": str(error)}]
        return {"success": False, "errors": errors, "messages": [], "result": None}

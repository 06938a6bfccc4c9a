"""Tests of the local Cloudflare API and its messages, which are those of the real API.

The paths and bodies are those of terraform-provider-cloudflare (internal/services/*/resource.go), on which
pulumi-cloudflare is built.
"""

import json
from collections.abc import Generator
from typing import Any

import cloudflare
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.web import Json
from tests.support.sandbox.clouds.local_api import Client, serve

RECORD = {"name": "pipe.dev", "type": "CNAME", "content": "lb.example.com", "proxied": True, "ttl": 1}
RULE: Json = {
    "ref": "limit",
    "expression": "true",
    "action": "block",
    "ratelimit": {"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 5},
}
RULESET = {"kind": "zone", "name": "limits", "phase": "http_ratelimit", "rules": [RULE]}


class Zone(Client):
    """A client of an API that has the zone pipe.dev."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/client/v4", Authorization="Bearer it")
        self.id = self.ok("GET", "/zones?name=pipe.dev")[0]["id"]

    def ok(self, verb: str, path: str, sent: Any = None) -> Any:
        """Return the result of a request, which must succeed. `~` in the path stands for the zone."""
        status, body = self(verb, path.replace("~", f"/zones/{getattr(self, 'id', '')}"), sent)
        assert status == 200, body
        assert body.keys() >= {"success", "errors", "messages", "result"} and body["success"]
        return body["result"]

    def refused(self, verb: str, path: str, sent: Any = None) -> tuple[int, int, str]:
        """Return the status, the code and the message of a refused request."""
        status, body = self(verb, path.replace("~", f"/zones/{self.id}"), sent)
        assert (body["success"], body["result"], body["messages"]) == (False, None, [])
        return status, body["errors"][0]["code"], body["errors"][0]["message"]


@pytest.fixture
def zone() -> Generator[Zone]:
    with serve(CloudflareApi(["pipe.dev"])) as url:
        yield Zone(url)


@pytest.fixture
def official(zone: Zone) -> cloudflare.Cloudflare:
    """Return Cloudflare's own client for the API."""
    return cloudflare.Cloudflare(api_token="it", base_url=zone.url, max_retries=0)


def without(body: dict[str, Any], *names: str) -> Json:
    return {key: value for key, value in body.items() if key not in names}


def test_a_request_without_a_token_is_refused(zone: Zone):
    stranger = Client(zone.url)
    status, body = stranger("GET", "/zones")
    assert (status, body["errors"][0]["code"]) == (400, 9106)


def test_only_the_given_zones_exist(zone: Zone):
    assert zone.ok("GET", "~")["name"] == "pipe.dev"
    assert zone.ok("GET", "/zones?name=pipe.test") == []


@pytest.mark.parametrize("path", ["", "/dns_records", "/settings/ssl", "/dnssec", "/rulesets"])
def test_an_unknown_zone_is_reported(zone: Zone, path: str):
    assert zone.refused("GET", f"/zones/0{path}")[:2] == (404, 7003)


def test_an_unknown_path_is_refused_in_the_format_of_the_api(zone: Zone):
    assert zone.refused("GET", "/zebras") == (404, 7000, "GET /client/v4/zebras: Not Found")
    assert zone.refused("PUT", "~/dnssec")[0] == 405


# DNS


def test_a_record_is_created_changed_and_deleted(zone: Zone):
    record = zone.ok("POST", "~/dns_records", RECORD | {"comment": "mine"})
    assert RECORD.items() <= record.items() and record["proxiable"] and record["comment"] == "mine"
    path = f"~/dns_records/{record['id']}"
    assert zone.ok("GET", path) == record
    assert zone.refused("GET", f"~/dns_records/%22{record['id']}%22")[0] == 404
    changed = zone.ok("PUT", path, RECORD | {"content": "other.example.com"})
    assert (changed["content"], changed["comment"], changed["created_on"]) == (
        "other.example.com",
        None,
        record["created_on"],
    )
    assert zone.ok("DELETE", path) == {"id": record["id"]}
    assert zone.refused("GET", path) == (404, 81044, "Record does not exist.")
    assert zone.refused("DELETE", path)[:2] == (404, 81044)


def test_records_are_listed_in_pages_and_by_their_names(zone: Zone):
    for number in range(5):
        zone.ok("POST", "~/dns_records", RECORD | {"name": f"a{number}.pipe.dev"})
    body = zone("GET", f"/zones/{zone.id}/dns_records?per_page=2&page=3")[1]
    assert [item["name"] for item in body["result"]] == ["a4.pipe.dev"]
    assert body["result_info"] == {"page": 3, "per_page": 2, "count": 1, "total_count": 5, "total_pages": 3}
    assert [item["name"] for item in zone.ok("GET", "~/dns_records?name=a2.pipe.dev")] == ["a2.pipe.dev"]
    assert [item["name"] for item in zone.ok("GET", "~/dns_records?name.exact=a3.pipe.dev")] == [
        "a3.pipe.dev"
    ]


def test_a_list_can_be_filtered_by_inner_members_and_json_values(zone: Zone):
    zone.ok("POST", "~/dns_records", RECORD)
    assert len(zone.ok("GET", f"~/dns_records?proxied={json.dumps(RECORD['proxied'])}")) == 1
    assert zone.ok("GET", f"~/dns_records?proxied={json.dumps(not RECORD['proxied'])}") == []
    account = zone.ok("GET", "~")["account"]["id"]
    assert len(zone.ok("GET", f"/zones?name=pipe.dev&account.id={account}")) == 1
    assert zone.ok("GET", "/zones?name=pipe.dev&account.id=0") == []


def test_a_structured_record_gets_a_content(zone: Zone):
    caa = {"name": "@", "type": "CAA", "ttl": 1, "data": {"flags": 0, "tag": "issue", "value": "pki.goog"}}
    record = zone.ok("POST", "~/dns_records", caa)
    assert (record["name"], record["content"]) == ("pipe.dev", '0 issue "pki.goog"')


def test_the_content_of_a_structured_record_follows_its_data(zone: Zone):
    caa: Json = {
        "name": "@",
        "type": "CAA",
        "ttl": 1,
        "data": {"flags": 0, "tag": "issue", "value": "pki.goog"},
    }
    record = zone.ok("POST", "~/dns_records", caa)
    data = caa["data"] | {"value": "letsencrypt.org"}
    after = zone.ok(
        "PUT", f"~/dns_records/{record['id']}", caa | {"data": data, "content": record["content"]}
    )
    assert after["content"] == '0 issue "letsencrypt.org"'


def test_a_name_outside_of_the_zone_gets_the_zones_suffix(zone: Zone):
    assert zone.ok("POST", "~/dns_records", RECORD | {"name": "WWW"})["name"] == "www.pipe.dev"


CAA: Json = {"type": "CAA", "content": None, "proxied": False}
SRV: Json = CAA | {"type": "SRV"}
REFUSED_RECORDS: list[tuple[Json, str]] = [
    ({"type": "CNAMES"}, "/: Input tag 'CNAMES' found using 'type' does not match any of the expected tags"),
    ({"ttl": "1"}, "/CNAME/ttl"),
    ({"prio": 1}, "/CNAME/prio: Extra inputs are not permitted"),
    ({"ttl": 5, "proxied": False}, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."),
    ({"ttl": 300}, "ttl must be set to 1 when `proxied` is true"),
    ({"type": "TXT"}, "This record type cannot be proxied."),
    ({"type": "A"}, "Content for A record must be a valid IPv4 address."),
    ({"type": "AAAA", "content": "10.0.0.1"}, "Content for AAAA record must be a valid IPv6 address."),
    ({"content": " "}, "Content is missing."),
    ({"content": None}, "content or data is required"),
    ({"content": "not a host!"}, "/content: Content must be a host name."),
    ({"content": "10.0.0.1"}, "/content: Content must be a host name."),
    (
        {"type": "NS", "content": "a b.example.com", "proxied": False},
        "/content: Content must be a host name.",
    ),
    ({"type": "MX", "proxied": False}, "/: required: ['priority']"),
    (
        {"type": "MX", "proxied": False, "priority": 1, "content": "192.0.2.1"},
        "/content: Content must be a host name.",
    ),
    ({"name": "bad name!"}, "/name: DNS name is invalid."),
    ({"name": "a..pipe.dev"}, "/name: DNS name is invalid."),
    ({"comment": "x" * 501}, "/comment: A comment must be one line of at most 500 characters."),
    ({"comment": "a\nb"}, "/comment: A comment must be one line of at most 500 characters."),
    (CAA | {"data": {}}, "/data: required: ['flags', 'tag', 'value']"),
    (CAA | {"data": {"flags": 0, "tag": "issued", "value": "x"}}, "/data/tag: enum: ['issue', "),
    (CAA | {"data": {"flags": 999, "tag": "issue", "value": "x"}}, "/data/flags: maximum: 255"),
    ({"type": "MX", "proxied": False, "priority": 65536}, "/priority: maximum: 65535"),
    (
        SRV | {"data": {"port": 65536, "priority": 1, "weight": 1, "target": "a.pipe.dev"}},
        "/data/port: maximum",
    ),
    (SRV | {"data": {"port": 1, "priority": -1, "weight": 1, "target": "a.pipe.dev"}}, "/data/priority: min"),
]


@pytest.mark.parametrize(("change", "fault"), REFUSED_RECORDS)
def test_an_invalid_record_is_refused(zone: Zone, change: Json, fault: str):
    status, code, message = zone.refused("POST", "~/dns_records", RECORD | change)
    assert (status, code) == (400, 1004) and fault in message
    assert zone.ok("GET", "~/dns_records") == []


def test_a_name_may_have_stars_underscores_and_a_final_dot(zone: Zone):
    for name in ("*.pipe.dev", "_acme-challenge.pipe.dev", "a.b.pipe.dev.", "@"):
        zone.ok("POST", "~/dns_records", RECORD | {"name": name, "content": "_x.example.com."})


def test_a_cname_to_itself_is_refused(zone: Zone):
    message = "CNAME content cannot reference itself."
    for name in ("self", "self.pipe.dev"):
        record = RECORD | {"name": name, "content": "Self.pipe.dev."}
        assert zone.refused("POST", "~/dns_records", record) == (400, 9039, message)


def test_a_duplicate_record_is_refused(zone: Zone):
    txt = {"name": "pipe.dev", "type": "TXT", "content": "x", "ttl": 1}
    zone.ok("POST", "~/dns_records", txt)
    assert zone.refused("POST", "~/dns_records", txt) == (400, 81058, "An identical record already exists.")
    zone.ok("POST", "~/dns_records", txt | {"content": "y"})


@pytest.mark.parametrize(
    ("kind", "content"), [("A", "10.0.0.1"), ("AAAA", "::1"), ("CNAME", "b.example.com")]
)
def test_a_cname_excludes_other_addresses_of_its_name(zone: Zone, kind: str, content: str):
    zone.ok("POST", "~/dns_records", RECORD)
    other = RECORD | {"type": kind, "content": content}
    message = "An A, AAAA, or CNAME record with that host already exists."
    assert zone.refused("POST", "~/dns_records", other) == (400, 81053, message)
    free = zone.ok("POST", "~/dns_records", other | {"name": "free.pipe.dev"})
    assert zone.refused("PUT", f"~/dns_records/{free['id']}", other)[1] == 81053


# Settings and DNSSEC


def test_a_setting_keeps_its_new_value(zone: Zone):
    assert zone.ok("GET", "~/settings/min_tls_version")["value"] == "1.0"
    setting = zone.ok("PATCH", "~/settings/min_tls_version", {"value": "1.2"})
    assert (setting["id"], setting["value"], setting["editable"]) == ("min_tls_version", "1.2", True)
    assert zone.ok("GET", "~/settings/min_tls_version") == setting
    assert zone.refused("DELETE", "~/settings/min_tls_version")[0] == 405


REFUSED_SETTINGS: list[tuple[str, Json, int]] = [
    ("min_tls_version", {"value": "1.4"}, 1007),
    ("ssl", {"value": True}, 1007),
    ("ssl", {"value": "strict", "mode": "x"}, 1007),
    ("ssl", {}, 1007),
    ("security_header", {"value": {"strict_transport_security": {"maxAge": 1}}}, 1007),
    ("security_header", {"value": {"strict_transport_security": {"max_age": "1"}}}, 1007),
    ("sll", {"value": "strict"}, 1006),
]


@pytest.mark.parametrize(("setting", "sent", "code"), REFUSED_SETTINGS)
def test_an_invalid_setting_is_refused(zone: Zone, setting: str, sent: Json, code: int):
    assert zone.refused("PATCH", f"~/settings/{setting}", sent)[:2] == (400, code)


def test_dnssec_is_pending_until_the_next_request(zone: Zone):
    assert zone.ok("GET", "~/dnssec") == {"status": "disabled"}
    dnssec = zone.ok("PATCH", "~/dnssec", {"status": "active"})
    assert dnssec["status"] == "pending" and dnssec["ds"].startswith("pipe.dev. 3600 IN DS 2371 13 2 ")
    assert zone.ok("GET", "~/dnssec")["status"] == "active"
    assert zone.refused("PATCH", "~/dnssec", {"status": "on"})[:2] == (400, 1004)
    assert zone.ok("DELETE", "~/dnssec") == ""
    assert zone.ok("GET", "~/dnssec") == {"status": "disabled"}


# Rulesets


def test_a_ruleset_is_created_changed_and_deleted(zone: Zone):
    ruleset = zone.ok("POST", "~/rulesets", RULESET)
    assert (ruleset["version"], ruleset["rules"][0]["enabled"], ruleset["rules"][0]["ref"]) == (
        "1",
        True,
        "limit",
    )
    path = f"~/rulesets/{ruleset['id']}"
    assert zone.ok("GET", path) == ruleset == zone.ok("GET", "~/rulesets/phases/http_ratelimit/entrypoint")
    changed = zone.ok("PUT", path, ruleset | {"name": "others"})  # The body has members that the API added.
    assert (changed["version"], changed["name"]) == ("2", "others")
    assert changed["rules"][0]["id"] == ruleset["rules"][0]["id"]
    assert zone("DELETE", path.replace("~", f"/zones/{zone.id}")) == (204, None)
    assert zone.refused("GET", path)[:2] == (404, 10001)
    assert zone.refused("GET", "~/rulesets/phases/http_ratelimit/entrypoint")[:2] == (404, 10003)


def test_a_second_ruleset_of_a_phase_is_refused(zone: Zone):
    zone.ok("POST", "~/rulesets", RULESET)
    limit = "exceeded maximum number of zone rulesets for phase http_ratelimit"
    message = f"'zone' is not a valid value for kind because {limit}"
    assert zone.refused("POST", "~/rulesets", RULESET | {"name": "b"}) == (400, 20217, message)


def test_a_dry_run_of_a_ruleset_stores_nothing(zone: Zone):
    assert zone.ok("POST", "~/rulesets?dry_run=true", RULESET)["rules"]
    assert zone.ok("GET", "~/rulesets") == []
    ruleset = zone.ok("POST", "~/rulesets", RULESET)
    path = f"~/rulesets/{ruleset['id']}"
    assert zone.ok("PUT", f"{path}?dry_run=true", RULESET | {"description": "x"})["description"] == "x"
    assert zone.ok("GET", path) == ruleset
    assert zone.refused("PUT", f"{path}?dry_run=true", RULESET | {"phase": "x"})[0] == 400
    assert zone.refused("POST", "~/rulesets?dry_run=true", RULESET)[0] == 400


def rules(**change: Any) -> Json:
    return {"rules": [{key: value for key, value in (RULE | change).items() if value is not None}]}


def limits(**change: Any) -> Json:
    return rules(
        ratelimit={"characteristics": ["cf.colo.id"], "period": 10, "requests_per_period": 5} | change
    )


def cached(**ttl: Any) -> Json:
    settings = {"cache": True} | ttl
    return CACHE | rules(action="set_cache_settings", ratelimit=None, action_parameters=settings)


def statuses(*ttls: Json) -> Json:
    return cached(edge_ttl={"mode": "respect_origin", "status_code_ttl": list(ttls)})


def executed(**parameters: Any) -> Json:
    return MANAGED | rules(action="execute", ratelimit=None, action_parameters={"id": ID} | parameters)


def skipped(**parameters: Any) -> Json:
    return CUSTOM | rules(action="skip", ratelimit=None, action_parameters=parameters)


def blocked(**change: Any) -> Json:
    response = {"content": "no", "content_type": "text/plain", "status_code": 403} | change
    return CUSTOM | rules(ratelimit=None, action_parameters={"response": response})


ID = "efb7b8c949ac4650a09736fc376e9aee"
CACHE = {"phase": "http_request_cache_settings"}
CUSTOM = {"phase": "http_request_firewall_custom"}
MANAGED = {"phase": "http_request_firewall_managed"}
REFUSED_RULESETS: list[tuple[Json, str]] = [
    ({"phase": "http_limit"}, "/phase: Input should be"),
    ({"phase": "http_request_transform"}, "/phase: the sandbox cannot check a ruleset of this phase"),
    ({"kind": None}, "/: required: "),
    ({"rule": []}, "/rule: Extra inputs are not permitted"),
    (rules(action="blok"), "/rules/0: Input tag 'blok' found using 'action'"),
    (rules(action=None), "/rules/0: Unable to extract tag using discriminator 'action'"),
    (rules(action="skip"), "/rules/0/action: enum: ['block', "),
    (rules(action_parameters={"respond": {}}), "/rules/0/block/action_parameters/respond: Extra inputs"),
    (rules(expression=" "), "/rules/0/expression: pattern"),
    (rules(expression=None), "/rules/0: required: ['expression']"),
    (rules(expression=f'http.host eq "{"a" * 4096}"'), "/rules/0/expression: maxLength: 4096"),
    (rules(expression='http.hosst eq "a"'), "/rules/0/expression: could not parse filter expression: Filter"),
    (rules(expression='ip.src eq "a"'), "parsing error (1:11): expected IP address character"),
    (rules(expression='(http.host in {"a"}'), 'parsing error (1:20): expected literal ")"'),
    (rules(expression='http.request.headers["x"][*] eq "y"'), "but got Array<Bool>"),
    (rules(expression='starts_width(http.host, "a")'), "parsing error (1:1): unknown identifier"),
    (rules(expression="http.response.code eq 404"), "http.response.code is not known before the response"),
    (
        limits(counting_expression="http.response.code eq"),
        "/rules/0/counting_expression: could not parse",
    ),
    (rules(ratelimit=None), "/rules/0: required: ['ratelimit']"),
    (CACHE | rules(action="set_cache_settings"), "only rules of the phase http_ratelimit have a ratelimit"),
    (CACHE | rules(ratelimit=None), "/rules/0/action: enum: ['set_cache_settings']"),
    (limits(characteristics=["ip.src"]), "cf.colo.id is missing"),
    (
        limits(characteristics=["cf.colo.id", "ip.dst"]),
        "istics/1: requests cannot be counted",
    ),
    (
        limits(characteristics=["cf.colo.id", 'http.request.headers["X-Key"]']),
        "istics/1: requests cannot be counted by this",
    ),
    (
        limits(characteristics=["cf.colo.id", "ip.src", "cf.unique_visitor_id"]),
        "ip.src and cf.unique_visitor_id exclude each other",
    ),
    (limits(period=15), "/rules/0/ratelimit/period: enum: [10, 60,"),
    (limits(mitigation_timeout=15), "/rules/0/ratelimit/mitigation_timeout: enum: [0, 10,"),
    (limits(requests_per_period=None), "/rules/0/ratelimit: requests_per_period is missing"),
    (limits(requests_per_period=-5), "/rules/0/ratelimit/requests_per_period: minimum: 1"),
    (
        rules(action="managed_challenge", ratelimit=RULE["ratelimit"] | {"mitigation_timeout": 600}),
        "/rules/0/ratelimit/mitigation_timeout: must be 0 with a challenge, since a client that passes it"
        " continues",
    ),
    (CUSTOM | rules(action="skip", ratelimit=None), "/rules/0: required: ['action_parameters']"),
    (
        CUSTOM | rules(action="skip", ratelimit=None, action_parameters={}),
        "action_parameters: minProperties: 1",
    ),
    (MANAGED | rules(action="execute", ratelimit=None), "/rules/0: required: ['action_parameters']"),
    (
        MANAGED | rules(action="execute", ratelimit=None, action_parameters={"overrides": {"enabled": True}}),
        "id",
    ),
    (CACHE | rules(action="set_cache_settings", ratelimit=None), "/rules/0: required: ['action_parameters']"),
    (cached(edge_ttl={"mode": "override_origin"}), "default"),
    (
        cached(browser_ttl={"mode": "override_origin"}),
        "/action_parameters/browser_ttl: required: ['default']",
    ),
    ({"kind": "root"}, "/kind: a zone has rulesets of the kinds zone and custom"),
    ({"kind": "managed"}, "/kind: a zone has rulesets of the kinds zone and custom"),
    ({"rules": [RULE, RULE]}, "/rules: two rules have the same ref"),
    ({"name": ""}, "/name: minLength: 1"),
    (rules(ref=""), "/rules/0/ref: minLength: 1"),
    (rules(logging={}), "/rules/0/logging"),
    (executed(id="efb7"), "/action_parameters/id: an ID has 32 hexadecimal digits (0-9, a-f)"),
    (executed(overrides={}), "/action_parameters/overrides: nothing is overridden"),
    (executed(overrides={"categories": []}), "/overrides/categories: minItems: 1"),
    (executed(overrides={"categories": [{"category": "x"}]}), "/categories/0: nothing is overridden"),
    (executed(overrides={"rules": [{"id": ID}]}), "/overrides/rules/0: nothing is overridden"),
    (executed(overrides={"rules": [{"id": "1", "enabled": False}]}), "/overrides/rules/0/id: an ID has 32"),
    (skipped(phases=[]), "/action_parameters/phases: minItems: 1"),
    (skipped(products=[]), "/action_parameters/products: minItems: 1"),
    (skipped(rulesets=["1"]), "/action_parameters/rulesets/0: an ID has 32 hexadecimal digits"),
    (skipped(rules={ID: ["1"]}), f"/action_parameters/rules/{ID}/0: an ID has 32 hexadecimal digits"),
    (blocked(status_code=200), "/action_parameters/response/status_code: minimum: 400"),
    (blocked(content=""), "/action_parameters/response/content: minLength: 1"),
    (cached(read_timeout=60), "/action_parameters/read_timeout: minimum: 100"),
    (cached(additional_cacheable_ports=[0]), "/additional_cacheable_ports/0: minimum: 1"),
    (cached(browser_ttl={"mode": "override_origin", "default": -1}), "/browser_ttl/default: minimum: 0"),
    (cached(edge_ttl={"mode": "override_origin", "default": -1}), "/edge_ttl/default: minimum: 0"),
    (statuses(), "/edge_ttl/status_code_ttl: minItems: 1"),
    (
        statuses({"value": 1}),
        "/status_code_ttl/0: exactly one of status_code and status_code_range is required",
    ),
    (statuses({"value": 1, "status_code": 99}), "/status_code_ttl/0/status_code: minimum: 100"),
]


@pytest.mark.parametrize(("change", "fault"), REFUSED_RULESETS)
def test_an_invalid_ruleset_is_refused(zone: Zone, change: Json, fault: str):
    status, code, message = zone.refused("POST", "~/rulesets", RULESET | change)
    assert (status, code) == (400, 20217) and fault in message, message
    assert zone.ok("GET", "~/rulesets") == []


@pytest.mark.parametrize(
    "change",
    [
        rules(expression='any(http.request.headers["x"][*] eq "hunter2")', score=1),
        rules(expression='http.request.headers["x"][*] eq "hunter2"'),
        rules(expression='http.host matches "hunter2("'),
    ],
)
def test_no_error_repeats_an_expression(zone: Zone, change: Json):
    assert "hunter2" not in zone.refused("POST", "~/rulesets", RULESET | change)[2]


@pytest.mark.parametrize(
    "change",
    [
        rules(expression='(http.host in {"a.dev" "b.dev"} and not ip.src in {192.0.2.0/24 2001:db8::/32})'),
        rules(expression='starts_with(lower(http.request.uri.path), "/api") or cf.waf.score lt 20'),
        limits(counting_expression='http.response.code in {401 403} and http.request.method eq "POST"'),
        limits(characteristics=["cf.colo.id", 'http.request.headers["x-api-key"]']),
    ],
)
def test_a_valid_expression_is_accepted(zone: Zone, change: Json):
    assert zone.ok("POST", "~/rulesets", RULESET | change)["version"] == "1"


@pytest.mark.parametrize(
    "change",
    [
        executed(overrides={"rules": [{"id": ID, "enabled": False}]}),
        executed(overrides={"categories": [{"category": "wordpress", "action": "log"}]}),
        skipped(rulesets=[ID]),
        skipped(rules={ID: [ID]}),
        blocked(),
        statuses({"value": 1, "status_code": 404}, {"value": 0, "status_code_range": {"from": 500}}),
    ],
)
def test_a_rule_with_the_parameters_of_its_action_is_accepted(zone: Zone, change: Json):
    assert zone.ok("POST", "~/rulesets", RULESET | change)["version"] == "1"


def test_the_phase_of_a_ruleset_cannot_be_changed(zone: Zone):
    ruleset = zone.ok("POST", "~/rulesets", RULESET)
    moved: Json = {**CACHE, "rules": []}
    assert zone.refused("PUT", f"~/rulesets/{ruleset['id']}", moved)[:2] == (400, 20025)


# Origin CA


def request(key: Any, host: str = "pipe.dev") -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = {"csr": request(KEY), "hostnames": ["pipe.dev", "*.pipe.dev"], "request_type": "origin-ecc"}


def test_a_certificate_is_signed_listed_and_revoked(zone: Zone):
    certificate = zone.ok("POST", "/certificates", CERTIFICATE | {"requested_validity": 365})
    signed = x509.load_pem_x509_certificate(certificate["certificate"].encode())
    assert signed.public_key() == KEY.public_key()
    assert (signed.not_valid_after_utc - signed.not_valid_before_utc).days == 365
    assert certificate["expires_on"] == signed.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == CERTIFICATE["hostnames"]
    assert zone.ok("GET", f"/certificates/{certificate['id']}") == certificate
    assert zone.ok("GET", f"/certificates?zone_id={zone.id}") == [certificate]
    assert zone.refused("PUT", f"/certificates/{certificate['id']}", CERTIFICATE)[0] == 405
    zone.ok("DELETE", f"/certificates/{certificate['id']}")
    assert zone.refused("GET", f"/certificates/{certificate['id']}")[:2] == (404, 1003)


RSA = request(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize(
    "change",
    [
        {"csr": "x"},
        {"csr": RSA},
        {"request_type": "ecc"},
        {"requested_validity": 100},
        {"hostnames": ["a.test"]},
        {"hostnames": []},
        {"hostnames": [f"a{number}.pipe.dev" for number in range(201)]},
        {"hostnames": ["*.a.*.pipe.dev"]},
        {"hostnames": ["*.*.pipe.dev"]},
        {"hostnames": ["*.dev"]},
        {"hostnames": ["10.0.0.1"]},
    ],
)
def test_an_invalid_certificate_is_refused(zone: Zone, change: Json):
    assert zone.refused("POST", "/certificates", CERTIFICATE | change)[:2] == (400, 1010)


# Cloudflare's own client


def test_the_official_client_parses_the_responses(zone: Zone, official: cloudflare.Cloudflare):
    first_zone = official.zones.list(name="pipe.dev").result[0]
    assert (first_zone.id, first_zone.status) == (zone.id, "active")
    record = official.dns.records.create(
        zone_id=zone.id, name="pipe.dev", type="CNAME", content="b.example.com", ttl=1, proxied=True
    )
    assert record is not None and record.proxiable
    assert [item.id for item in official.dns.records.list(zone_id=zone.id)] == [record.id]
    official.rulesets.create(zone_id=zone.id, kind="zone", name="a", phase="http_ratelimit", rules=[])
    (ruleset,) = official.rulesets.list(zone_id=zone.id)
    assert (ruleset.name, ruleset.phase) == ("a", "http_ratelimit")
    official.rulesets.delete(ruleset.id, zone_id=zone.id)
    setting = official.zones.settings.edit("http3", zone_id=zone.id, value="off")
    assert setting is not None and getattr(setting, "value", None) == "off"
    with pytest.raises(cloudflare.NotFoundError) as error:
        official.dns.records.get("0", zone_id=zone.id)
    assert error.value.errors[0].code == 81044

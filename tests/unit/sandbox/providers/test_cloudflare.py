"""Tests of the edge's resources on the local Cloudflare API."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.errors import ProviderError
from sandbox.providers.cloudflare.package import CloudflareTarget
from sandbox.providers.target import Resource
from sandbox.providers.tls.target import TlsTarget
from sandbox.wire.values import Json
from tests.support.sandbox.clouds.local_api import Client, serve
from tests.support.sandbox.providers.rest import Case, check_lifecycle, read_inputs
from tests.support.waits import replace_sleep

GET_ZONE = "cloudflare:index/getZone:getZone"
ZONE = "672726505ef5858359da80173b266213"
"""The ID of pipe.dev: the beginning of the name's SHA-256."""

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
RULESET = "cloudflare:index/ruleset:Ruleset"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
DNSSEC = "cloudflare:index/zoneDnssec:ZoneDnssec"
CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"

CNAME: Json = {"name": "pipe.dev", "type": "CNAME", "content": "lb.example.com", "proxied": True, "ttl": 1}
CAA: Json = {
    "name": "pipe.dev",
    "type": "CAA",
    "ttl": 1,
    "data": {"flags": 0, "tag": "issue", "value": "pki.goog"},
}
HSTS: Json = {"strict_transport_security": {"enabled": True, "max_age": 300, "preload": False}}


def ruleset(phase: str, **rule: Any) -> dict[str, Any]:
    rules = [{"ref": "it", "description": "It", "expression": "true", **rule}]
    return {"zoneId": ZONE, "name": f"pipe: {phase}", "kind": "zone", "phase": phase, "rules": rules}


CASES = {
    "record": Case(
        RECORD,
        {"zoneId": ZONE, **CNAME, "comment": "mine"},
        {"content": "other.example.com"},
        {"content": "stolen.example.com", "comment": "theirs"},
        CNAME | {"content": "stolen.example.com", "comment": "theirs"},
    ),
    "structured record": Case(
        RECORD,
        {"zoneId": ZONE, **CAA},
        {"data": CAA["data"] | {"tag": "issuewild"}},
        {"data": CAA["data"] | {"value": "a.test"}},
        CAA | {"data": CAA["data"] | {"value": "a.test"}},
    ),
    "setting": Case(
        SETTING,
        {"zoneId": ZONE, "settingId": "min_tls_version", "value": "1.2"},
        {"value": "1.3"},
        {"value": "1.0"},
        {"value": "1.0"},
        "PATCH",
        survives_deletion=True,
        matches=0,
    ),
    "setting that is an object": Case(
        SETTING,
        {"zoneId": ZONE, "settingId": "security_header", "value": HSTS},
        {"value": {"strict_transport_security": {"enabled": False}}},
        {"value": {"strict_transport_security": HSTS["strict_transport_security"] | {"enabled": False}}},
        {"value": {"strict_transport_security": HSTS["strict_transport_security"] | {"enabled": False}}},
        "PATCH",
        survives_deletion=True,
        matches=0,
    ),
    "dnssec": Case(
        DNSSEC,
        {"zoneId": ZONE, "status": "active"},
        {"status": "disabled"},
        {"status": "disabled"},
        {"status": "disabled"},
        "PATCH",
        survives_deletion=True,
        matches=0,
    ),
    "cache": Case(
        RULESET,
        ruleset(
            "http_request_cache_settings",
            action="set_cache_settings",
            actionParameters={"cache": True, "edgeTtl": {"mode": "respect_origin"}},
        ),
        {"description": "Other"},
        {"rules": []},
        {"rules": []},
    ),
    "skip": Case(
        RULESET,
        ruleset(
            "http_request_firewall_custom",
            action="skip",
            actionParameters={"phases": ["http_ratelimit"], "products": ["bic", "securityLevel"]},
            logging={"enabled": True},
        ),
        {"name": "other"},
        {"name": "theirs", "rules": []},
        {"name": "theirs"},
    ),
    "managed rules": Case(
        RULESET,
        ruleset(
            "http_request_firewall_managed",
            action="execute",
            actionParameters={"id": "efb7b8c949ac4650a09736fc376e9aee"},
        ),
        {"name": "other"},
        {"rules": []},
        {"rules": []},
    ),
    "rate limit": Case(
        RULESET,
        ruleset(
            "http_ratelimit",
            action="block",
            ratelimit={
                "characteristics": ["cf.colo.id", "ip.src"],
                "period": 10,
                "requestsPerPeriod": 100,
                "mitigationTimeout": 10,
            },
        ),
        {"name": "other"},
        {"rules": []},
        {"rules": []},
    ),
}


@pytest.fixture
def target() -> Generator[CloudflareTarget]:
    with serve(CloudflareApi(["pipe.dev"])) as url:
        target = CloudflareTarget(url)
        assert target.invoke(GET_ZONE, {"filter": {"match": "all", "name": "pipe.dev"}}, {})["id"] == ZONE
        yield target


@pytest.mark.parametrize("name", CASES)
def test_a_resource_is_created_read_changed_and_deleted(target: CloudflareTarget, name: str):
    check_lifecycle(target, CASES[name])


def certificate_case() -> Case:
    """Return a test case for a certificate with a new key."""
    tls = TlsTarget()
    algorithm = {"algorithm": "ECDSA", "ecdsaCurve": "P256"}
    key = tls.create(Resource("", "tls:index/privateKey:PrivateKey", algorithm)).outputs["privateKeyPem"]
    request = {"privateKeyPem": key, "subject": {"commonName": "pipe.dev"}}
    csr = tls.create(Resource("", "tls:index/certRequest:CertRequest", request)).outputs["certRequestPem"]
    inputs = {"csr": csr, "hostnames": ["pipe.dev"], "requestType": "origin-ecc", "requestedValidity": 90}
    return Case(CERTIFICATE, inputs, {}, {})


def test_a_certificate_is_created_read_and_deleted(target: CloudflareTarget):
    case = certificate_case()
    check_lifecycle(target, case)
    assert target.create(case.resource()).outputs["certificate"].startswith("-----BEGIN CERTIFICATE-----\n")


def test_records_of_the_same_name_are_found_by_their_content(target: CloudflareTarget):
    case = CASES["structured record"]
    other = replace(case, inputs=case.inputs | {"data": {"flags": 0, "tag": "issue", "value": "b.test"}})
    resources = [case.resource(), other.resource()]
    ids = [target.create(resource).id for resource in resources]
    for resource, record_id in zip(resources, ids, strict=True):
        assert [live.id for live in target.find(resource)] == [record_id]


def test_a_changed_rule_is_read_with_its_change(target: CloudflareTarget):
    case = CASES["rate limit"]
    ruleset_id = target.create(case.resource()).id
    rules = target.call("GET", f"/zones/{ZONE}/rulesets/{ruleset_id}")["result"]["rules"]
    rules[0]["ratelimit"]["requests_per_period"] = 7
    target.call("PUT", f"/zones/{ZONE}/rulesets/{ruleset_id}", {"rules": rules})
    rule = read_inputs(target, case.resource(ruleset_id))["rules"][0]
    assert rule.pop("ratelimit")["requestsPerPeriod"] == 7
    assert rule == {key: case.inputs["rules"][0][key] for key in rule}


def test_a_refusal_has_the_code_of_the_api(target: CloudflareTarget):
    target.create(CASES["record"].resource())
    path = f"/zones/{ZONE}/dns_records"
    with pytest.raises(ProviderError) as error:
        target.create(CASES["record"].resource())
    assert str(error.value) == f"POST {path}: 400: 81058: An identical record already exists."


def test_a_zone_is_found_by_its_name_or_id(target: CloudflareTarget):
    zone = target.invoke(GET_ZONE, {"zoneId": ZONE}, {})
    assert (zone["name"], zone["zoneId"], len(zone["nameServers"])) == ("pipe.dev", ZONE, 2)
    for wrong in ({"zoneId": "0"}, {"filter": {"name": "nowhere"}}):
        message = r"^0 zones have the name or ID (0|nowhere); exactly one is required$"
        with pytest.raises(ProviderError, match=message):
            target.invoke(GET_ZONE, wrong, {})
    with pytest.raises(ProviderError, match="cannot answer the look-up cloudflare:index/getUser:getUser"):
        target.invoke("cloudflare:index/getUser:getUser", {}, {})


def test_a_type_without_an_api_is_refused(target: CloudflareTarget):
    token = "cloudflare:index/healthcheck:Healthcheck"
    with pytest.raises(
        ProviderError, match=f"^the sandbox has no API for {token}; it has one for cloudflare:"
    ):
        target.create(Resource("", token, {}))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace every wait by an entry in a list; the seconds are the entries."""
    seconds: list[float] = []
    replace_sleep(monkeypatch, seconds.append)
    return seconds


@pytest.mark.parametrize("kind", ["throttle", "error", "outage", "reset"])
def test_a_request_is_repeated_after_a_temporary_failure(
    target: CloudflareTarget, kind: str, waits: list[float]
):
    fail(target, kind=kind, requests=2)
    target.create(CASES["record"].resource())
    assert len(target.find(CASES["record"].resource())) == 1
    assert sum(waits) >= 1


def test_a_retry_waits_for_the_time_that_a_429_names(target: CloudflareTarget, waits: list[float]):
    fail(target, kind="throttle", requests=1, retry_after=2)
    target.create(CASES["record"].resource())
    assert sum(waits) == 2


def test_a_lasting_failure_is_an_error(target: CloudflareTarget, waits: list[float]):
    fail(target, kind="reset")
    with pytest.raises(ProviderError, match=r"no response after 8 retries"):
        target.create(CASES["record"].resource())
    fail(target, kind="outage")
    with pytest.raises(ProviderError, match=r"503: 10000: failure on demand: outage$"):
        target.create(CASES["record"].resource())


def fail(target: CloudflareTarget, **switches: Any) -> None:
    Client(target._url.removesuffix("/client/v4")).fail(**switches)  # pyright: ignore[reportPrivateUsage]

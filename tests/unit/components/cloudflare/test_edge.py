"""Tests of DNS records, zone settings and rulesets at Cloudflare."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.cloudflare.edge import Edge, EdgeArgs, zone_settings
from components.common.naming import Naming
from components.settings.models.edge import Edge as EdgeSettings
from components.settings.models.edge import Zone
from tests.support.components.fixtures import Recorder, Topic, evaluate, secret

RECORD, SETTING = "cloudflare:index/dnsRecord:DnsRecord", "cloudflare:index/zoneSetting:ZoneSetting"
RULESET, DNSSEC = "cloudflare:index/ruleset:Ruleset", "cloudflare:index/zoneDnssec:ZoneDnssec"
HOSTS = '{"pipe.dev" "stg.pipe.dev" "dev.pipe.dev"}'

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Topic) -> Declare:
    """Provide a function that declares a stack's edge, with changes to the zone, and returns its outputs."""
    recorder.answers["cloudflare:index/getZone:getZone"] = {"id": "zone-id"}

    def run(stack: str = "prod", *, zone: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        settings = topic(EdgeSettings, "edge", stack, **changes)
        settings = settings.model_copy(update={"zone": settings.zone.model_copy(update=zone)})
        outputs: dict[str, Any] = {}
        args = EdgeArgs(
            settings=settings,
            naming=naming,
            origin_hostname="pipe.elb.amazonaws.com",
            synthetic_token=pulumi.Output.secret("the-token"),
        )

        def program() -> pulumi.Output[Any]:
            edge = Edge("edge", args)
            return pulumi.Output.all(
                url=edge.url, frontend_url=edge.frontend_url, zone_id=edge.zone_id, ds_record=edge.ds_record
            ).apply(outputs.update)

        evaluate(program)
        return outputs

    return run


def only_rule(recorder: Recorder, phase: str) -> dict[str, Any]:
    """Return the only rule in the ruleset of a phase."""
    ruleset = recorder.of_type(RULESET)[f"edge-{phase.replace('_', '-')}"]
    assert (ruleset["kind"], ruleset["phase"], ruleset["zoneId"]) == ("zone", phase, "zone-id")
    rules: Any = ruleset["rules"]
    if phase == "http_request_firewall_custom":
        rules = rules["value"]  # A list that contains a secret is itself a secret.
    [rule] = rules
    return rule


@pytest.fixture
def prod(declare: Declare, recorder: Recorder) -> Recorder:
    declare()
    return recorder


def test_the_host_is_proxied_to_the_load_balancer(declare: Declare, recorder: Recorder) -> None:
    outputs = declare("dev")
    assert recorder.of_type(RECORD)["edge"] == {
        "zoneId": "zone-id",
        "name": "dev.pipe.dev",
        "type": "CNAME",
        "content": "pipe.elb.amazonaws.com",
        "proxied": True,
        "ttl": 1,
        "comment": "pipe-test: to the load balancer; managed by Pulumi",
    }
    assert outputs == {
        "url": "https://dev.pipe.dev",
        "frontend_url": "https://app-dev.pipe.dev",
        "zone_id": "zone-id",
        "ds_record": None,
    }


@pytest.mark.parametrize("proxied", [True, False])
def test_the_frontends_host_points_to_vercel(declare: Declare, recorder: Recorder, proxied: bool) -> None:
    declare("stg", frontendProxied=proxied)
    record = recorder.of_type(RECORD)["edge-frontend"]
    assert (record["name"], record["content"]) == ("app-stg.pipe.dev", "cname.vercel-dns.com")
    assert record["proxied"] is proxied


@pytest.mark.parametrize("stack", ["dev", "stg"])
def test_a_stack_that_does_not_own_the_zone_declares_its_two_records(
    declare: Declare, recorder: Recorder, stack: str
) -> None:
    declare(stack)
    assert set(recorder.inputs) == {("pipe:edge:Edge", "edge"), (RECORD, "edge"), (RECORD, "edge-frontend")}


def test_the_owner_of_the_zone_sets_its_settings(prod: Recorder) -> None:
    settings = prod.of_type(SETTING).values()
    assert {setting["settingId"]: setting["value"] for setting in settings} == {
        "ssl": "strict",
        "min_tls_version": "1.2",
        "tls_1_3": "on",
        "always_use_https": "on",
        "security_header": {
            "strict_transport_security": {
                "enabled": True,
                "max_age": 31536000,
                "include_subdomains": True,
                "preload": False,
                "nosniff": True,
            }
        },
        "http3": "on",
        "http2": "on",
    }
    assert {setting["zoneId"] for setting in settings} == {"zone-id"}


def test_http2_is_not_set_on_the_plan_that_has_it_read_only(topic: Topic) -> None:
    zone: Zone = topic(EdgeSettings, "edge").zone
    assert "http2" not in zone_settings(zone.model_copy(update={"plan": "free"}))


def test_only_the_configured_authorities_may_issue_certificates(declare: Declare, recorder: Recorder) -> None:
    declare(zone={"certificate_authorities": ["letsencrypt.org", "pki.goog"]})
    authorities = {
        name: (record["name"], record["type"], record["data"])
        for name, record in recorder.of_type(RECORD).items()
        if record["type"] == "CAA"
    }
    assert authorities == {
        f"edge-caa-{authority}": ("pipe.dev", "CAA", {"flags": 0, "tag": "issue", "value": authority})
        for authority in ("letsencrypt.org", "pki.goog")
    }


@pytest.mark.parametrize("dnssec", [True, False])
def test_a_signed_zone_has_a_record_for_the_registrar(
    declare: Declare, recorder: Recorder, dnssec: bool
) -> None:
    record = "pipe.dev. 3600 IN DS 2371 13 2 ABCD"
    recorder.computed[DNSSEC] = {"ds": record}
    assert declare(zone={"dnssec": dnssec})["ds_record"] == (record if dnssec else None)
    signing = {"edge": {"zoneId": "zone-id", "status": "active"}}
    assert recorder.of_type(DNSSEC) == (signing if dnssec else {})
    # While the DS record is at the registrar, resolvers reject an unsigned zone.
    assert recorder.retained == ({(DNSSEC, "edge")} if dnssec else set())


def test_a_phase_has_one_ruleset(prod: Recorder) -> None:
    assert sorted(inputs["phase"] for inputs in prod.of_type(RULESET).values()) == [
        "http_ratelimit",
        "http_request_cache_settings",
        "http_request_firewall_custom",
        "http_request_firewall_managed",
    ]
    assert {(RULESET, name) for name in prod.of_type(RULESET)} <= prod.deleted_first


def test_static_content_of_the_frontends_is_cached_as_its_headers_allow(
    declare: Declare, recorder: Recorder
) -> None:
    declare(zone={"cached_hosts": ["app.pipe.dev"]})
    cached = only_rule(recorder, "http_request_cache_settings")
    assert cached["expression"].startswith(
        '(http.host in {"app.pipe.dev"} and http.request.uri.path.extension in {"avif" "css" '
    )
    assert cached["action"] == "set_cache_settings"
    assert cached["actionParameters"] == {
        "cache": True,
        "edgeTtl": {"mode": "respect_origin"},
        "browserTtl": {"mode": "respect_origin"},
    }


@pytest.mark.parametrize(
    ("plan", "rulesets"),
    [
        ("free", ["77454fe2d30c4220b5701f6fdfb893ba"]),
        ("pro", ["efb7b8c949ac4650a09736fc376e9aee", "4814384a9e5d4991b9815dcfc25d2f1f"]),
        ("enterprise", ["efb7b8c949ac4650a09736fc376e9aee", "4814384a9e5d4991b9815dcfc25d2f1f"]),
    ],
)
def test_the_managed_rules_are_those_of_the_plan(
    declare: Declare, recorder: Recorder, plan: str, rulesets: list[str]
) -> None:
    declare(zone={"plan": plan})
    rules = recorder.of_type(RULESET)["edge-http-request-firewall-managed"]["rules"]
    assert [rule["actionParameters"]["id"] for rule in rules] == rulesets
    assert {(rule["action"], rule["expression"]) for rule in rules} == {("execute", "true")}


def test_an_address_with_too_many_requests_is_blocked(prod: Recorder) -> None:
    limit = only_rule(prod, "http_ratelimit")
    assert (limit["action"], limit["expression"]) == ("block", f"(http.host in {HOSTS})")
    assert limit["ratelimit"] == {
        "characteristics": ["cf.colo.id", "ip.src"],
        "period": 60,
        "requestsPerPeriod": 300,
        "mitigationTimeout": 600,
    }


def test_the_free_plan_limits_by_path_and_has_no_bot_rules_to_skip(
    declare: Declare, recorder: Recorder
) -> None:
    declare(zone={"plan": "free"})
    expression = only_rule(recorder, "http_ratelimit")["expression"]
    assert expression == 'starts_with(http.request.uri.path, "/")'
    skip = only_rule(recorder, "http_request_firewall_custom")
    assert skip["actionParameters"]["phases"] == ["http_ratelimit"]


def test_synthetic_checks_skip_rules_by_a_secret_header(prod: Recorder) -> None:
    skip = only_rule(prod, "http_request_firewall_custom")
    assert skip["expression"] == (
        f'(http.host in {HOSTS} and any(http.request.headers["x-pipe-synthetic"][*] eq "the-token"))'
    )
    assert skip["action"] == "skip"
    assert skip["actionParameters"] == {
        "phases": ["http_ratelimit", "http_request_sbfm"],
        "products": ["bic", "securityLevel", "uaBlock"],
    }


def test_the_token_is_only_in_secret_inputs(prod: Recorder) -> None:
    skip = prod.inputs.pop((RULESET, "edge-http-request-firewall-custom"))
    assert skip["rules"] == secret(skip["rules"]["value"])
    assert "the-token" not in repr(prod.inputs)

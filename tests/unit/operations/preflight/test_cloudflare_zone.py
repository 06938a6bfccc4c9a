"""Tests of the questions to Cloudflare, against the sandbox's API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cloudflare
import httpx
import pytest

from operations.preflight import cloudflare_zone
from operations.preflight.unanswered import explain
from sandbox.clouds.cloudflare.api import CloudflareApi
from tests.support.operations.preflight import TOKEN, ZONE, Stack
from tests.support.sandbox.clouds.local_api import Client, serve

PERMISSIONS = ("Zone", "DNS", "SSL and Certificates", "Zone Settings", "Zone WAF", "Cache Rules")
EDGE = "urn:pulumi:prod::pipe::pipe:edge:Edge::edge"


class Cloudflare:
    """The sandbox's API, with a client and the ID of the zone."""

    def __init__(self, api: CloudflareApi, url: str) -> None:
        self.api = api
        self.client = Client(url, Authorization="Bearer of-an-administrator")
        [self.zone] = api.collection("zone").values()
        self.id = self.zone["id"]

    def add(self, path: str, body: dict[str, Any]) -> str:
        """Add an object to the zone; return its ID."""
        status, answer = self.client("POST", f"/client/v4/zones/{self.id}/{path}", body)
        assert status == 200, answer
        return answer["result"]["id"]


@pytest.fixture
def cloud(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloudflare]:
    api = CloudflareApi([ZONE])
    with serve(api) as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{url}/client/v4")
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        yield Cloudflare(api, url)


def lines(stack: Stack, title: str) -> list[str]:
    return stack.lines(cloudflare_zone.questions, title)


def with_zone(stack: Stack, **changes: Any) -> Stack:
    """Return the stack with changed settings of the zone."""
    settings = stack.subject.settings
    zone = settings.edge.zone.model_copy(update=changes)
    edge = settings.edge.model_copy(update={"zone": zone})
    subject = replace(stack.subject, settings=settings.model_copy(update={"edge": edge}))
    return replace(stack, subject=subject)


def test_without_a_token_nothing_is_asked(stack: Stack) -> None:
    for question in cloudflare_zone.questions(stack.subject):
        assert lines(stack, question.title) == [
            "?: CLOUDFLARE_API_TOKEN is not set; fix: set CLOUDFLARE_API_TOKEN, in a real stack to the"
            " deployment token (docs/tokens.md lists the permissions of each token)"
        ]


def test_an_active_token_is_a_yes(stack: Stack, cloud: Cloudflare) -> None:
    assert lines(stack, "token") == ["✓: the token is active"]


def test_an_invalid_token_is_a_no(stack: Stack, cloud: Cloudflare) -> None:
    cloud.api.tokens = {TOKEN: set()}
    [line] = lines(stack, "token")
    assert line.startswith(
        "✗: Cloudflare does not accept the token: 1000 Invalid API Token; fix: set CLOUDFLARE"
    )


def test_an_api_that_is_down_is_no_answer(stack: Stack, cloud: Cloudflare) -> None:
    cloud.client.fail(kind="outage")
    [line] = lines(stack, "zone")
    assert line.startswith("?: Cloudflare answered 503: ") and line.endswith("; fix: ask again")


def test_a_kind_of_token_that_the_endpoint_refuses_is_explained_by_the_page_on_tokens() -> None:
    request = httpx.Request("GET", "https://api.cloudflare.com/client/v4/zones/0/pagerules")
    response = httpx.Response(400, request=request)
    body = {
        "errors": [{"code": 1011, "message": "Page Rules endpoint does not support account owned tokens"}]
    }
    answer = explain(cloudflare.BadRequestError("refused", response=response, body=body))
    assert answer and answer.fix == "docs/tokens.md lists the permissions of each token"
    assert answer.text.startswith("Cloudflare answered 400: 1011 Page Rules")


def test_a_token_with_every_permission_is_a_yes(stack: Stack, cloud: Cloudflare) -> None:
    cloud.api.tokens = {TOKEN: {"Zone Read", *(f"{name} Write" for name in PERMISSIONS[1:])}}
    assert lines(stack, "permission") == [
        "✓: the token has " + ", ".join(f"Zone · {name}" for name in PERMISSIONS)
    ]


@pytest.mark.parametrize("lacking", PERMISSIONS[1:])
def test_a_missing_permission_is_named(stack: Stack, cloud: Cloudflare, lacking: str) -> None:
    cloud.api.tokens = {TOKEN: {f"{name} Write" for name in PERMISSIONS if name != lacking}}
    no, yes = lines(stack, "permission")
    assert no == (
        f"✗ Zone · {lacking}: the token lacks it: 10000 Authentication error; fix: add the permission to the"
        " token (docs/tokens.md lists the permissions of each token)"
    )
    assert yes.startswith("✓: the token has ") and lacking not in yes.split(", ")


@pytest.mark.parametrize("phase", ["Zone WAF", "Cache Rules"])
def test_a_permission_to_read_rulesets_is_not_enough(stack: Stack, cloud: Cloudflare, phase: str) -> None:
    cloud.api.tokens = {TOKEN: {f"{name} Write" for name in PERMISSIONS if name != phase} | {f"{phase} Read"}}
    assert lines(stack, "permission")[0].startswith(f"✗ Zone · {phase}: the token lacks it")


def test_a_dry_run_changes_no_ruleset(stack: Stack, cloud: Cloudflare) -> None:
    rule = {
        "expression": "true",
        "action": "block",
        "ref": "mine",
        "ratelimit": {
            "characteristics": ["ip.src", "cf.colo.id"],
            "period": 60,
            "requests_per_period": 5,
            "mitigation_timeout": 60,
        },
    }
    cloud.add("rulesets", {"kind": "zone", "name": "x", "phase": "http_ratelimit", "rules": [rule]})
    before = repr(cloud.api.collection("ruleset", cloud.id))
    assert lines(stack, "permission")[0].startswith("✓")
    assert repr(cloud.api.collection("ruleset", cloud.id)) == before


def test_another_stack_than_the_owner_needs_fewer_permissions(stack: Stack, cloud: Cloudflare) -> None:
    cloud.api.tokens = {TOKEN: {"Zone Read", "DNS Write", "SSL and Certificates Write"}}
    assert lines(with_zone(stack, owned=False), "permission") == [
        "✓: the token has Zone · Zone, Zone · DNS, Zone · SSL and Certificates"
    ]


def test_an_active_zone_with_the_plan_of_the_stack_file_is_a_yes(stack: Stack, cloud: Cloudflare) -> None:
    assert lines(stack, "zone") == [f"✓: {ZONE} is active, with the plan pro"]


def test_a_pending_zone_is_a_no(stack: Stack, cloud: Cloudflare) -> None:
    cloud.zone["status"] = "pending"
    assert lines(stack, "zone") == [
        f"✗: {ZONE} is pending; fix: set its name servers at the registrar: ada.ns.cloudflare.com,"
        " bob.ns.cloudflare.com"
    ]


def test_another_plan_is_a_no(stack: Stack, cloud: Cloudflare) -> None:
    cloud.zone["plan"] = {"legacy_id": "free"}
    assert lines(stack, "zone") == [
        f"✗: {ZONE} has the plan free, and the stack file says pro; fix: pulumi config set --path"
        " pipe:edge.zone.plan free --stack prod, in all stacks"
    ]


def test_a_zone_that_the_token_does_not_see_is_no_answer(stack: Stack, cloud: Cloudflare) -> None:
    cloud.zone["name"] = "another.example"
    [line] = lines(stack, "zone")
    assert line.startswith(f"?: the token sees 0 zones named {ZONE}; fix: docs/tokens.md")


def test_a_record_of_the_stacks_host_has_an_import_command(stack: Stack, cloud: Cloudflare) -> None:
    first = cloud.add("dns_records", {"name": ZONE, "type": "A", "content": "192.0.2.1", "ttl": 1})
    cloud.add("dns_records", {"name": ZONE, "type": "A", "content": "192.0.2.2", "ttl": 1})
    cloud.add("dns_records", {"name": "mail", "type": "A", "content": "192.0.2.3", "ttl": 1})
    caa = cloud.add(
        "dns_records",
        {"name": ZONE, "type": "CAA", "data": {"flags": 0, "tag": "issue", "value": "pki.goog"}, "ttl": 1},
    )
    command = "pulumi import cloudflare:index/dnsRecord:DnsRecord"
    parent = f'--parent "edge={EDGE}" --stack prod'
    assert lines(stack, "DNS records") == [
        f'✗ {ZONE}: exists as a record of type A; fix: {command} edge "{cloud.id}/{first}" {parent}',
        f"✗ {ZONE}: exists as a record of type A; fix: delete it, since a CNAME allows no other address"
        " record"
        " of its name",
        f'✗ {ZONE}: exists as a record of type CAA; fix: {command} edge-caa-pki.goog "{cloud.id}/{caa}"'
        f" {parent}",
    ]


def test_the_stacks_own_records_do_not_collide(stack: Stack, cloud: Cloudflare) -> None:
    comment = "pipe-prod: to the load balancer; managed by Pulumi"
    cloud.add(
        "dns_records", {"name": ZONE, "type": "A", "content": "192.0.2.1", "ttl": 1, "comment": comment}
    )
    assert lines(stack, "DNS records") == ["✓: no record has a name of the stack's records"]


def test_a_ruleset_of_the_dashboard_has_an_import_command(stack: Stack, cloud: Cloudflare) -> None:
    ruleset = cloud.add(
        "rulesets", {"kind": "zone", "name": "default", "phase": "http_ratelimit", "rules": []}
    )
    own: dict[str, Any] = {"kind": "zone", "name": "x", "phase": "http_request_cache_settings", "rules": []}
    cloud.add("rulesets", own | {"description": "Managed by Pulumi; changes made by hand are lost"})
    assert lines(stack, "rulesets") == [
        "✗ http_ratelimit: the phase has a ruleset; fix: pulumi import cloudflare:index/ruleset:Ruleset"
        f' edge-http-ratelimit "zones/{cloud.id}/{ruleset}" --parent "edge={EDGE}" --stack prod'
        " (or delete the ruleset)"
    ]


def test_rulesets_of_a_zone_of_another_stack_are_skipped(stack: Stack, cloud: Cloudflare) -> None:
    assert lines(with_zone(stack, owned=False), "rulesets") == ["–: another stack owns the zone"]


@pytest.mark.parametrize(
    ("pattern", "is_collision"),
    [(f"*{ZONE}/*", True), (f"https://app.{ZONE}/x", True), (f"www.{ZONE}/*", False)],
)
def test_an_active_page_rule_for_a_host_is_a_no(
    stack: Stack, cloud: Cloudflare, pattern: str, is_collision: bool
) -> None:
    target = {"target": "url", "constraint": {"operator": "matches", "value": pattern}}
    rule = {"targets": [target], "actions": [{"id": "ssl", "value": "flexible"}]}
    cloud.add("pagerules", rule | {"status": "active"})
    cloud.add("pagerules", rule | {"status": "disabled"})
    no = (
        f"✗ {pattern}: the page rule overrides settings of the stack; fix: delete it in the dashboard"
        " (Rules, Page Rules); the program declares no page rules"
    )
    assert lines(stack, "page rules") == [no if is_collision else "✓: none applies to the stack's hosts"]


@pytest.mark.parametrize(
    ("dnssec", "status", "line"),
    [
        (False, None, "✓: disabled"),
        (True, None, "✓: disabled; the next up signs the zone"),
        (True, "active", "✓: active"),
        (
            False,
            "active",
            "✗: it is active, and the stack file says that it is off; fix: set pipe:edge.zone.dnssec to"
            " true in"
            " all stack files; the program never ends DNSSEC",
        ),
        (
            True,
            "pending",
            "✗: Cloudflare signs the zone, and the registrar lacks its DS record; fix: give the registrar the"
            " record DS-RECORD",
        ),
    ],
)
def test_dnssec_is_compared_with_the_stack_file(
    stack: Stack, cloud: Cloudflare, dnssec: bool, status: str | None, line: str
) -> None:
    if status:
        cloud.api.collection("dnssec")[cloud.id] = {"status": status, "ds": "DS-RECORD"}
    assert lines(with_zone(stack, dnssec=dnssec), "DNSSEC") == [line]

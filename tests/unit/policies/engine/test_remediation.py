"""Tests of the level `remediate`: unambiguous repairs that keep the marks of secrets."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies.engine.analyzer import PolicyAnalyzer
from policies.engine.pack import NAME, policies
from policies.engine.waivers import utc_day
from tests.support.policies.fixtures import DEPLOYMENT, KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, changed, provider, secret, urn
from tests.support.rows import each_row


def repaired(policy: str, kind: str, props: dict[str, Any], **options: Any) -> dict[str, Any] | None:
    """Return the properties after a policy's repair, or None if the policy repairs nothing."""
    pack: Any = PolicyAnalyzer(NAME, "1", policies(), EnforcementLevel.ADVISORY)
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig[policy].enforcementLevel = analyzer_pb2.REMEDIATE
    request.policyConfig[policy].properties.update(options)
    pack.Configure(request, None)
    struct = json_format.ParseDict(props, Struct())
    about = analyzer_pb2.AnalyzeRequest(
        type=kind, urn=urn(kind), name="it", properties=struct, provider=provider(kind)
    )
    answer = pack.Remediate(about, None)
    assert all(not item.diagnostic for item in answer.remediations)
    if not answer.remediations:
        return None
    [remediation] = answer.remediations
    after = analyzer_pb2.AnalyzeRequest(
        type=kind, urn=urn(kind), name="it", properties=remediation.properties, provider=provider(kind)
    )
    assert [item for item in pack.Analyze(after, None).diagnostics if item.policyName == policy] == []
    return json_format.MessageToDict(remediation.properties)


CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "tls-cloudflare-zone-old-version",
        "cloudflare:index/zoneSetting:ZoneSetting",
        {"settingId": "min_tls_version", "value": "1.0"},
        {"settingId": "min_tls_version", "value": "1.2"},
    ),
    (
        "tls-cloudflare-zone-old-version",
        "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride",
        {},
        {"settings": {"minTlsVersion": "1.2"}},
    ),
    (
        "tls-cloudflare-hostname-old-version",
        "cloudflare:index/r2CustomDomain:R2CustomDomain",
        {"minTls": "1.0"},
        {"minTls": "1.2"},
    ),
    (
        "tls-cloudflare-hostname-old-version",
        "cloudflare:index/customHostname:CustomHostname",
        {"ssl": {"settings": {"minTlsVersion": "1.1", "http2": "on"}}},
        {"ssl": {"settings": {"minTlsVersion": "1.2", "http2": "on"}}},
    ),
    (
        "tls-cloudflare-hostname-old-version",
        "cloudflare:index/hostnameTlsSetting:HostnameTlsSetting",
        {"settingId": "min_tls_version", "value": "1.1"},
        {"settingId": "min_tls_version", "value": "1.2"},
    ),
    (
        "tls-load-balancer-old-version",
        "aws:lb/listener:Listener",
        {"protocol": "HTTPS"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
    ),
    (
        "tls-api-gateway-old-version",
        "aws:apigatewayv2/domainName:DomainName",
        {"domainNameConfiguration": {"certificateArn": "arn:x"}},
        {"domainNameConfiguration": {"certificateArn": "arn:x", "securityPolicy": "TLS_1_2"}},
    ),
    (
        "tls-api-gateway-old-version",
        "aws:apigateway/domainName:DomainName",
        {},
        {"securityPolicy": "TLS_1_2"},
    ),
]


@each_row(("policy", "kind", "props", "expected"), CASES)
def test_old_tls_is_repaired(policy: str, kind: str, props: dict[str, Any], expected: dict[str, Any]) -> None:
    assert repaired(policy, kind, props) == expected
    assert repaired(policy, kind, expected) is None


def test_missing_tags_get_the_configured_values() -> None:
    values = {"env": "prod", "service": "pipe", "team": "platform"}
    props = {"tags": {"team": "data"}}
    expected = {"tags": {"env": "prod", "service": "pipe", "team": "data"}}
    assert repaired("tags-missing", "aws:s3/bucket:Bucket", props, values=values) == expected
    assert repaired("tags-missing", "aws:s3/bucket:Bucket", {}, values=values) == {"tags": values}


@pytest.mark.parametrize("name", KINDS)
@each_row("variant", ["", "List"])
def test_pods_are_repaired_in_every_kind(name: str, variant: str) -> None:
    broken = changed(POD, spec__automountServiceAccountToken=True, spec__containers__0__image="a:1")
    broken["spec"]["initContainers"] = [{"name": "b", "image": "b:1"}]
    props, _ = around(name, broken)
    props = {"items": [{"kind": name, **props}]} if variant else props
    for policy, text in (
        ("workload-token-mounted", '"automountServiceAccountToken": false'),
        ("workload-image-pull-not-always", '"imagePullPolicy": "Always"'),
    ):
        after = json.dumps(repaired(policy, kind(name, variant), props))
        assert after.count(text) == (1 if policy == "workload-token-mounted" else 2)


def test_a_secret_stays_a_secret() -> None:
    env = [{"name": "A", "value": secret("hunter2")}]
    props = changed(
        DEPLOYMENT,
        spec__template__spec__containers__0__env=env,
        spec__template__spec__automountServiceAccountToken=True,
    )
    after = repaired("workload-token-mounted", kind("Deployment"), props)
    assert after is not None
    assert after["spec"]["template"]["spec"]["containers"][0]["env"] == env
    hidden = repaired(
        "tls-cloudflare-zone-old-version",
        "cloudflare:index/zoneSetting:ZoneSetting",
        {"settingId": "min_tls_version", "value": secret("1.0")},
    )
    assert hidden == {"settingId": "min_tls_version", "value": secret("1.2")}


def test_an_unknown_value_is_not_repaired() -> None:
    policy, zone = "tls-cloudflare-zone-old-version", "cloudflare:index/zoneSetting:ZoneSetting"
    assert repaired(policy, zone, {"settingId": "min_tls_version", "value": UNKNOWN}) is None
    assert repaired("workload-token-mounted", kind("Deployment"), {"spec": UNKNOWN}) is None


@pytest.mark.parametrize(("days", "left"), [(1, True), (-1, False)], ids=["waived", "expired"])
def test_a_waived_violation_is_not_repaired(
    days: int, left: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, zone = "tls-cloudflare-zone-old-version", "cloudflare:index/zoneSetting:ZoneSetting"
    waiver = {
        "reason": "old tills",
        "owner": "shop",
        "ticket": "OPS-9",
        "expires": utc_day() + timedelta(days=days),
        "match": [{"policies": [policy], "targets": [urn(zone)]}],
    }
    (tmp_path / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    monkeypatch.setattr("policies.engine.waivers.own_file", tmp_path / "waivers.yaml")
    assert (repaired(policy, zone, {"settingId": "min_tls_version", "value": "1.0"}) is None) == left

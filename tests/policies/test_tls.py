import json
from typing import Any

import pytest

from policies.rules.tls import safe_elb_policy
from tests.policies.conftest import UNKNOWN, Said, changed

LISTENER = "aws:lb/listener:Listener"
HTTPS = {"protocol": "HTTPS", "port": 443, "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"}
POLICY = "tls-load-balancer-old-version"

# docs.aws.amazon.com/elasticloadbalancing: security policies of all three kinds of load balancers.
SAFE_POLICIES = [
    "TLS13-1-3-2021-06",
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-2021-06",
    "TLS13-1-2-Ext1-2021-06",
    "TLS13-1-2-Ext2-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-FIPS-2023-04",
    "TLS13-1-2-Ext0-FIPS-2023-04",
    "TLS13-1-2-Ext1-FIPS-2023-04",
    "TLS13-1-2-Ext2-FIPS-2023-04",
    "TLS13-1-3-PQ-2025-09",
    "TLS13-1-2-Res-PQ-2025-09",
    "TLS13-1-2-PQ-2025-09",
    "TLS13-1-2-Ext1-PQ-2025-09",
    "TLS13-1-2-Ext2-PQ-2025-09",
    "TLS13-1-3-FIPS-PQ-2025-09",
    "TLS13-1-2-Res-FIPS-PQ-2025-09",
    "TLS13-1-2-FIPS-PQ-2025-09",
    "TLS-1-2-2017-01",
    "TLS-1-2-Ext-2018-06",
    "FS-1-2-Res-2020-10",
    "FS-1-2-Res-2019-08",
    "FS-1-2-2019-08",
]
OLD_POLICIES = [
    "TLS13-1-1-2021-06",
    "TLS13-1-0-2021-06",
    "TLS13-1-1-FIPS-2023-04",
    "TLS13-1-0-FIPS-2023-04",
    "TLS13-1-0-PQ-2025-09",
    "TLS13-1-0-FIPS-PQ-2025-09",
    "TLS-1-1-2017-01",
    "TLS-1-0-2015-04",
    "FS-1-1-2019-08",
    "FS-2018-06",
    "2016-08",
    "2015-05",
    "2015-03",
    "2015-02",
    "2014-10",
    "2014-01",
    "2011-08",
]


@pytest.mark.parametrize("name", SAFE_POLICIES)
def test_a_published_policy_from_tls_1_2_on_is_safe(name: str) -> None:
    assert safe_elb_policy(f"ELBSecurityPolicy-{name}")


@pytest.mark.parametrize("name", OLD_POLICIES)
def test_a_published_policy_below_tls_1_2_is_not_safe(name: str) -> None:
    assert not safe_elb_policy(f"ELBSecurityPolicy-{name}")


@pytest.mark.parametrize("module", ["lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing"])
def test_a_listener_of_every_module_is_judged(said: Said, module: str) -> None:
    assert said(POLICY, f"aws:{module}/listener:Listener", HTTPS) == []
    assert said(POLICY, f"aws:{module}/listener:Listener", changed(HTTPS, sslPolicy=None)) == [
        "sslPolicy is not set; set it to ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    ]


def test_an_old_policy_of_a_network_load_balancer_is_named(said: Said) -> None:
    listener = changed(HTTPS, protocol="TLS", sslPolicy="ELBSecurityPolicy-2016-08")
    assert said(POLICY, LISTENER, listener) == [
        "sslPolicy is 'ELBSecurityPolicy-2016-08'; set it to ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    ]


@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "UDP"])
def test_a_listener_without_tls_has_no_policy_to_judge(said: Said, protocol: str) -> None:
    assert said(POLICY, LISTENER, {"protocol": protocol}) == []


def test_an_unknown_policy_is_counted_and_not_passed(said: Said) -> None:
    assert said(POLICY, LISTENER, changed(HTTPS, sslPolicy=UNKNOWN)) == ["unknown: sslPolicy"]


REDIRECT = {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]}


@pytest.mark.parametrize(
    ("props", "wrong"),
    [
        (REDIRECT, False),
        (HTTPS, False),
        (changed(REDIRECT, defaultActions=None), True),
        (changed(REDIRECT, defaultActions__0__redirect__protocol="HTTP"), True),
        (changed(REDIRECT, defaultActions=[*REDIRECT["defaultActions"], {"type": "forward"}]), True),
    ],
)
def test_plain_http_only_redirects(said: Said, props: dict[str, Any], wrong: bool) -> None:
    expected = ["protocol is 'HTTP'; set it to HTTPS, or redirect to it in defaultActions"] if wrong else []
    assert said("tls-load-balancer-plain-http", LISTENER, props) == expected


CLASSIC = "tls-classic-load-balancer-old-version"
LB_POLICY = "aws:elb/loadBalancerPolicy:LoadBalancerPolicy"
NEGOTIATION = "aws:elb/sslNegotiationPolicy:SslNegotiationPolicy"
REFERENCE = {
    "policyTypeName": "SSLNegotiationPolicyType",
    "policyAttributes": [{"name": "Reference-Security-Policy", "value": "ELBSecurityPolicy-TLS-1-2-2017-01"}],
}


def test_a_classic_load_balancer_refers_to_a_safe_policy(said: Said) -> None:
    assert said(CLASSIC, LB_POLICY, REFERENCE) == []
    old = changed(REFERENCE, policyAttributes__0__value="ELBSecurityPolicy-2016-08")
    assert said(CLASSIC, LB_POLICY, old) == [
        "policyAttributes[0].value is 'ELBSecurityPolicy-2016-08'; set it to "
        "ELBSecurityPolicy-TLS-1-2-2017-01"
    ]
    assert said(CLASSIC, LB_POLICY, changed(old, policyTypeName="ProxyProtocolPolicyType")) == []


@pytest.mark.parametrize("name", ["Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1"])
def test_a_classic_load_balancer_switches_old_protocols_off(said: Said, name: str) -> None:
    assert said(CLASSIC, NEGOTIATION, {"attributes": [{"name": name, "value": "false"}]}) == []
    assert said(CLASSIC, NEGOTIATION, {"attributes": [{"name": name, "value": "true"}]}) == [
        f"attributes[0].value is 'true' for {name}; set it to false"
    ]


def test_a_classic_load_balancer_may_switch_tls_1_2_on(said: Said) -> None:
    assert said(CLASSIC, NEGOTIATION, {"attributes": [{"name": "Protocol-TLSv1.2", "value": "true"}]}) == []


CLOUDFRONT = "aws:cloudfront/distribution:Distribution"
DISTRIBUTION: dict[str, Any] = {
    "viewerCertificate": {"acmCertificateArn": "arn:x", "minimumProtocolVersion": "TLSv1.2_2021"},
    "origins": [{"customOriginConfig": {"originSslProtocols": ["TLSv1.2"]}}, {"s3OriginConfig": {}}],
    "defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"},
    "orderedCacheBehaviors": [{"viewerProtocolPolicy": "https-only"}],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"viewerCertificate__minimumProtocolVersion": "TLSv1.3_2025"}, []),
        (
            {"viewerCertificate__minimumProtocolVersion": "TLSv1.1_2016"},
            ["viewerCertificate.minimumProtocolVersion is 'TLSv1.1_2016'; set it to TLSv1.2_2021"],
        ),
        (
            {"viewerCertificate__minimumProtocolVersion": None},
            ["viewerCertificate.minimumProtocolVersion is not set; set it to TLSv1.2_2021"],
        ),
        (
            {"viewerCertificate__cloudfrontDefaultCertificate": True},
            [
                "viewerCertificate.cloudfrontDefaultCertificate is True; set it to false, with "
                "a certificate of your own "
                "and minimumProtocolVersion TLSv1.2_2021"
            ],
        ),
        (
            {"origins__0__customOriginConfig__originSslProtocols": ["TLSv1", "TLSv1.2"]},
            [
                "origins[0].customOriginConfig.originSslProtocols is ['TLSv1', 'TLSv1.2']; set "
                "it to ['TLSv1.2']"
            ],
        ),
        (
            {"defaultCacheBehavior__viewerProtocolPolicy": "allow-all"},
            ["defaultCacheBehavior.viewerProtocolPolicy is 'allow-all'; set it to redirect-to-https"],
        ),
        (
            {"orderedCacheBehaviors__0__viewerProtocolPolicy": "allow-all"},
            ["orderedCacheBehaviors[0].viewerProtocolPolicy is 'allow-all'; set it to redirect-to-https"],
        ),
    ],
)
def test_cloudfront(said: Said, changes: dict[str, Any], expected: list[str]) -> None:
    assert said("tls-cloudfront-old-version", CLOUDFRONT, changed(DISTRIBUTION, **changes)) == expected


@pytest.mark.parametrize(
    "policy", ["TLS_1_2", "SecurityPolicy_TLS13_1_3_2025_09", "SecurityPolicy_TLS12_PFS_2025_EDGE"]
)
def test_api_gateway_from_tls_1_2_on(said: Said, policy: str) -> None:
    assert (
        said(
            "tls-api-gateway-old-version", "aws:apigateway/domainName:DomainName", {"securityPolicy": policy}
        )
        == []
    )


def test_api_gateway_without_a_policy_speaks_tls_1_0(said: Said) -> None:
    assert said("tls-api-gateway-old-version", "aws:apigateway/domainName:DomainName", {}) == [
        "securityPolicy is not set; set it to TLS_1_2"
    ]
    v2 = {"domainNameConfiguration": {"securityPolicy": "TLS_1_0"}}
    assert said("tls-api-gateway-old-version", "aws:apigatewayv2/domainName:DomainName", v2) == [
        "domainNameConfiguration.securityPolicy is 'TLS_1_0'; set it to TLS_1_2"
    ]


SEARCH = {
    "domainEndpointOptions": {"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"}
}


def test_a_search_domain_enforces_https_and_tls_1_2(said: Said) -> None:
    kind = "aws:opensearch/domain:Domain"
    assert said("tls-search-domain-old-version", kind, SEARCH) == []
    assert said("tls-search-domain-old-version", kind, {}) == [
        "domainEndpointOptions.enforceHttps is not set; set it to true",
        "domainEndpointOptions.tlsSecurityPolicy is not set; set it to Policy-Min-TLS-1-2-2019-07",
    ]


ZONE = "tls-cloudflare-zone-old-version"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_zone_from_tls_1_2_on(said: Said, version: str) -> None:
    assert said(ZONE, SETTING, {"settingId": "min_tls_version", "value": version}) == []


def test_a_zone_with_tls_1_1_is_named_with_its_remedy(said: Said) -> None:
    assert said(ZONE, SETTING, {"settingId": "min_tls_version", "value": "1.1"}) == [
        "value is '1.1'; set it to '1.2' or '1.3'"
    ]
    assert said(ZONE, SETTING, {"settingId": "ssl", "value": "strict"}) == []


def test_the_older_form_of_zone_settings_counts_too(said: Said) -> None:
    kind = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
    assert said(ZONE, kind, {"settings": {"minTlsVersion": "1.2"}}) == []
    assert said(ZONE, kind, {"settings": {}}) == [
        "settings.minTlsVersion is not set; set it to '1.2' or '1.3'"
    ]


HOST = "tls-cloudflare-hostname-old-version"


@pytest.mark.parametrize(
    ("kind", "props", "expected"),
    [
        ("hostnameTlsSetting:HostnameTlsSetting", {"settingId": "min_tls_version", "value": "1.2"}, []),
        (
            "hostnameTlsSetting:HostnameTlsSetting",
            {"settingId": "min_tls_version", "value": "1.0"},
            ["value is '1.0'; set it to '1.2' or '1.3'"],
        ),
        ("hostnameTlsSetting:HostnameTlsSetting", {"settingId": "http2", "value": "on"}, []),
        ("customHostname:CustomHostname", {"ssl": {"settings": {"minTlsVersion": "1.3"}}}, []),
        ("customHostname:CustomHostname", {"ssl": {}}, []),
        (
            "customHostname:CustomHostname",
            {"ssl": {"settings": {"minTlsVersion": "1.1"}}},
            ["ssl.settings.minTlsVersion is '1.1'; set it to '1.2' or '1.3'"],
        ),
        ("r2CustomDomain:R2CustomDomain", {"minTls": "1.2"}, []),
        ("r2CustomDomain:R2CustomDomain", {}, ["minTls is not set; set it to '1.2' or '1.3'"]),
    ],
)
def test_a_host_with_settings_of_its_own(
    said: Said, kind: str, props: dict[str, Any], expected: list[str]
) -> None:
    assert said(HOST, f"cloudflare:index/{kind}", props) == expected


BUCKET = "aws:s3/bucketPolicy:BucketPolicy"
NAMES = ["arn:aws:s3:::pipe-backup", "arn:aws:s3:::pipe-backup/*"]
PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": NAMES,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OLD = {**PLAIN, "Principal": {"AWS": "*"}, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}
NO_PLAIN = (
    "policy is without a denial of plain HTTP; deny s3:* on the bucket and its objects under "
    '{"Bool": {"aws:SecureTransport": "false"}}'
)
NO_OLD = (
    "policy is without a denial of TLS below 1.2; deny s3:* on the bucket and its objects under "
    '{"NumericLessThan": {"s3:TlsVersion": "1.2"}}'
)


def document(*statements: dict[str, Any]) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


def test_a_bucket_policy_with_both_denials_passes(said: Said) -> None:
    assert said("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN, OLD)) == []


@pytest.mark.parametrize(
    "weak",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Action": "s3:GetObject"},
        {"Resource": NAMES[:1]},
        {"Resource": NAMES[1:]},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"StringEquals": {"aws:SecureTransport": "false"}}},
        {"Condition": {"Bool": {"aws:ViaAWSService": "false"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}},
        {"NotPrincipal": "*", "Principal": "*"},
        {"Condition": {}},
    ],
)
def test_a_denial_of_plain_http_that_leaves_something_out_does_not_count(
    said: Said, weak: dict[str, Any]
) -> None:
    assert said("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN | weak, OLD)) == [NO_PLAIN]


@pytest.mark.parametrize(
    "weak",
    [
        {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.1"}}},
        {"Condition": {"NumericGreaterThan": {"s3:TlsVersion": "1.2"}}},
        {"Condition": {"NumericLessThan": {"s3:signatureAge": "1.2"}}},
        {
            "Condition": {
                "NumericLessThan": {"s3:TlsVersion": "1.2"},
                "Bool": {"aws:SecureTransport": "false"},
            }
        },
    ],
)
def test_a_denial_of_old_tls_that_leaves_something_out_does_not_count(
    said: Said, weak: dict[str, Any]
) -> None:
    assert said("tls-bucket-policy-missing-denial", BUCKET, document(PLAIN, OLD | weak)) == [NO_OLD]


def test_a_policy_of_one_statement_and_wildcards_is_read(said: Said) -> None:
    one = {"policy": json.dumps({"Statement": PLAIN | {"Action": "*", "Resource": "*"}})}
    assert said("tls-bucket-policy-missing-denial", BUCKET, one) == [NO_OLD]


def test_a_policy_that_is_not_known_is_counted(said: Said) -> None:
    assert said("tls-bucket-policy-missing-denial", BUCKET, {"policy": UNKNOWN}) == ["unknown: policy"]


DATABASE = "tls-database-parameter-old-version"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"


def group(family: str, **parameters: str) -> dict[str, Any]:
    pairs = [{"name": name.replace("__", "."), "value": value} for name, value in parameters.items()]
    return {"family": family, "parameters": pairs}


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        (group("postgres17", rds__force_ssl="1", ssl_min_protocol_version="TLSv1.2"), []),
        (group("postgres17"), []),
        (group("postgres15"), []),
        (group("postgres14"), ["parameters is without rds.force_ssl; add it with the value 1"]),
        (group("aurora-postgresql16"), ["parameters is without rds.force_ssl; add it with the value 1"]),
        (group("aurora-postgresql17"), []),
        (
            group("postgres11", rds__force_ssl="1"),
            ["parameters is without ssl_min_protocol_version; add it with the value TLSv1.2"],
        ),
        (
            group("postgres17", rds__force_ssl="0"),
            ["parameters[0].value is '0' for rds.force_ssl; set it to 1"],
        ),
        (
            group("postgres17", ssl_min_protocol_version="TLSv1.1"),
            ["parameters[0].value is 'TLSv1.1' for ssl_min_protocol_version; set it to TLSv1.2"],
        ),
        (group("mysql8.0", require_secure_transport="ON"), []),
        (group("mysql8.4"), []),
        (group("mysql8.0"), ["parameters is without require_secure_transport; add it with the value 1"]),
        (
            group("mysql5.7", require_secure_transport="1"),
            ["parameters is without tls_version; add it with the value TLSv1.2"],
        ),
        (
            group("mysql8.0", require_secure_transport="1", tls_version="TLSv1,TLSv1.2"),
            ["parameters[1].value is 'TLSv1,TLSv1.2' for tls_version; set it to TLSv1.2"],
        ),
        (
            group("sqlserver-ee-16.0", rds__force_ssl="1", rds__tls10="disabled"),
            ["parameters is without rds.tls11; add it with the value disabled"],
        ),
        (group("oracle-ee-19"), []),
    ],
)
def test_database_parameters(said: Said, props: dict[str, Any], expected: list[str]) -> None:
    assert said(DATABASE, PARAMETERS, props) == expected
    assert said(DATABASE, "aws:rds/clusterParameterGroup:ClusterParameterGroup", props) == expected
